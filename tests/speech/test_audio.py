"""``decode``: anything that holds audio comes out as float32 at the rate asked for, and the rest as one clear error."""

import gzip
import io
import os
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segue import errors
from segue.speech.audio import Decoded, decode
from tests.speech.encoded import ALL, LIBAV, LOSSLESS, SNDFILE, encode, encode_av, tone

SOURCE = str(Path(__file__).parents[2] / "src")


def joined(decoded: Decoded) -> NDArray[np.float32]:
    """All blocks as one, after checking what is promised of each."""
    with decoded:
        blocks = list(decoded)
    for block in blocks:
        assert block.dtype == np.float32
        assert block.flags.c_contiguous
        assert block.shape[0] == decoded.channels
        assert block.shape[1] > 0
    return np.concatenate([np.zeros((decoded.channels, 0), np.float32), *blocks], axis=1)


def outcome(data: bytes) -> type[errors.AudioError] | None:
    """The class of the error, or None where finite blocks came out. Any other exception passes through."""
    try:
        samples = joined(decode(data, target_rate=16_000, max_audio_s=600))
    except errors.AudioError as error:
        return type(error)
    assert np.isfinite(samples).all()
    return None


# -- what comes out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_every_format_decodes_to_what_was_encoded(kind: str) -> None:
    """Each format gives the signal back, in time to a sample and in level, at the length of the original."""
    rate = 48_000 if kind in ("webm", "ogg-opus") else 16_000
    signal = tone(2.0, rate=rate)
    signal[: rate // 2] = 0  # so that a shift in time shows
    decoded = decode(encode(kind, signal, rate=rate), target_rate=rate)
    samples = joined(decoded)
    assert (decoded.source_rate, decoded.source_channels) == (rate, 1)
    # aac ends with a whole frame, and begins with the encoder's delay where no index says to skip it
    delay = 1024 if kind in ("aac", "fragmented") else 0
    assert 0 <= decoded.duration_ms - 2000 <= (130 if delay else 64 if kind in ("m4a", "mkv") else 0)
    got, want = samples[0, delay : delay + rate * 15 // 8], signal[: rate * 15 // 8, 0]
    tolerance = 2e-5 if kind in LOSSLESS else 0.05
    assert np.abs(got - want)[rate * 6 // 10 :].max() < tolerance
    assert np.abs(got[: rate * 4 // 10]).max() < tolerance


@pytest.mark.parametrize("kind", ["wav16", "flac", "aiff", "w64", "mkv-flac"])
def test_16_bit_samples_are_exact(kind: str) -> None:
    """Every int16 value becomes exactly x / 32768 whichever library decodes it."""
    values = np.arange(-32768, 32768, dtype=np.int16)
    data = encode(kind, (values / 32768).astype(np.float32)[:, np.newaxis])
    samples = joined(decode(data, target_rate=16_000))
    np.testing.assert_array_equal(samples[0], values.astype(np.float32) / 32768)


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


def test_stereo_from_libav() -> None:
    """Both channels of a stereo m4a arrive, the second at half the level of the first."""
    decoded = decode(
        encode("m4a", tone(1.0, rate=48_000, channels=2), rate=48_000), target_rate=48_000, channels="split"
    )
    left, right = joined(decoded)
    assert decoded.source_channels == 2
    assert np.abs(left[9600:38_400] / 2 - right[9600:38_400]).max() < 0.03


@pytest.mark.parametrize(
    ("count", "rate", "expected_ms"),
    [(479_999, 16_000, 30_000), (7, 16_000, 0), (8, 16_000, 1), (24, 16_000, 2), (44_100, 44_100, 1000), (1, 8000, 0)],
)
def test_duration_rounds_half_up(count: int, rate: int, expected_ms: int) -> None:
    """Whole milliseconds, the nearest, a half up, of the samples at the source's rate."""
    decoded = decode(np.zeros(count, np.int16), sample_rate=rate, target_rate=16_000)
    joined(decoded)
    assert decoded.duration_ms == expected_ms


def test_the_real_clips_agree_with_soundfile(shared_data: Path) -> None:
    """Real speech, as wav and mp3, is what soundfile reads."""
    for name in ["misc/vad_example.wav", "meeting/dev00.wav", "misc/test.mp3"]:
        expected, rate = soundfile.read(shared_data / name, dtype="float32", always_2d=True)
        samples = joined(decode(shared_data / name, target_rate=rate, channels="split"))
        assert samples.shape == expected.T.shape
        assert np.abs(samples - expected.T).max() <= (0 if name.endswith("wav") else 1e-3)


# -- what goes in --------------------------------------------------------------------------------------------------


class Pipe(io.RawIOBase):
    """A stream that cannot seek and gives at most 1,000 bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, _count: int = -1) -> bytes:
        return self._file.read(1000)


@pytest.mark.parametrize("kind", ["wav16", "flac", "m4a", "mp3"])
def test_path_bytes_and_file_objects_are_one(kind: str, tmp_path: Path) -> None:
    """A path (text or PathLike, with a wrong extension), bytes in three forms, open files and pipes decode alike."""
    data = encode(kind, tone(0.5))
    path = tmp_path / "mislabelled.txt"
    path.write_bytes(data)
    expected = joined(decode(data, target_rate=16_000))
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        spool = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data)))
        sources: list[Any] = [
            path,
            str(path),
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            file,
            raw,
            Pipe(data),
            spool,
        ]
        for source in sources:
            np.testing.assert_array_equal(joined(decode(source, target_rate=16_000)), expected)
        assert not file.closed
    assert os.listdir(tmp_path) == ["mislabelled.txt"]


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    """A FIFO, as the shell makes for ``<(ffmpeg …)``, is a file like any other."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = encode("wav16", tone(0.5))
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    samples = joined(decode(path, target_rate=16_000))
    writer.join()
    np.testing.assert_array_equal(samples, tone(0.5).T)


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


@pytest.mark.parametrize("kind", [k for k in SNDFILE if k not in ("mp3", "flac", "ogg-opus")])
def test_a_valid_file_without_samples_is_no_error(kind: str) -> None:
    """A header with nothing behind it is a recording of 0 ms."""
    decoded = decode(encode(kind, np.zeros((0, 1), np.float32)), target_rate=16_000)
    assert joined(decoded).shape == (1, 0)
    assert decoded.duration_ms == 0


@pytest.mark.parametrize("count", [1, 2, 399])
@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_a_few_samples_are_enough(count: int, rate: int) -> None:
    """One sample is a recording at any rate."""
    samples = joined(decode(encode("wav16", tone(1.0, rate=rate)[:count], rate=rate), target_rate=16_000))
    assert abs(samples.shape[1] - count * 16_000 / rate) <= 1


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF - 36])
def test_a_wav_written_into_a_pipe_decodes(size: int) -> None:
    """Sizes of 0 or the largest number (ffmpeg, sox, arecord) are no lie, and 16-bit values stay exact."""
    wav = bytearray(encode("wav16", tone(1.0)))
    data_at = wav.index(b"data")
    wav[4:8] = wav[data_at + 4 : data_at + 8] = struct.pack("<I", size)
    np.testing.assert_array_equal(joined(decode(wav, target_rate=16_000)), tone(1.0).T)


def test_a_flac_written_into_a_pipe_decodes() -> None:
    """A FLAC whose header does not know the number of samples (0) decodes whole."""
    flac = bytearray(encode("flac", tone(1.0)))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    np.testing.assert_array_equal(joined(decode(flac, target_rate=16_000)), tone(1.0).T)


def test_an_mp3_cut_anywhere_decodes_what_it_holds() -> None:
    """9 KB out of the middle of an mp3, and one cut off at the end, are recordings."""
    mp3 = encode("mp3", tone(20.0, rate=44_100), rate=44_100)
    middle = decode(mp3[20_001:29_001], target_rate=16_000)
    joined(middle)
    assert middle.duration_ms > 300
    half = decode(mp3[: len(mp3) // 2], target_rate=16_000)
    joined(half)
    assert 9_000 < half.duration_ms < 11_000


# -- errors --------------------------------------------------------------------------------------------------------


def test_missing_directory_device_and_unreadable_paths(tmp_path: Path) -> None:
    """Each fault of a path has its class, is one line and names the path."""
    locked = tmp_path / "locked.wav"
    locked.write_bytes(encode("wav16", tone(0.1)))
    locked.chmod(0)
    cases: list[tuple[str | Path, type[errors.AudioError]]] = [
        (tmp_path / "missing.wav", errors.AudioNotFound),
        (locked / "below.wav", errors.AudioNotFound),
        ("nul\0byte.wav", errors.AudioNotFound),
        (tmp_path, errors.AudioUnreadable),
        ("/dev/zero", errors.AudioUnreadable),
    ]
    if os.geteuid() != 0:
        cases.append((locked, errors.AudioUnreadable))
    for path, expected in cases:
        with pytest.raises(expected) as caught:
            decode(path, target_rate=16_000)
        assert "\n" not in str(caught.value)
        assert str(path).split("\0")[0] in str(caught.value)
    locked.chmod(stat.S_IRUSR | stat.S_IWUSR)


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path: Path) -> None:
    """A message is one line whatever the file is called."""
    path = tmp_path / "two\nlines \udcff.wav"
    path.write_bytes(b"nothing")
    with pytest.raises(errors.AudioUndecodable) as caught:
        decode(path, target_rate=16_000)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("empty", [b"", io.BytesIO(), Pipe(b"")])
def test_no_bytes_is_its_own_error(empty: bytes | io.BytesIO) -> None:
    """Zero bytes are AudioEmpty, from bytes, files and pipes."""
    with pytest.raises(errors.AudioEmpty):
        decode(empty, target_rate=16_000)


@pytest.mark.parametrize(
    "data",
    [
        b"hello, this is not audio\n" * 400,
        b"1\n00:00:01,000 --> 00:00:02,000\nhello\n\n" * 20,
        b"\0" * 10_000,
        b"\xff" * 10_000,
        b"RIFF\x10\x27\0\0WAVE" + bytes(10_000),
        np.random.default_rng(0).bytes(50_000),
        b"ID3\x04\0\0\0\0\x0f\x0f",
    ],
    ids=["text", "subtitles", "zeros", "ones", "header", "random", "tag"],
)
def test_what_is_not_audio_is_undecodable(data: bytes) -> None:
    """Text, subtitles, constant and random bytes."""
    with pytest.raises(errors.AudioUndecodable):
        decode(data, target_rate=16_000)


@pytest.mark.parametrize("playlist", ["#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n"])
def test_a_playlist_opens_no_other_file(playlist: str, tmp_path: Path) -> None:
    """An upload that names a file of the server (HLS, concat) is not followed."""
    secret = tmp_path / "secret.mp3"
    secret.write_bytes(encode("mp3", tone(1.0)))
    for name in (secret, secret.as_uri(), secret.name):
        upload = tmp_path / "upload"
        upload.write_text(playlist.format(name))
        with pytest.raises(errors.AudioUndecodable):
            decode(upload, target_rate=16_000)


def test_a_video_without_sound_has_no_audio_track() -> None:
    """An mp4 with a picture alone is NoAudioTrack; with sound beside the picture it decodes."""
    silent = encode_av("mp4", None, np.zeros((0, 1), np.float32), rate=48_000, options={}, video_s=1)
    with pytest.raises(errors.NoAudioTrack):
        decode(silent, target_rate=16_000)
    film = encode_av("matroska", "aac", tone(1.0, rate=48_000), rate=48_000, options={}, video_s=2)
    decoded = decode(film, target_rate=16_000)
    joined(decoded)
    assert abs(decoded.duration_ms - 1000) < 60


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("mp3", "aac", "caf")])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_container_cut_short_is_an_error(kind: str, part: float) -> None:
    """A file that promises more than it holds is truncated, or cannot be decoded where its index was at the end."""
    rate = 48_000 if kind == "webm" else 16_000
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (rate * 10, 1)).astype(np.float32)
    data = encode(kind, noise, rate=rate)
    assert outcome(data) is None
    assert outcome(data[: int(len(data) * part)]) in (errors.AudioTruncated, errors.AudioUndecodable)


@pytest.mark.parametrize("kind", ["flac", "mp3", "aac", "m4a", "mkv"])
def test_damage_in_the_middle_is_an_error(kind: str) -> None:
    """A few hundred bytes overwritten are not passed over in silence."""
    rng = np.random.default_rng(1)
    data = bytearray(encode(kind, rng.uniform(-0.3, 0.3, (480_000, 1)).astype(np.float32), rate=48_000))
    data[len(data) // 2 : len(data) // 2 + 400] = rng.bytes(400)
    assert outcome(bytes(data)) is errors.AudioTruncated


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


def test_an_unknown_channel_policy_is_refused() -> None:
    """Only mix and split."""
    with pytest.raises(errors.InvalidParameter):
        decode([0.0], sample_rate=16_000, target_rate=16_000, channels="left")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["wav16", "flac", "ogg-opus", "m4a", "mkv"])
def test_too_long_is_refused_from_the_header(kind: str) -> None:
    """A header that says more than the limit is enough: nothing is decoded."""
    data = encode(kind, np.zeros((48_000 * 60, 1), np.float32), rate=48_000)
    with pytest.raises(errors.AudioTooLong, match="max_audio_s"):
        decode(data, target_rate=16_000, max_audio_s=59)


@pytest.mark.parametrize("kind", ["mp3", "aac"])
def test_too_long_is_refused_while_decoding(kind: str) -> None:
    """Where the header says nothing, decoding stops as soon as the limit is passed."""
    decoded = decode(
        encode(kind, np.zeros((48_000 * 61, 1), np.float32), rate=48_000), target_rate=16_000, max_audio_s=30
    )
    with pytest.raises(errors.AudioTooLong):
        joined(decoded)
    assert decoded.duration_ms <= 45_000


class FailingDisk(io.BytesIO):
    """A file whose reads fail from some point on."""

    def __init__(self, data: bytes, *, good_bytes: int) -> None:
        super().__init__(data)
        self._good_bytes = good_bytes

    def read(self, count: int | None = -1) -> bytes:
        if self.tell() > self._good_bytes:
            raise OSError(5, "Input/output error")
        return super().read(count)


@pytest.mark.parametrize("kind", ["wav16", "flac", "m4a", "mp3", "vorbis"])
def test_a_fault_of_the_disk_is_unreadable_not_truncated(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """An OSError inside a decoder's callback is raised as AudioUnreadable, and prints nothing."""
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (16_000 * 30, 1)).astype(np.float32)
    data = encode(kind, noise)
    for good_bytes in (0, len(data) // 2):
        with pytest.raises(errors.AudioUnreadable, match="Input/output error"):
            joined(decode(FailingDisk(data, good_bytes=good_bytes), target_rate=16_000))
    assert capfd.readouterr() == ("", "")


def test_a_text_file_object_is_refused() -> None:
    """A file opened as text gets a line that says how to open it."""
    with pytest.raises(errors.AudioUnreadable, match="'rb'"):
        decode(io.StringIO("x"), target_rate=16_000)  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", ["mix", "split"])
def test_close_lets_go_of_the_file(channels: str, tmp_path: Path) -> None:
    """Leaving the context, or the end, or an error closes what was opened; no block follows."""
    path = tmp_path / "long.wav"
    path.write_bytes(encode("wav16", tone(60.0)))
    with decode(path, target_rate=16_000, channels=channels) as decoded:  # type: ignore[arg-type]
        next(decoded)
    assert list(decoded) == []
    decoded.close()
    with decode(path, target_rate=16_000):
        pass
    assert not any(os.readlink(link) == str(path) for link in open_files())


def open_files() -> Iterator[Path]:
    for link in Path("/proc/self/fd").iterdir():
        if link.is_symlink():
            yield link


# -- damage at random ----------------------------------------------------------------------------------------------

WHOLE = {kind: encode(kind, tone(1.0, rate=48_000, channels=2), rate=48_000) for kind in ALL}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=4000), st.sampled_from([b"", *(data[:16] for data in WHOLE.values())]))
def test_random_bytes_never_crash(data: bytes, magic: bytes) -> None:
    """Bytes, with or without the beginning of a real file, are blocks or an AudioError."""
    outcome(magic + data)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(ALL), st.floats(0, 1), st.floats(0, 1))
def test_random_cuts_never_crash(kind: str, begin: float, end: float) -> None:
    """A piece of a file of any format is blocks or an AudioError."""
    size = len(WHOLE[kind])
    outcome(WHOLE[kind][: int(size * end)])
    outcome(WHOLE[kind][int(size * begin) :])


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=20),
    st.booleans(),
)
def test_random_flips_never_crash(kind: str, flips: list[tuple[float, int]], in_header: bool) -> None:
    """A file of any format with bytes changed, in its first 200 or anywhere, is blocks or an AudioError."""
    data = bytearray(WHOLE[kind])
    for place, value in flips:
        data[int(place * (200 if in_header else len(data)))] = value
    outcome(bytes(data))


def test_damaged_files_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """mpg123 and libav would write to stderr for these."""
    mp3 = bytearray(encode("mp3", np.random.default_rng(0).uniform(-0.5, 0.5, (160_000, 1)).astype(np.float32)))
    capfd.readouterr()  # the encoder may have spoken
    outcome(bytes(mp3))
    outcome(bytes(mp3[:60]))
    outcome(bytes(mp3[: len(mp3) // 2]))
    mp3[5000:8000] = np.random.default_rng(1).bytes(3000)
    outcome(bytes(mp3))
    for kind in LIBAV:
        outcome(WHOLE[kind][:-5000])
    assert capfd.readouterr() == ("", "")


# -- cost ----------------------------------------------------------------------------------------------------------


def test_many_threads_decode_at_once() -> None:
    """Eight threads on files of every format give what one gives."""
    alone = {kind: joined(decode(data, target_rate=16_000)) for kind, data in WHOLE.items()}

    def same(kind: str) -> None:
        np.testing.assert_array_equal(joined(decode(WHOLE[kind], target_rate=16_000)), alone[kind])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(same, ALL * 4))


PEAK_MEMORY = """
import resource, sys
from segue.speech.audio import decode
samples = 0
for block in decode(sys.argv[1], target_rate=16_000, sample_rate=None):
    samples += block.shape[1]
# VmHWM, not ru_maxrss: that one a child inherits from the process that forked it
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(samples, peak // 1024)
"""


@pytest.mark.parametrize("kind", ["flac", "ogg-opus", "m4a"])
def test_memory_does_not_grow_with_length(kind: str, tmp_path: Path) -> None:
    """Two hours of flac decode in a process of under 150 MB, libraries included: their samples are 460 MB.

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
    assert peak_mb < 150


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
