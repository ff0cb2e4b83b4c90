"""What libsndfile decodes, and the headers that it would misread."""

import struct

import numpy as np
import pytest

from segue import errors
from segue.speech.audio import decode
from tests.speech.encoded import SNDFILE, encode, joined, tone


@pytest.mark.parametrize("kind", [k for k in SNDFILE if k not in ("mp3", "flac", "ogg-opus")])
def test_a_valid_file_without_samples_is_no_error(kind: str) -> None:
    """A header with nothing behind it is a recording of 0 ms."""
    decoded = decode(encode(kind, np.zeros((0, 1), np.float32)), target_rate=16_000)
    assert joined(decoded).shape == (1, 0)
    assert decoded.duration_ms == 0


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


@pytest.mark.parametrize(("seconds", "where"), [(15, "cut off; "), (45, r"cut off somewhere after 20\.0 s; ")])
@pytest.mark.parametrize("is_cut", [True, False])
def test_damage_is_placed_no_better_than_known(seconds: int, where: str, is_cut: bool) -> None:
    """A flac is decoded in blocks of 20 s: within the first nothing is known of the place, later where it cannot be."""
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (16_000 * seconds, 1)).astype(np.float32)
    flac = bytearray(encode("flac", noise))
    place = len(flac) * 7 // 10
    if is_cut:
        del flac[place:]
    else:
        flac[place : place + 300] = bytes(300)
    with pytest.raises(errors.AudioTruncated, match=where):
        joined(decode(flac, target_rate=16_000))
