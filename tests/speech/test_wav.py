"""A wav that is written as its samples come."""

import io
import resource
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from segue.speech.wav import WavWriter, to_bytes, to_wav


@pytest.mark.parametrize(("bits", "subtype"), [(16, "PCM_16"), (24, "PCM_24"), (32, "FLOAT")])
def test_libsndfile_reads_what_was_written(tmp_path: Path, bits: int, subtype: str) -> None:
    """Rate, depth, length and every sample come back, in however many pieces they were written."""
    steps = np.random.default_rng(0).integers(-(2 ** (min(bits, 24) - 1)), 2 ** (min(bits, 24) - 1), 10_001)
    samples = (steps / 2 ** (min(bits, 24) - 1)).astype(np.float32)
    with WavWriter(tmp_path / "x.wav", rate=44_100, bits=bits) as writer:
        for part in np.split(samples, [0, 1, 7000]):
            writer.write(part)
    with soundfile.SoundFile(tmp_path / "x.wav") as sound:
        assert (sound.samplerate, sound.channels, sound.subtype, sound.frames) == (44_100, 1, subtype, 10_001)
        np.testing.assert_array_equal(sound.read(dtype="float32"), samples)


def test_every_16_bit_value_comes_back() -> None:
    """All 65,536 values that x / 32768 has are written as x."""
    values = np.arange(-(2**15), 2**15, dtype="<i2")
    assert to_bytes(values.astype(np.float32) / np.float32(2**15), 16) == values.tobytes()


def test_what_is_too_loud_is_clipped() -> None:
    """Beyond full scale a sample is the loudest there is, not one of the other sign; floats stay as they are."""
    loud = np.array([1.0, 1.5, -1.5], dtype=np.float32)
    assert np.frombuffer(to_bytes(loud, 16), "<i2").tolist() == [32767, 32767, -32768]
    assert to_bytes(loud, 24) == bytes.fromhex("ffff7f ffff7f 000080")
    assert np.frombuffer(to_bytes(loud, 32), "<f4").tolist() == loud.tolist()


def test_no_samples_are_a_wav_too(tmp_path: Path) -> None:
    """One that was closed without samples is valid and empty."""
    WavWriter(tmp_path / "x.wav", rate=8000, bits=16).close()
    assert soundfile.info(tmp_path / "x.wav").frames == 0


def test_a_full_disk_is_an_oserror_with_its_reason(tmp_path: Path) -> None:
    """Where the system takes no more bytes, the error says why."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with (
            pytest.raises(OSError, match="File too large"),
            WavWriter(tmp_path / "x.wav", rate=8000, bits=16) as writer,
        ):
            writer.write(np.zeros(1_000_000, dtype=np.float32))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_wav_in_memory_holds_the_samples_as_they_are() -> None:
    """Floats bit by bit, beyond full scale too, and 16-bit values."""
    floats = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    for values, subtype in ((floats, "FLOAT"), (np.arange(-500, 500, dtype=np.int16), "PCM_16")):
        with soundfile.SoundFile(io.BytesIO(to_wav(values, rate=48_000))) as sound:
            assert (sound.samplerate, sound.channels, sound.subtype) == (48_000, 1, subtype)
            np.testing.assert_array_equal(sound.read(dtype=values.dtype.name), values)
