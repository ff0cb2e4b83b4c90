"""FSMN-VAD from a directory: the probabilities of FunASR's own export, or a refusal in one line."""

import re
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import soundfile
import yaml
from numpy.typing import NDArray

from segue.errors import InferenceFailed, InvalidSamples, ModelError, ModelIncomplete, ModelInvalid, ModelUnsupported
from segue.models.fsmn import FsmnScorer, load
from segue.models.fsmn_graph import build
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.features import LOG_FLOOR, Frontend, power_spectra
from segue.speech.scorer import Samples, SilenceProbs
from tests.models.networks import KALDI_8K, Network, Sizes, random_cmvn, random_weights, write_network

NOTHING = np.empty(0, dtype=np.float32)


@pytest.fixture(scope="module")
def scorer(model_directory: Path) -> FsmnScorer:
    return load(model_directory)[0]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return write_network(tmp_path_factory.mktemp("models") / "8k")


def heard(scorer: FsmnScorer, samples: Samples) -> SilenceProbs:
    stream = scorer.open()
    return np.concatenate((stream.accept(samples), stream.finish()))


def funasr(directory: Path, samples: Samples) -> NDArray[np.float32]:
    """p(silence) by FunASR's export, run by ONNX Runtime on features stacked and normalised here."""
    frontend = Frontend()
    (power,) = power_spectra(frontend, [samples])
    log_mel = np.log(np.maximum(power @ frontend.mel_filters(), LOG_FLOOR))
    padded = np.concatenate((log_mel[:1], log_mel[:1], log_mel, log_mel[-1:], log_mel[-1:]))
    stacked = np.concatenate([padded[k : k + len(log_mel)] for k in range(5)], axis=1)
    shift, scale = (
        np.array(vector.split(), dtype=np.float64)
        for vector in re.findall(r"\[([^\]]{99,})\]", (directory / "am.mvn").read_text(encoding="ascii"))
    )
    session = onnxruntime.InferenceSession(directory / "model.onnx", providers=["CPUExecutionProvider"])
    caches = {f"in_cache{i}": np.zeros((1, 128, 19, 1), dtype=np.float32) for i in range(4)}
    speech = ((stacked + shift) * scale).astype(np.float32)[None]
    logits: NDArray[np.float32] = session.run(["logits"], {"speech": speech, **caches})[0]
    return logits[0, :, 0]


# -- probabilities -------------------------------------------------------------------------------------------------


def test_probabilities_are_those_of_funasrs_export(
    model_directory: Path, scorer: FsmnScorer, long_speech: Samples
) -> None:
    """On speech, p(silence) differs from FunASR's own export by at most 1e-5."""
    samples = long_speech[: 16_000 * 60]
    ours, theirs = heard(scorer, samples), funasr(model_directory, samples)
    assert ours.shape == theirs.shape == (5_998,)
    assert ours.std() > 0.3  # speech and silence
    assert np.abs(ours - theirs).max() <= 1e-5


@pytest.mark.parametrize("kept", ["model.onnx", "model.pt"])
def test_checkpoint_and_export_are_one_model(
    model_directory: Path, tmp_path: Path, scorer: FsmnScorer, speech: Samples, kept: str
) -> None:
    """A directory with only the checkpoint, or only the export, gives the probabilities of the whole one."""
    for name in (kept, "am.mvn", "config.yaml"):
        shutil.copy(model_directory / name, tmp_path)
    alone, _ = load(tmp_path)
    assert np.abs(heard(alone, speech) - heard(scorer, speech)).max() <= 1e-6


@pytest.mark.parametrize("clip", ["misc/vad_example", "meeting/dev00", "ten/testset-audio-01", "ten/testset-audio-07"])
def test_probabilities_are_funasrs_on_real_recordings(shared_data: Path, scorer: FsmnScorer, clip: str) -> None:
    """On real recordings p(silence) is within 1e-4 of what FunASR gave, its own front end included."""
    with np.load(shared_data / "reference" / "p_silence.npz") as references:
        expected = references[clip]
    samples, rate = soundfile.read(shared_data / f"{clip}.wav", dtype="float32")
    ours = heard(scorer, samples)
    assert rate == scorer.sample_rate
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= 1e-4


@pytest.mark.parametrize("kind", ["model.pt", "model.onnx"])
@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_any_size_and_rate_runs(tmp_path: Path, kind: str, rate: int) -> None:
    """Rate, mel bands, stacking, layers and taps come from the model: any of them gives the plain statement's p."""
    frontend = Frontend(sample_rate=rate, frame_length_ms=32, frame_shift_ms=8, mel_bins=6, lfr_frames=7)
    network = write_network(tmp_path, frontend=frontend, kind=kind, layers=3, taps=7)
    scorer, rules = load(tmp_path)
    samples = (0.1 * np.random.default_rng(0).standard_normal(rate)).astype(np.float32)
    (power,) = power_spectra(frontend, [samples])
    rows = np.concatenate((np.repeat(power[:1], 3, axis=0), power, np.repeat(power[-1:], 3, axis=0)))
    assert np.abs(heard(scorer, samples) - network.p_silence(rows)).max() <= 1e-5
    assert (scorer.sample_rate, scorer.frame_ms, rules.frame_ms) == (rate, 8, 8)
    assert scorer.context_ms == (3 * 6 + 2 * 3) * 8 + 32


def test_the_default_models_facts(scorer: FsmnScorer) -> None:
    """16 kHz, frames of 10 ms, and a memory of 76 frames with 4 of context and one window: 825 ms."""
    assert (scorer.sample_rate, scorer.frame_ms, scorer.context_ms) == (16_000, 10, 825)


def test_the_models_rules_come_from_its_config(network: Network, tmp_path: Path) -> None:
    """Decision parameters of config.yaml are the rules' own layer; FunASR's own ignored ones do not disturb."""
    edit(network, tmp_path, lambda c: c["model_conf"].update(max_end_silence_time=700, fe_prior_thres=0.1, snr_mode=0))
    _, rules = load(tmp_path)
    assert rules.max_end_silence_time == 700
    assert rules.sources()["max_end_silence_time"] == "model"


# -- many streams, many threads ------------------------------------------------------------------------------------


def test_many_streams_at_once_get_what_each_gets_alone(scorer: FsmnScorer, long_speech: Samples) -> None:
    """Streams at different positions, with chunks of unequal length (none, one sample, seconds), in one call each."""
    rng = np.random.default_rng(0)
    audio = [long_speech[i * 160_000 + 37 * i :][:80_000] for i in range(9)]
    lengths = [rng.choice([0, 1, 159, 160, 399, 3_200, 3_200, 3_200, 5_000], size=30) for _ in audio]
    together = [scorer.open() for _ in audio]
    alone = [scorer.open() for _ in audio]
    at = [0] * len(audio)
    for turn in range(30):
        present = [i for i in range(len(audio)) if (turn + i) % 4]  # not every stream has a chunk each time
        chunks = [audio[i][at[i] : at[i] + lengths[i][turn]] for i in present]
        answers = scorer.accept_many([together[i] for i in present], chunks)
        for i, chunk, answer in zip(present, chunks, answers, strict=True):
            at[i] += len(chunk)
            np.testing.assert_allclose(answer, alone[i].accept(chunk), atol=1e-6)
    assert min(at) > 16_000
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.finish(), other.finish(), atol=1e-6)


def test_long_chunks_are_accepted_beside_short_ones(scorer: FsmnScorer, long_speech: Samples) -> None:
    """A chunk of 20 s in a batch is cut into blocks, and gets what it gets alone."""
    chunks = [long_speech[: 16_000 * 20], long_speech[:800], NOTHING]
    answers = scorer.accept_many([scorer.open() for _ in chunks], chunks)
    for chunk, answer in zip(chunks, answers, strict=True):
        np.testing.assert_allclose(answer, scorer.open().accept(chunk), atol=1e-6)


def test_streams_of_a_batch_must_be_distinct_and_its_own(scorer: FsmnScorer, network: Network) -> None:
    """A repeated stream, a foreign one, or another number of chunks is a mistake of the caller; none is none."""
    stream, foreign = scorer.open(), load(network.directory)[0].open()
    for streams, chunks in (([stream, stream], 2), ([stream, foreign], 2), ([stream], 2), ([stream], 0)):
        with pytest.raises(ValueError, match="distinct streams of this scorer"):
            scorer.accept_many(streams, [NOTHING] * chunks)
    assert scorer.accept_many([], []) == []


def test_threads_share_a_scorer(scorer: FsmnScorer, long_speech: Samples) -> None:
    """16 threads with a stream each get, bit for bit, what each gets alone."""
    audio = [long_speech[i * 16_000 * 8 :][: 16_000 * 12] for i in range(16)]

    def chunked(samples: Samples) -> SilenceProbs:
        stream = scorer.open()
        pieces = [stream.accept(samples[at : at + 4_801]) for at in range(0, len(samples), 4_801)]
        return np.concatenate((*pieces, stream.finish()))

    alone = [chunked(samples) for samples in audio]
    with ThreadPoolExecutor(16) as pool:
        for one, other in zip(pool.map(chunked, audio), alone, strict=True):
            np.testing.assert_array_equal(one, other)


# -- failures ------------------------------------------------------------------------------------------------------


def damaged(value: float) -> FsmnScorer:
    """A scorer whose weights hold ``value``, as no loader would let pass."""
    weights = random_weights(Sizes())
    weights.outputs[1].weight[0, 0] = value
    graph = build(KALDI_8K, random_cmvn(24), weights, [0])
    return FsmnScorer(graph, KALDI_8K, (2, 3, 6))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_that_answers_nan_fails_loudly(value: float) -> None:
    """NaN out of the graph raises InferenceFailed: a broken model never looks like silence."""
    with pytest.raises(InferenceFailed, match="NaN or infinite"):
        damaged(value).open().accept(np.ones(800, dtype=np.float32))


def test_a_failure_moves_no_stream(network: Network) -> None:
    """When one stream of a batch fails, no stream has taken its chunk: each is tried again alone and loses nothing."""
    scorer, _ = load(network.directory)
    rng = np.random.default_rng(0)
    audio = [rng.standard_normal(4_000).astype(np.float32) for _ in range(3)]
    bad = audio[1][1_000:2_000].copy()
    bad[500] = np.nan  # no detector lets it through: it stands for whatever makes a run fail
    streams = [scorer.open() for _ in audio]
    heard_before = scorer.accept_many(streams, [samples[:1_000] for samples in audio])
    with pytest.raises(InferenceFailed):
        scorer.accept_many(streams, [audio[0][1_000:1_700], bad, audio[2][1_000:2_000]])
    with pytest.raises(InferenceFailed):
        streams[1].accept(bad)
    for stream, samples, before in zip(streams, audio, heard_before, strict=True):
        whole = np.concatenate((before, stream.accept(samples[1_000:]), stream.finish()))
        np.testing.assert_allclose(whole, heard(scorer, samples), atol=1e-6)


def test_a_failure_late_in_a_long_chunk_moves_no_stream(network: Network) -> None:
    """A long chunk is scored in blocks; when a later one fails, the earlier ones have not moved the stream."""
    scorer, _ = load(network.directory)
    samples = np.random.default_rng(0).standard_normal(8_000 * 11).astype(np.float32)
    bad = samples.copy()
    bad[-100] = np.nan
    stream = scorer.open()
    with pytest.raises(InferenceFailed):
        stream.accept(bad)
    np.testing.assert_array_equal(np.concatenate((stream.accept(samples), stream.finish())), heard(scorer, samples))


def test_nan_samples_do_not_reach_a_scorer(network: Network) -> None:
    """The detector refuses NaN samples as the caller's mistake, before the model could be blamed."""
    scorer, rules = load(network.directory)
    stream = Detector(scorer, rules, model=ModelIdentity("test", None, "0" * 64)).stream()
    with pytest.raises(InvalidSamples, match="nan"):
        stream.accept(np.full(800, np.nan, dtype=np.float32))


# -- directories that cannot run -----------------------------------------------------------------------------------


def edit(network: Network, directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A copy of ``network`` whose config.yaml is changed."""
    shutil.copytree(network.directory, directory, dirs_exist_ok=True)
    config = yaml.safe_load((directory / "config.yaml").read_text(encoding="utf-8"))
    change(config)
    (directory / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def refusal(directory: Path, kind: type[ModelError]) -> str:
    """The message with which ``directory`` is refused: of this very class, and one line."""
    with pytest.raises(ModelError) as caught:
        load(directory)
    assert type(caught.value) is kind, caught.value
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("name", ["config.yaml", "am.mvn", "model.pt"])
def test_a_missing_file_is_named(network: Network, tmp_path: Path, name: str) -> None:
    """A directory without one of its files is incomplete, and the message says which."""
    shutil.copytree(network.directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).unlink()
    assert name in refusal(tmp_path, ModelIncomplete)


BAD_YAML: Mapping[str, bytes] = {
    "unclosed": b"frontend_conf: {fs: 16000",
    "tabs": b"a:\n\t- b",
    "not UTF-8": b"a: \xff\xfe\x00",
    "an impossible date": b"a: 2024-13-32",
    "nested too deep": b"[" * 20_000,
    "an object": b"!!python/object/apply:os.system ['true']",
    "a list": b"- 1",
    "nothing": b"",
    "a section that is a list": b"frontend_conf: [1]",
    "a section without content": b"model_conf:",
}


@pytest.mark.parametrize("content", BAD_YAML)
def test_a_damaged_config_is_refused(network: Network, tmp_path: Path, content: str) -> None:
    """A config.yaml that is no YAML, or no FunASR configuration, is invalid, and nothing in it runs."""
    shutil.copytree(network.directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.yaml").write_bytes(BAD_YAML[content])
    assert "config.yaml" in refusal(tmp_path, ModelInvalid)


def test_keys_that_are_no_text_do_not_disturb(network: Network, tmp_path: Path) -> None:
    """A config.yaml may have keys that Segue does not know, of any type."""
    unknown: list[Any] = [2, None, "x_conf"]
    edit(network, tmp_path, lambda c: c.update(dict.fromkeys(unknown)))
    assert load(tmp_path)[0].sample_rate == 8_000


UNSUPPORTED: Mapping[str, tuple[str, dict[str, object]]] = {
    "a gate on loudness": ("model_conf", {"decibel_thres": -40}),
    "a gate on the SNR": ("model_conf", {"snr_thres": 5.0}),
    "a gate that is no number": ("model_conf", {"decibel_thres": "loud"}),
    "a gate that is NaN": ("model_conf", {"decibel_thres": float("nan")}),
    "every second frame": ("frontend_conf", {"lfr_n": 2}),
    "another window": ("frontend_conf", {"window": "hanning"}),
    "dither": ("frontend_conf", {"dither": 1.0}),
    "samples not scaled": ("frontend_conf", {"upsacle_samples": False}),
    "frames beyond the ends": ("frontend_conf", {"snip_edges": False}),
    "an even number stacked": ("frontend_conf", {"lfr_m": 4}),
    "frames that leave gaps": ("frontend_conf", {"frame_shift": 30}),
    "frames of half samples": ("frontend_conf", {"fs": 22_050}),
    "memory of the future": ("encoder_conf", {"rorder": 1}),
    "memory with strides": ("encoder_conf", {"lstride": 2}),
    "fewer layers": ("encoder_conf", {"fsmn_layers": 1}),
}


@pytest.mark.parametrize("wish", UNSUPPORTED)
def test_what_is_not_implemented_is_refused(network: Network, tmp_path: Path, wish: str) -> None:
    """A configuration that would need another front end, network or gate is refused by name, never run differently."""
    section, values = UNSUPPORTED[wish]
    edit(network, tmp_path, lambda c: c[section].update(values))
    message = refusal(tmp_path, ModelUnsupported)
    assert wish == "fewer layers" or str(next(iter(values.values()))) in message


INVALID: Mapping[str, tuple[str, dict[str, object]]] = {
    "rate": ("frontend_conf", {"fs": "16k"}),
    "rate too high": ("frontend_conf", {"fs": 10**12}),
    "rate true": ("frontend_conf", {"fs": True}),
    "no mel bands": ("frontend_conf", {"n_mels": 0}),
    "other mel bands": ("frontend_conf", {"n_mels": 9}),
    "half a millisecond": ("frontend_conf", {"frame_shift": 0.5}),
    "length null": ("frontend_conf", {"frame_length": None}),
    "layers as text": ("encoder_conf", {"fsmn_layers": "four"}),
    "no layers": ("encoder_conf", {"fsmn_layers": 0}),
    "a billion layers": ("encoder_conf", {"fsmn_layers": 10**9}),
    "missing layers": ("encoder_conf", {"fsmn_layers": 3}),
    "silence beyond the classes": ("model_conf", {"sil_pdf_ids": [9]}),
    "silence below them": ("model_conf", {"sil_pdf_ids": [-1]}),
    "no silence": ("model_conf", {"sil_pdf_ids": []}),
    "silence as a number": ("model_conf", {"sil_pdf_ids": 0}),
    "silence as text": ("model_conf", {"sil_pdf_ids": ["0"]}),
    "a parameter as text": ("model_conf", {"max_end_silence_time": "soon"}),
    "a parameter out of range": ("model_conf", {"window_size_ms": -5}),
}


@pytest.mark.parametrize("mistake", INVALID)
def test_an_impossible_config_is_refused(network: Network, tmp_path: Path, mistake: str) -> None:
    """A value of a wrong type, out of range, or that the weights contradict is invalid, and named."""
    section, values = INVALID[mistake]
    edit(network, tmp_path, lambda c: c[section].update(values))
    message = refusal(tmp_path, ModelInvalid)
    assert str(tmp_path) in message


def test_another_kind_of_model_is_refused(network: Network, tmp_path: Path) -> None:
    """A directory with another network of FunASR's is not an FSMN-VAD, and is told by its name."""
    edit(network, tmp_path, lambda c: c.update(model="Paraformer"))
    assert "Paraformer" in refusal(tmp_path, ModelUnsupported)


BAD_MVN: Mapping[str, str] = {
    "too short": "<AddShift> [ 1 2 ] <Rescale> [ 1 2 ]",
    "one vector": "<AddShift> [ 1 2 ]",
    "text": "<AddShift> [ a b ] <Rescale> [ 1 2 ]",
    "empty": "",
    "NaN": f"<AddShift> [ {'nan ' * 24} ] <Rescale> [ {'1 ' * 24} ]",
    "infinite": f"<AddShift> [ {'1 ' * 24} ] <Rescale> [ {'inf ' * 24} ]",
    "not ASCII": "ü",
}


@pytest.mark.parametrize("content", BAD_MVN)
def test_a_damaged_normalisation_is_refused(network: Network, tmp_path: Path, content: str) -> None:
    """An am.mvn of another length, or that holds no finite numbers, is invalid."""
    shutil.copytree(network.directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / "am.mvn").write_text(BAD_MVN[content], encoding="utf-8")
    assert "am.mvn" in refusal(tmp_path, ModelInvalid)


def test_an_int8_export_is_refused(model_directory: Path, tmp_path: Path) -> None:
    """FunASR's export quantised to int8 decides other frames: it is refused, not run as if it were the same model."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    shutil.copytree(model_directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.pt").unlink()
    quantization.quantize_dynamic(model_directory / "model.onnx", tmp_path / "model.onnx")
    assert "float export" in refusal(tmp_path, ModelUnsupported)


def test_a_state_that_does_not_fit_fails_in_one_line(network: Network) -> None:
    """What ONNX Runtime says of a run that cannot be, arrives as InferenceFailed on one line."""
    frontend = replace(KALDI_8K)
    graph = build(frontend, network.cmvn, network.weights, [0])
    with pytest.raises(InferenceFailed, match="the FSMN-VAD graph failed") as caught:
        FsmnScorer(graph, frontend, (2, 5, 6)).open().accept(np.zeros(800, dtype=np.float32))
    assert len(str(caught.value).splitlines()) == 1


def test_a_graph_that_is_none_is_refused() -> None:
    """Bytes that ONNX Runtime cannot prepare are ModelInvalid on one line."""
    with pytest.raises(ModelInvalid, match="cannot be prepared") as caught:
        FsmnScorer(b"no graph", KALDI_8K, (2, 3, 6))
    assert len(str(caught.value).splitlines()) == 1
