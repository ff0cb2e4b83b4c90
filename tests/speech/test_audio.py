"""``decode``: blocks of float32 at the rate asked for, in bounded memory, and a clear error for what is not samples."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from segue import errors
from segue.speech.audio import decode
from tests.speech.encoded import ALL, encode, joined, tone

SOURCE = str(Path(__file__).parents[2] / "src")
WHOLE = {kind: encode(kind, tone(1.0, rate=48_000, channels=2), rate=48_000) for kind in ALL}


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_every_rate_is_resampled(rate: int) -> None:
    """A tone keeps its frequency, phase and level from any rate, and the duration comes from the source's samples."""
    decoded = decode(encode("wav16", tone(1.0, rate=rate), rate=rate), target_rate=16_000)
    samples = joined(decoded)[0]
    assert decoded.duration_ms == 1000
    assert abs(len(samples) - 16_000) <= 1
    assert np.abs(samples[1000:15_000] - tone(1.0)[1000:15_000, 0]).max() < 2e-3


@pytest.mark.parametrize("count", range(1, 9))
def test_channels_are_mixed_or_split(count: int) -> None:
    """``mix`` is the float32 mean of one to eight channels; ``split`` is every one of them, in order."""
    frames = tone(0.5, channels=count)
    data = encode("wav-float", frames)
    np.testing.assert_array_equal(joined(decode(data, target_rate=16_000, channels="split")), frames.T)
    mixed = joined(decode(data, target_rate=16_000))
    np.testing.assert_allclose(mixed[0], frames.mean(axis=1), atol=1e-7)


def test_split_channels_are_resampled_each_as_if_alone() -> None:
    """A channel split from a stereo m4a or resampled beside others equals itself resampled alone."""
    frames = tone(1.0, rate=44_100, channels=3)
    together = joined(decode(encode("wav-float", frames, rate=44_100), target_rate=16_000, channels="split"))
    for channel in range(3):
        alone = joined(decode(frames[:, channel], sample_rate=44_100, target_rate=16_000))
        np.testing.assert_array_equal(together[channel], alone[0])


@pytest.mark.parametrize(
    ("count", "rate", "expected_ms"),
    [(479_999, 16_000, 30_000), (7, 16_000, 0), (8, 16_000, 1), (24, 16_000, 2), (44_100, 44_100, 1000), (1, 8000, 0)],
)
def test_duration_rounds_half_up(count: int, rate: int, expected_ms: int) -> None:
    """Whole milliseconds, the nearest, a half up, of the samples at the source's rate."""
    decoded = decode(np.zeros(count, np.int16), sample_rate=rate, target_rate=16_000)
    joined(decoded)
    assert decoded.duration_ms == expected_ms


@pytest.mark.parametrize(("kind", "promised_ms"), [("wav16", 2500), ("flac", 2500), ("m4a", 2500), ("mp3", None)])
def test_a_header_promises_a_length(kind: str, promised_ms: int | None) -> None:
    """What the header states is known before anything is decoded; an mp3 states nothing."""
    with decode(encode(kind, tone(2.5)), target_rate=16_000) as decoded:
        if promised_ms is None:
            assert decoded.promised_ms is None
        else:
            assert decoded.promised_ms == pytest.approx(promised_ms, abs=70)  # aac ends with a whole frame
            assert decoded.duration_ms == 0


def test_the_real_clips_agree_with_soundfile(shared_data: Path) -> None:
    """Real speech, as wav and mp3, is what soundfile reads."""
    for name in ["misc/vad_example.wav", "meeting/dev00.wav", "misc/test.mp3"]:
        expected, rate = soundfile.read(shared_data / name, dtype="float32", always_2d=True)
        samples = joined(decode(shared_data / name, target_rate=rate, channels="split"))
        assert samples.shape == expected.T.shape
        assert np.abs(samples - expected.T).max() <= (0 if name.endswith("wav") else 1e-3)


@pytest.mark.parametrize("shape", ["n", "nc", "cn"])
@pytest.mark.parametrize("dtype", ["int16", "int32", ">i2", "float16", "float32", "float64"])
def test_samples_of_every_dtype_and_shape(dtype: str, shape: str) -> None:
    """Samples in memory are scaled by their full scale; the shorter axis is the channels."""
    frames = tone(0.5, channels=1 if shape == "n" else 2)
    scale = {"int16": 2**15, ">i2": 2**15, "int32": 2**31}.get(dtype, 1)
    array = (frames.astype(np.float64) * scale).astype(dtype)
    array = {"n": array[:, 0], "nc": array, "cn": array.T}[shape]
    samples = joined(decode(array, sample_rate=16_000, target_rate=16_000, channels="split"))
    np.testing.assert_allclose(samples, frames.T, atol={"float16": 5e-4, "int16": 2e-5, ">i2": 2e-5}.get(dtype, 0))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_memoryview_of_samples_is_samples(dtype: str) -> None:
    """Items wider than a byte are an array's, with the same answers; those of a byte are a file's."""
    array: Any = (tone(0.1)[:, 0] * (32768 if dtype == "int16" else 1)).astype(dtype)
    samples = joined(decode(memoryview(array), sample_rate=16_000, target_rate=16_000))
    np.testing.assert_array_equal(samples[0], tone(0.1)[:, 0])
    with pytest.raises(errors.InvalidSamples, match="uint32"):
        decode(memoryview(array.astype("uint32")), sample_rate=16_000, target_rate=16_000)


def test_a_list_of_floats_is_samples() -> None:
    """What ``np.asarray`` takes is samples; an empty list is empty audio."""
    np.testing.assert_array_equal(
        joined(decode([0.5, -0.5], sample_rate=16_000, target_rate=16_000)), np.array([[0.5, -0.5]], np.float32)
    )
    assert joined(decode([], sample_rate=16_000, target_rate=16_000)).shape == (1, 0)


def test_samples_of_the_caller_are_not_copied_and_not_writable() -> None:
    """float32 mono at the target's rate passes through as read-only views."""
    samples = tone(1.0)[:, 0].copy()
    (block,) = decode(samples, sample_rate=16_000, target_rate=16_000)
    assert np.shares_memory(block, samples)
    assert not block.flags.writeable
    assert samples.flags.writeable


@pytest.mark.parametrize("count", [1, 2, 399])
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_a_few_samples_are_enough(count: int, rate: int) -> None:
    """One sample is a recording at any rate."""
    samples = joined(decode(encode("wav16", tone(1.0, rate=rate)[:count], rate=rate), target_rate=16_000))
    assert abs(samples.shape[1] - count * 16_000 / rate) <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 20_000.0])
@pytest.mark.parametrize("place", ["array", "file"])
def test_values_that_are_not_samples(value: float, place: str) -> None:
    """NaN, infinite and unscaled values are refused, in a float file as in an array, saying what to do."""
    frames = tone(25.0)
    frames[-3, 0] = value
    source = frames if place == "array" else encode("wav-float", frames)
    with pytest.raises(errors.InvalidSamples, match=r"32768" if value == 20_000 else r"399997|sample 399997"):
        joined(decode(source, sample_rate=16_000 if place == "array" else None, target_rate=16_000))


def test_clipped_audio_is_fine() -> None:
    """Values at full scale and a little above it are accepted as they are."""
    samples = np.array([1.0, -1.0, 1.5, -1.2], np.float32)
    np.testing.assert_array_equal(joined(decode(samples, sample_rate=8000, target_rate=8000))[0], samples)


def test_samples_need_a_rate_and_rates_a_range() -> None:
    """Samples without a rate, and rates out of 8 to 192 kHz in arrays and in files, are InvalidSamples."""
    with pytest.raises(errors.InvalidSamples, match="sample_rate="):
        decode(np.zeros(10, np.float32), target_rate=16_000)
    rates: list[Any] = [0, 7_999, 192_001, 16_000.5, True]
    for rate in rates:
        with pytest.raises(errors.InvalidSamples):
            decode(np.zeros(10, np.float32), sample_rate=rate, target_rate=16_000)
    with pytest.raises(errors.InvalidSamples, match="4000 Hz"):
        decode(encode("wav16", tone(1.0), rate=4_000), target_rate=16_000)


def test_a_rate_that_a_file_contradicts_is_refused(tmp_path: Path) -> None:
    """A file's own rate may be repeated; another one is never ignored in silence."""
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav16", tone(1.0), rate=16_000))
    assert joined(decode(path, sample_rate=16_000, target_rate=16_000)).shape == (1, 16_000)
    with pytest.raises(errors.InvalidSamples, match=r"x\.wav: sample_rate=8000 was given and the file is at 16000 Hz"):
        decode(path, sample_rate=8_000, target_rate=16_000)


def test_raw_pcm_bytes_get_the_remedy() -> None:
    """Bytes that are no file may be samples: the message says how to pass those."""
    pcm = (np.arange(-8000, 8000) % 251).astype(np.int16).tobytes()
    with pytest.raises(errors.AudioError, match=r'raw 16-bit PCM: pass np\.frombuffer\(chunk, dtype="int16"\)'):
        joined(decode(pcm, sample_rate=16_000, target_rate=16_000))


@pytest.mark.parametrize("source", [123, 0.5, None, object(), iter([]), np.float32(0.5)])
@pytest.mark.parametrize("rate", [None, 16_000])
def test_what_is_no_audio_at_all_is_told_what_is(source: Any, rate: int | None) -> None:
    """A number, None or any other object is refused with the list of what is accepted."""
    with pytest.raises(errors.InvalidSamples, match="accepted are a path, the bytes of a file, a binary file object"):
        decode(source, sample_rate=rate, target_rate=16_000)


def test_an_unknown_channel_policy_is_refused() -> None:
    """Only mix and split."""
    with pytest.raises(errors.InvalidParameter):
        decode([0.0], sample_rate=16_000, target_rate=16_000, channels="left")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["wav16", "flac", "ogg-opus", "m4a", "mkv"])
def test_too_long_is_refused_from_the_header(kind: str) -> None:
    """A header that says more than the limit is enough: nothing is decoded."""
    data = encode(kind, np.zeros((48_000 * 60, 1), np.float32), rate=48_000)
    with pytest.raises(errors.AudioTooLong, match=r"raise max_audio_s \(SEGUE_MAX_AUDIO_S\)"):
        decode(data, target_rate=16_000, max_audio_s=59)


@pytest.mark.parametrize(
    ("seconds", "limit_s", "words"),
    [(0.0321, 0.01, "has 0.0321 s "), (1.5, 1, "has 1.5 s "), (3601, 3600, "has 3601.0 s ")],
)
def test_too_long_says_how_long(seconds: float, limit_s: float, words: str) -> None:
    """Small limits too: never "has 0.0 s and the limit is 0.01 s"."""
    with pytest.raises(errors.AudioTooLong, match=f"{words}.*limit is {limit_s} s"):
        joined(
            decode(
                np.zeros(round(seconds * 10_000), np.int16), sample_rate=10_000, target_rate=16_000, max_audio_s=limit_s
            )
        )


@pytest.mark.parametrize("kind", ["mp3", "aac"])
def test_too_long_is_refused_while_decoding(kind: str) -> None:
    """Where the header says nothing, decoding stops as soon as the limit is passed."""
    decoded = decode(
        encode(kind, np.zeros((48_000 * 61, 1), np.float32), rate=48_000), target_rate=16_000, max_audio_s=30
    )
    with pytest.raises(errors.AudioTooLong):
        joined(decoded)
    assert decoded.duration_ms <= 45_000


def test_many_threads_decode_at_once() -> None:
    """Eight threads on files of every format give what one gives."""
    alone = {kind: joined(decode(data, target_rate=16_000)) for kind, data in WHOLE.items()}

    def same(kind: str) -> None:
        np.testing.assert_array_equal(joined(decode(WHOLE[kind], target_rate=16_000)), alone[kind])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(same, ALL * 4))


PEAK_MEMORY = """
import sys
from segue.speech.audio import decode

def status_kb(field):
    # VmHWM, not ru_maxrss: that one a child inherits from the process that forked it
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))

before = status_kb("VmRSS")
samples = sum(block.shape[1] for block in decode(sys.argv[1], target_rate=16_000))
print(samples, (status_kb("VmHWM") - before) // 1024)
"""


@pytest.mark.parametrize("kind", ["flac", "ogg-opus", "m4a"])
def test_memory_does_not_grow_with_length(kind: str, tmp_path: Path) -> None:
    """Two hours of flac decode in 120 MB, the decoders' libraries included: their samples are 460 MB.

    An hour of m4a and 25 minutes of opus, which is slow to encode, need no more.
    """
    seconds = {"flac": 7200, "m4a": 3600, "ogg-opus": 1500}[kind]
    path = tmp_path / "long"
    path.write_bytes(encode(kind, np.zeros((8000 * seconds, 1), np.float32), rate=8000))
    result = subprocess.run(
        [sys.executable, "-c", PEAK_MEMORY, str(path)],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=True,
    )
    samples, peak_mb = map(int, result.stdout.split())
    assert abs(samples - 16_000 * seconds) < 3200
    assert peak_mb < 120


def test_nothing_heavy_is_imported_for_nothing() -> None:
    """Samples in memory load no decoder; a wav of the right rate loads neither libav nor soxr."""
    script = (
        "import io, sys\nfrom segue.speech.audio import decode\n"
        "list(decode([0.0] * 800, sample_rate=16000, target_rate=16000))\n"
        "assert not {'soundfile', 'av', 'soxr'} & set(sys.modules)\n"
        "list(decode(sys.stdin.buffer, target_rate=16000))\n"
        "assert 'soundfile' in sys.modules and not {'av', 'soxr'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": SOURCE},
        input=encode("wav16", tone(0.1)),
        check=True,
    )


@pytest.mark.parametrize(
    ("kind", "bits"), [("wav16", 16), ("wav24", 24), ("wav32", 32), ("wav-float", 32), ("vorbis", 16), ("m4a", 16)]
)
def test_without_a_target_rate_samples_are_the_sources_own(kind: str, bits: int) -> None:
    """No resampling, and it is known what holds a sample: 16, 24 or 32 bits; of arrays too."""
    decoded = decode(encode(kind, tone(1.0, rate=44_100), rate=44_100), target_rate=None)
    assert (decoded.target_rate, decoded.source_rate, decoded.bits) == (44_100, 44_100, bits)
    joined(decoded)
    for dtype, held in (("int16", 16), ("int32", 32), ("float32", 32)):
        with decode(np.zeros(100, dtype), sample_rate=8000, target_rate=None) as samples:
            assert (samples.bits, samples.target_rate) == (held, 8000)
