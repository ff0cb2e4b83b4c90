"""``as_samples``: which arrays are audio, and what shape they become."""

from typing import Any

import numpy as np
import pytest

from segue.errors import InvalidSamples
from segue.speech.samples import as_samples, check_rate, mix, to_float


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((5,), None, (1, 5)),
        ((0,), None, (1, 0)),
        ((0, 2), None, (2, 0)),
        ((2, 0), None, (2, 0)),
        ((100, 2), None, (2, 100)),
        ((2, 100), None, (2, 100)),
        ((1, 100), None, (1, 100)),
        ((100, 1), None, (1, 100)),
        ((2, 2), None, (2, 2)),
        ((3, 4), 4, (4, 3)),
        ((3, 4), 3, (3, 4)),
        ((1, 2), 2, (2, 1)),
        ((8, 9), None, (8, 9)),
    ],
)
def test_shapes(shape: tuple[int, ...], channels: int | None, expected: tuple[int, int]) -> None:
    """The shorter axis is the channels, unless their number is known."""
    assert as_samples(np.zeros(shape, np.float32), channels=channels).shape == expected


def test_a_square_is_frames_first() -> None:
    """Where both axes fit, the first is time, as in soundfile."""
    square = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    np.testing.assert_array_equal(as_samples(square), square.T)


@pytest.mark.parametrize(
    ("array", "channels"),
    [
        (np.float32(0.5), None),
        (np.zeros((2, 3, 4), np.float32), None),
        (np.zeros((100, 9), np.float32), None),
        (np.zeros((0, 0), np.float32), None),
        (np.zeros((100, 2), np.float32), 1),
        (np.zeros(100, np.float32), 2),
    ],
)
def test_shapes_refused(array: Any, channels: int | None) -> None:
    """A number, three axes, nine channels, and another number of channels than the stream has."""
    with pytest.raises(InvalidSamples, match="accepted are"):
        as_samples(array, channels=channels)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, np.uint8),
        np.zeros(3, np.uint16),
        np.zeros(3, np.int64),
        np.zeros(3, np.int8),
        np.zeros(3, bool),
        np.zeros(3, complex),
        np.array(["a"]),
        np.array([None]),
        [[0.0], [0.0, 1.0]],
        None,
        [2**80],
    ],
)
def test_dtypes_refused(array: Any) -> None:
    """Everything that is not 16 or 32-bit integers or floating point, with the list of what is."""
    with pytest.raises(InvalidSamples, match="accepted are int16, int32, float16, float32 and float64"):
        as_samples(array)


def test_a_masked_array_must_be_filled() -> None:
    """What is under a mask is not samples, so it is not taken for them."""
    masked = np.ma.masked_array(np.zeros(3, np.float32), mask=[False, True, False])
    with pytest.raises(InvalidSamples, match="fill it first"):
        as_samples(masked)


def test_bytes_as_an_array_get_the_remedy() -> None:
    """uint8 may be a file's bytes or 8-bit samples: the message has both ways out."""
    with pytest.raises(InvalidSamples, match=r"as bytes.*128"):
        as_samples(np.zeros(3, np.uint8))


@pytest.mark.parametrize("kind", [bytes, bytearray, lambda data: memoryview(data)])
def test_bytes_are_told_how_to_become_samples(kind: Any) -> None:
    """Raw PCM as bytes, in any form, is refused with the call that makes 16-bit samples of it."""
    with pytest.raises(InvalidSamples, match=r'raw 16-bit PCM: pass np\.frombuffer\(chunk, dtype="int16"\)'):
        as_samples(kind(bytes(640)))
    assert as_samples(np.zeros(320, np.int16).data).shape == (1, 320)


def test_integers_are_scaled_by_their_full_scale() -> None:
    """int16 exactly by 32768, int32 by 2 ** 31; the caller's array stays as it was."""
    whole = np.arange(-32768, 32768, dtype=np.int16)
    np.testing.assert_array_equal(as_samples(whole)[0], whole.astype(np.float32) / 32768)
    np.testing.assert_array_equal(as_samples(np.array([-(2**31), 2**30], np.int32))[0], np.array([-1, 0.5], np.float32))
    assert whole[0] == -32768


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_first_bad_value_is_named(dtype: type[np.floating[Any]]) -> None:
    """First in time, then by channel; samples are counted from where the stream is."""
    frames = np.zeros((10, 2), dtype)
    frames[7, 0] = np.nan
    frames[4, 1] = np.inf
    with pytest.raises(InvalidSamples, match="sample 1004 of channel 1 is inf"):
        as_samples(frames, at_sample=1000)


def test_the_message_names_where_the_values_are_from() -> None:
    """A file's values are refused under its own name."""
    with pytest.raises(InvalidSamples, match=r"^a\.wav: the value at sample 5 of channel 0 is nan"):
        to_float(np.full((1, 3), np.nan, np.float32), at_sample=5, name="a.wav")


def test_16_bit_values_as_float_get_the_remedy() -> None:
    """Floats of thousands are refused with what to do; those of a hot signal are not, and 1e300 does not overflow."""
    with pytest.raises(InvalidSamples, match="divide them by 32768"):
        as_samples(np.array([0.0, 12_000.0], np.float32))
    with pytest.raises(InvalidSamples, match="divide them by 32768"):
        as_samples([1e300])
    assert as_samples(np.array([7.9, -7.9], np.float32)).shape == (1, 2)


def test_no_copy_where_none_is_needed_and_none_of_it_writable() -> None:
    """float32 comes back as a read-only view; a converted array is the callee's own."""
    array = np.zeros(10, np.float32)
    view = as_samples(array)
    assert np.shares_memory(view, array)
    assert not view.flags.writeable
    assert as_samples(array.astype(np.float64)).flags.writeable


def test_mix_is_the_mean() -> None:
    """Channels are added in order and divided by their number; one channel is itself."""
    block = np.random.default_rng(0).uniform(-1, 1, (5, 100)).astype(np.float32)
    np.testing.assert_array_equal(mix(block), block.mean(axis=0, keepdims=True))
    one = block[:1]
    assert mix(one) is one


@pytest.mark.parametrize("rate", [8000, 192_000, 16_000.0, np.int64(44_100)])
def test_rates_accepted(rate: Any) -> None:
    """Whole numbers of Hz from 8,000 to 192,000, in any number type."""
    assert check_rate(rate) == rate


@pytest.mark.parametrize("rate", [7999, 192_001, 0, -1, 16_000.5, float("nan"), float("inf"), True, "16000", None])
def test_rates_refused(rate: Any) -> None:
    """All others, saying what was given."""
    with pytest.raises(InvalidSamples, match="Hz"):
        check_rate(rate)
