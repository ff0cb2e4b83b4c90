"""What every Scorer must do, whatever it is made of. A new one joins by a line in ``SCORERS``."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, repeat
from pathlib import Path

import numpy as np
import pytest
import soxr

from segue import models
from segue.models.isolated.scorer import load as isolated
from segue.speech.features import Frontend
from segue.speech.scorer import Samples, Scorer, ScoreStream, SilenceProbs
from tests.fakes import LoudnessScorer
from tests.models.networks import write_int8_of, write_network
from tests.speech.feeding import chunks, random_sizes

TOLERANCE = 1e-6
"""Between chunkings: float32 rounding of matrix products of other sizes."""


def _default(directory: Path, _: Path) -> Scorer:
    return models.load(directory)[0]


def _small_8k(_: Path, scratch: Path) -> Scorer:
    return models.load(write_network(scratch / "8k").directory)[0]


def _small_export(_: Path, scratch: Path) -> Scorer:
    """Seven frames stacked, a long memory, frames of 32 ms every 8: unlike the default in every number."""
    # 16 bands or a multiple, as every FSMN-VAD has (80): ONNX Runtime takes the logarithm of 16 values at once, and of
    # what is left at the end of a run by another formula, so that with 6 bands the last bit depends on the chunks.
    frontend = Frontend(sample_rate=16_000, frame_length_ms=32, frame_shift_ms=8, mel_bins=16, lfr_frames=7)
    sizes = {"taps": 11, "projection": 16}
    return models.load(write_network(scratch / "x", frontend=frontend, kind="model.onnx", seed=1, **sizes).directory)[0]


def _int8(directory: Path, scratch: Path) -> Scorer:
    """Rounded to 255 steps: what differed by the last bit between chunkings would differ by a step."""
    return models.load(write_int8_of(directory, scratch / "int8"))[0]


def _small_int8(_: Path, scratch: Path) -> Scorer:
    return models.load(write_int8_of(write_network(scratch / "float", seed=2).directory, scratch / "int8"))[0]


def _loudness(_: Path, __: Path) -> Scorer:
    return LoudnessScorer()


def _isolated(directory: Path, _: Path) -> Scorer:
    return isolated(directory)[0]


def _isolated_small_8k(_: Path, scratch: Path) -> Scorer:
    return isolated(write_network(scratch / "8k").directory)[0]


def _isolated_small_export(directory: Path, scratch: Path) -> Scorer:
    _small_export(directory, scratch)
    return isolated(scratch / "x")[0]


def _isolated_loudness(_: Path, scratch: Path) -> Scorer:
    return isolated(scratch, loader="tests.models.isolated.faults:load_loudness")[0]


SCORERS: Mapping[str, Callable[[Path, Path], Scorer]] = {
    "FSMN-VAD, 16 kHz": _default,
    "FSMN, 8 kHz, random weights, checkpoint": _small_8k,
    "FSMN, 16 kHz, random weights, export": _small_export,
    "FSMN-VAD, 16 kHz, int8": _int8,
    "FSMN, 8 kHz, random weights, int8": _small_int8,
    "the fake that hears loudness": _loudness,
    "FSMN-VAD, 16 kHz, in a process of its own": _isolated,
    "FSMN, 8 kHz, in a process of its own": _isolated_small_8k,
    "FSMN, 16 kHz, export, in a process of its own": _isolated_small_export,
    "the fake, in a process of its own": _isolated_loudness,
}


@pytest.fixture(scope="module", params=SCORERS)
def scorer(request: pytest.FixtureRequest, model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return SCORERS[request.param](model_directory, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def audio(scorer: Scorer, speech: Samples) -> Samples:
    """Six seconds of speech at the scorer's rate."""
    return np.asarray(soxr.resample(speech[16_000 : 16_000 * 7], 16_000, scorer.sample_rate), dtype=np.float32)


@pytest.fixture(scope="module")
def whole(scorer: Scorer, audio: Samples) -> SilenceProbs:
    """What the scorer says of all of it, in one call."""
    stream = scorer.open()
    return np.concatenate((stream.accept(audio), stream.finish()))


def hop(scorer: Scorer) -> int:
    return scorer.sample_rate * scorer.frame_ms // 1000


def heard(stream: ScoreStream, feed: Iterator[Samples]) -> SilenceProbs:
    return np.concatenate((*[stream.accept(chunk) for chunk in feed], stream.finish()))


def test_its_facts_are_whole_numbers(scorer: Scorer) -> None:
    """Rate, frame and context are whole and positive; a frame is a whole number of samples."""
    assert isinstance(scorer.sample_rate, int)
    assert isinstance(scorer.frame_ms, int)
    assert isinstance(scorer.context_ms, int)
    assert scorer.sample_rate >= 8_000
    assert scorer.frame_ms > 0
    assert scorer.context_ms >= 0
    assert scorer.sample_rate * scorer.frame_ms % 1000 == 0


def test_it_gives_probabilities(whole: SilenceProbs) -> None:
    """float32, one dimension, from 0 to 1, and not the same for all of a conversation."""
    assert whole.dtype == np.float32
    assert whole.ndim == 1
    assert whole.min() >= 0
    assert whole.max() <= 1 + TOLERANCE
    assert whole.std() > 0.01


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(lambda rate: repeat(rate // 1000), id="1 ms"),
        pytest.param(lambda rate: repeat(rate // 5), id="200 ms"),
        pytest.param(lambda _: repeat(641), id="odd"),
        pytest.param(lambda rate: cycle([0, rate, 1, 0, 7]), id="empty, a second, one sample"),
        pytest.param(lambda _: random_sizes(0, 4_000), id="random"),
        pytest.param(lambda _: random_sizes(1, 4_000), id="random again"),
    ],
)
def test_chunk_sizes_never_matter(
    scorer: Scorer, audio: Samples, whole: SilenceProbs, sizes: Callable[[int], Iterator[int]]
) -> None:
    """Any cutting of the audio gives as many frames as the whole, with the same probabilities."""
    chunked = heard(scorer.open(), chunks(audio, sizes(scorer.sample_rate)))
    assert chunked.shape == whole.shape
    assert np.abs(chunked - whole).max() <= TOLERANCE


def test_single_samples_are_enough(scorer: Scorer, audio: Samples) -> None:
    """A tenth of a second, sample by sample."""
    short = audio[: scorer.sample_rate // 10]
    expected = heard(scorer.open(), iter([short]))
    assert np.abs(heard(scorer.open(), chunks(short, repeat(1))) - expected).max() <= TOLERANCE


@pytest.mark.parametrize("size", [320, 641, 3_200])
def test_replayed_context_is_as_good_as_having_heard_everything(scorer: Scorer, audio: Samples, size: int) -> None:
    """A new stream that hears the last ``context_ms`` again gives exactly the probabilities that follow."""
    context = scorer.sample_rate * scorer.context_ms // 1000
    old, before, after = scorer.open(), 0, []
    for at in range(0, len(audio), size):
        # The move: ``before`` frames are decided, the next is the first of the new stream; replay begins on a hop.
        start = max(0, at - context) // hop(scorer) * hop(scorer)
        new = scorer.open()
        replayed = new.accept(audio[start:at])
        after.append((new, list(replayed[before - start // hop(scorer) :]), before))
        scored = old.accept(audio[at : at + size])
        for moved, ready, f in after:
            ready += moved.accept(audio[at : at + size]).tolist()
            skipped = max(0, before - f)
            assert ready[skipped : skipped + len(scored)] == scored.tolist(), f"moved at frame {f}"
        after = after[-3:]
        before += len(scored)
    last = old.finish().tolist()
    for moved, ready, f in after:
        assert (ready + moved.finish().tolist())[before - f :] == last


def test_streams_do_not_touch_each_other(scorer: Scorer, audio: Samples, whole: SilenceProbs) -> None:
    """Two streams fed in turns with different audio give what each gives alone; so does one opened in between."""
    reverse = audio[::-1].copy()
    one, other, late, interleaved = scorer.open(), scorer.open(), scorer.open(), []
    for forth, back in zip(chunks(audio, repeat(1_601)), chunks(reverse, repeat(1_601)), strict=True):
        interleaved.append(one.accept(forth))
        other.accept(back)
    assert np.abs(np.concatenate((*interleaved, one.finish())) - whole).max() <= TOLERANCE
    assert np.abs(heard(late, iter([audio])) - whole).max() <= TOLERANCE


def test_many_at_once_get_what_each_gets_alone(scorer: Scorer, audio: Samples) -> None:
    """``accept_many`` over streams at different positions, chunks of any lengths, is ``accept`` of each."""
    rng = np.random.default_rng(2)
    alone, together, at = [scorer.open() for _ in range(5)], [scorer.open() for _ in range(5)], [0] * 5
    for _ in range(12):
        fed = [audio[at[i] : at[i] + int(rng.choice([0, 5, 1_600, 3_333]))] for i in range(5)]
        at = [a + len(chunk) for a, chunk in zip(at, fed, strict=True)]
        answers = scorer.accept_many(together, fed)
        assert len(answers) == 5
        for stream, chunk, answer in zip(alone, fed, answers, strict=True):
            expected = stream.accept(chunk)
            assert answer.shape == expected.shape
            np.testing.assert_allclose(answer, expected, atol=TOLERANCE)
    assert scorer.accept_many([], []) == []


def test_threads_share_it(scorer: Scorer, audio: Samples) -> None:
    """Eight threads with a stream each get, bit for bit, what one gets."""
    expected = heard(scorer.open(), chunks(audio, repeat(1_600)))
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: heard(scorer.open(), chunks(audio, repeat(1_600))), range(8)):
            np.testing.assert_array_equal(answer, expected)


def test_nothing_gives_nothing(scorer: Scorer) -> None:
    """A stream that heard nothing, or no samples, finishes without a frame."""
    assert scorer.open().finish().shape == (0,)
    stream = scorer.open()
    assert stream.accept(np.empty(0, dtype=np.float32)).shape == (0,)
    assert stream.finish().shape == (0,)


def test_frames_keep_pace_with_the_audio(scorer: Scorer, audio: Samples, whole: SilenceProbs) -> None:
    """Never a frame of time not heard yet, and never further behind than a fifth of a second; at the end 50 ms."""
    stream, frames = scorer.open(), 0
    for at in range(0, len(audio), 97):
        chunk = audio[at : at + 97]
        frames += len(stream.accept(chunk))
        assert frames * hop(scorer) <= at + len(chunk)
        assert frames * hop(scorer) >= at + len(chunk) - scorer.sample_rate // 5
    assert len(audio) - len(whole) * hop(scorer) <= scorer.sample_rate // 20


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_number_of_frames_follows_from_the_number_of_samples(scorer: Scorer, audio: Samples, extra: int) -> None:
    """Each hop of audio more gives one frame more, whatever the audio holds."""
    lengths = [k * hop(scorer) + extra for k in range(1, 40)]
    counts = [len(heard(scorer.open(), iter([audio[:length]]))) for length in lengths]
    silent = [len(heard(scorer.open(), iter([np.zeros(length, dtype=np.float32)]))) for length in lengths]
    assert counts == silent
    first = counts.index(1)
    assert counts == [0] * first + list(range(1, len(counts) - first + 1))


def test_chunks_stay_the_callers(scorer: Scorer, audio: Samples, whole: SilenceProbs) -> None:
    """A stream changes no chunk, and keeps its own copy: the caller may use the buffer again."""
    stream, scored, buffer = scorer.open(), [], np.empty(1_234, dtype=np.float32)
    for chunk in chunks(audio, repeat(1_234)):
        buffer[: len(chunk)] = chunk
        scored.append(stream.accept(buffer[: len(chunk)]))
        np.testing.assert_array_equal(buffer[: len(chunk)], chunk)
        buffer[:] = np.nan
    assert np.abs(np.concatenate((*scored, stream.finish())) - whole).max() <= TOLERANCE


def test_answers_stay_the_callers(scorer: Scorer, audio: Samples) -> None:
    """Writing into an answer changes nothing that the stream says later, and no answer changes afterwards."""
    expected = [piece.copy() for piece in map(scorer.open().accept, chunks(audio, repeat(1_600)))]
    stream, answers = scorer.open(), list[SilenceProbs]()
    for chunk, piece in zip(chunks(audio, repeat(1_600)), expected, strict=True):
        answers.append(stream.accept(chunk))
        np.testing.assert_array_equal(answers[-1], piece)
        if len(answers) % 2:
            answers[-1].fill(0.5)
    for answer, piece in list(zip(answers, expected, strict=True))[1::2]:
        np.testing.assert_array_equal(answer, piece)
