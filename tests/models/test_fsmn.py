"""FSMN-VAD from a directory: the probabilities of FunASR's own export, or a refusal in one line."""

import re
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
from numpy.typing import NDArray

from segue.errors import InferenceFailed, InvalidSamples, ModelError, ModelIncomplete, ModelInvalid, ModelUnsupported
from segue.models.fsmn import FsmnScorer, load
from segue.models.fsmn_graph import build
from segue.speech.detection import ModelIdentity
from segue.speech.detector import Detector
from segue.speech.features import LOG_FLOOR, Frontend, power_spectra
from segue.speech.scorer import Samples, SilenceProbs
from tests.models.networks import (
    KALDI_8K,
    Network,
    Sizes,
    cmvn_text,
    edit,
    export,
    random_cmvn,
    random_weights,
    write_network,
)

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


def test_an_export_and_a_checkpoint_that_differ_are_refused(network: Network, tmp_path: Path) -> None:
    """A fine-tuned model.pt put beside the old model.onnx is refused, for one of them would be used in silence."""
    for name in ("config.yaml", "am.mvn", "model.pt"):
        shutil.copy(network.directory / name, tmp_path)
    (tmp_path / "model.onnx").write_bytes(export(network.weights).SerializeToString())
    load(tmp_path)
    (tmp_path / "model.onnx").write_bytes(export(random_weights(Sizes(), seed=5)).SerializeToString())
    with pytest.raises(ModelInvalid, match="different weights"):
        load(tmp_path)


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


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("count", [1, 8])
def test_a_stream_keeps_nothing_of_the_batch_that_it_was_in(tmp_path: Path, layers: int, count: int) -> None:
    """What a stream holds between chunks is its own state: a batch of a thousand is not kept by its last stream."""
    scorer, _ = load(write_network(tmp_path, layers=layers).directory)
    streams = [scorer.open() for _ in range(count)]
    scorer.accept_many(streams, [np.ones(4_000, dtype=np.float32)] * count)
    for stream in streams:
        held = stream.state
        while isinstance(held.base, np.ndarray):
            held = held.base
        assert held.nbytes == stream.state.nbytes == layers * 3 * 6 * 4


# -- failures ------------------------------------------------------------------------------------------------------


def damaged(value: float) -> FsmnScorer:
    """A scorer whose weights hold ``value``, as no loader would let pass."""
    weights = random_weights(Sizes())
    weights.blocks[1].projection[0, 0] = value  # what is folded is checked when the graph is built
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


CONTRADICTED: Mapping[str, tuple[str, dict[str, object], type[ModelError]]] = {
    "fewer layers": ("encoder_conf", {"fsmn_layers": 1}, ModelUnsupported),
    "missing layers": ("encoder_conf", {"fsmn_layers": 3}, ModelInvalid),
    "silence beyond the classes": ("model_conf", {"sil_pdf_ids": [9]}, ModelInvalid),
}


@pytest.mark.parametrize("mistake", CONTRADICTED)
def test_a_config_that_the_weights_contradict_is_refused(network: Network, tmp_path: Path, mistake: str) -> None:
    """What config.yaml says of layers and classes is held against the network, and the directory is named."""
    section, values, kind = CONTRADICTED[mistake]
    edit(network, tmp_path, lambda c: c[section].update(values))
    assert str(tmp_path) in refusal(tmp_path, kind)


def test_a_front_end_of_another_width_is_refused(network: Network, tmp_path: Path) -> None:
    """A config.yaml and an am.mvn that agree with each other and not with the network are refused."""
    edit(network, tmp_path, lambda c: c["frontend_conf"].update(n_mels=9))
    (tmp_path / "am.mvn").write_text(cmvn_text([0.0] * 27, [1.0] * 27), encoding="ascii")
    assert "takes 24 features, its config.yaml makes 9 x 3" in refusal(tmp_path, ModelInvalid)


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
