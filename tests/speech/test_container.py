"""Every format decodes to what was encoded; damage of any kind is one clear error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue import errors
from segue.speech.audio import decode
from tests.speech.encoded import ALL, LIBAV, LOSSLESS, encode, joined, outcome, tone


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


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("mp3", "aac")])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.5, 0.9])
def test_a_container_cut_short_is_an_error(kind: str, part: float) -> None:
    """A file that promises more than it holds is truncated, or cannot be decoded where its index was at the end."""
    rate = 48_000 if kind == "webm" else 16_000
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (rate * 10, 1)).astype(np.float32)
    data = encode(kind, noise, rate=rate)
    assert outcome(data) is None
    assert outcome(data[: int(len(data) * part)]) in (errors.AudioTruncated, errors.AudioUndecodable)


@pytest.mark.parametrize("kind", ["avi", "caf-pipe", "voc", "wv"])
def test_chunks_written_into_a_pipe_decode(kind: str) -> None:
    """Sizes that a writer into a pipe leaves open (0, all ones), and bytes behind the audio, are no lie."""
    data = bytearray(encode(kind.removesuffix("-pipe"), tone(10.0)))
    whole = joined(decode(data, target_rate=16_000))
    if kind == "caf-pipe":
        place = data.index(b"data") + 4
        data[place : place + 8] = b"\xff" * 8
    elif kind == "avi":
        data[4:8] = b"\xff" * 4
    elif kind == "wv":
        data[12:16] = b"\xff" * 4
    np.testing.assert_array_equal(joined(decode(data, target_rate=16_000)), whole)
    if kind == "avi":
        np.testing.assert_array_equal(joined(decode(data + b"TAG" + bytes(125), target_rate=16_000)), whole)


def test_nothing_decoded_from_many_bytes_is_no_silence() -> None:
    """The head of a recording, with zeros where its packets were, is an error and not 0 ms."""
    for kind in ("wv", "tta", "flac", "mkv", "avi", "caf", "m4a"):
        data = encode(kind, np.random.default_rng(0).uniform(-0.3, 0.3, (160_000, 1)).astype(np.float32))
        head = 9_000 if kind in ("flac", "caf", "avi") else 600
        if kind not in ("avi", "caf", "tta"):  # zeros are silence in these
            assert outcome(data[:head] + bytes(len(data) - head)) is not None, kind
        assert outcome(data[:head]) is not None, kind


@pytest.mark.parametrize("kind", ["flac", "mp3", "aac", "m4a", "mkv"])
def test_damage_in_the_middle_is_an_error(kind: str) -> None:
    """A few hundred bytes overwritten are not passed over in silence."""
    rng = np.random.default_rng(1)
    data = bytearray(encode(kind, rng.uniform(-0.3, 0.3, (480_000, 1)).astype(np.float32), rate=48_000))
    data[len(data) // 2 : len(data) // 2 + 400] = rng.bytes(400)
    assert outcome(bytes(data)) is errors.AudioTruncated


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
