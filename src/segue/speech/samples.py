"""Samples in memory: what arrays are accepted, and their one inner form, float32 of shape (channels, n) within ±1."""

from collections.abc import Sized
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segue.errors import InvalidSamples

Block: TypeAlias = NDArray[np.float32]
"""float32, shape (channels, n), full scale at -1 to 1."""

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 192_000
MAX_CHANNELS = 8
"""Of an array, whose axes are told apart by their lengths. A file says how many it has and may have more."""

MAX_LEVEL = 8.0
"""18 dB above full scale: more than any clipped or badly scaled recording reaches, and less than the first loud word
of 16-bit values that somebody turned into float without dividing."""

_SCALES = {("i", 2): 1 / 2**15, ("i", 4): 1 / 2**31, ("f", 2): 1.0, ("f", 4): 1.0, ("f", 8): 1.0}
"""By kind and size, not by dtype, so that big-endian arrays (``>i2``) are accepted too."""

_ACCEPTED = "accepted are int16, int32, float16, float32 and float64"

RAW_PCM = 'raw 16-bit PCM: pass np.frombuffer(chunk, dtype="int16")'
"""For messages: what to do with the bytes of samples, which are neither a file nor an array."""


def check_rate(rate: float, *, name: str = "samples") -> int:
    """The rate as an int. Raises InvalidSamples unless it is a whole number of Hz from 8,000 to 192,000."""
    if not isinstance(rate, int | float | np.integer | np.floating) or isinstance(rate, bool) or rate != rate // 1:
        raise InvalidSamples(f"{name}: the sample rate must be a whole number of Hz, not {rate!r}")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InvalidSamples(
            f"{name}: a sample rate of {int(rate)} Hz is not accepted; resample to between "
            f"{MIN_RATE_HZ} and {MAX_RATE_HZ} Hz"
        )
    return int(rate)


def as_samples(array: ArrayLike, *, channels: int | None = None, at_sample: int = 0) -> Block:
    """Turn one array into float32 of shape (channels, n), checked.

    ``array``: whatever ``np.asarray`` takes; int16 and int32 (scaled by their full scale, so that int16 becomes exactly
    x / 32768), float16, float32 or float64 within ±1 (slightly over is fine). Shape (n,), (n, c) or (c, n) with c <= 8.
    ``channels``: how many there are, where that is known (a live stream knows it from its first chunk). Without it the
    shorter axis is the channels. Where both axes fit, (n, c) is meant, as in soundfile. Arrays of no samples, (0,) and
    (0, c), are accepted. ``at_sample``: the index of the first sample, for messages.

    The result may be a view of ``array``; it is then read-only. Raises InvalidSamples: another dtype (uint8 is one:
    it is ambiguous), another shape, NaN, infinite, or values so far outside ±1 that they were never scaled.
    Thread-safe: it holds no state.
    """
    return to_float(as_planes(array, channels=channels), at_sample=at_sample)


def as_planes(array: ArrayLike, *, channels: int | None = None) -> NDArray[Any]:
    """Check dtype and shape as ``as_samples`` does, and return a view of shape (channels, n) in the array's dtype."""
    if isinstance(array, bytes | bytearray) or (isinstance(array, memoryview) and array.itemsize == 1):
        raise InvalidSamples(f"samples: {type(array).__name__} does not say what its samples are; {RAW_PCM}")
    if isinstance(array, np.ma.MaskedArray):  # np.asarray would take what is under the mask
        raise InvalidSamples("samples: a masked array is not accepted; fill it first, as with array.filled(0)")
    try:
        samples = np.asarray(array)
    except (ValueError, TypeError, OverflowError) as error:  # ragged lists, tensors on a GPU, huge integers
        raise InvalidSamples(f"samples: not an array of numbers; {_ACCEPTED}") from error
    if samples.size == 0 and isinstance(array, Sized) and not isinstance(array, np.ndarray):
        samples = samples.astype(np.float32)  # an empty list has no dtype of its own
    if (samples.dtype.kind, samples.dtype.itemsize) not in _SCALES:
        raise InvalidSamples(f"samples: dtype {samples.dtype} is not accepted; {_ACCEPTED}{_remedy(samples.dtype)}")
    if samples.ndim == 1:
        samples = samples[np.newaxis, :]
    elif samples.ndim == 2:
        samples = samples.T if _is_frames_first(samples.shape, channels) else samples
    if samples.ndim != 2 or not 1 <= samples.shape[0] <= MAX_CHANNELS or channels not in (None, samples.shape[0]):
        wanted = f"{channels}" if channels else f"1 to {MAX_CHANNELS}"
        raise InvalidSamples(
            f"samples: shape {np.shape(array)} is not accepted; accepted are (n,), (n, c) and (c, n) "
            f"with c = {wanted} channels"
        )
    return samples


def _remedy(dtype: np.dtype[Any]) -> str:
    if dtype == np.uint8:
        return "; pass the bytes of a file as bytes, and 8-bit samples as (x.astype('float32') - 128) / 128"
    if dtype.kind in "iu":
        return "; for 16-bit values use np.asarray(x, dtype='int16')"
    return ""


def _is_frames_first(shape: tuple[int, ...], channels: int | None) -> bool:
    rows, columns = shape
    if channels is not None:
        return columns == channels
    if 0 in shape:
        return rows == 0
    return columns <= rows


def to_float(planes: NDArray[Any], *, at_sample: int = 0, name: str = "samples") -> Block:
    """Scale planes of an accepted dtype to float32 and check their values. A float32 view becomes read-only.

    ``at_sample`` and ``name`` are for messages.
    """
    kind, itemsize = planes.dtype.kind, planes.dtype.itemsize
    if kind == "f":
        check_level(planes, at_sample=at_sample, name=name)
    scale = np.float32(_SCALES[kind, itemsize])
    block: Block = planes.astype(np.float32, copy=False)
    if scale != 1:
        block *= scale  # a power of two: exact
    if np.may_share_memory(block, planes):
        block = block.view()
        block.flags.writeable = False  # whoever works in place must not change the caller's samples
    return block


def check_level(planes: NDArray[Any], *, at_sample: int = 0, name: str = "samples") -> None:
    """Raise InvalidSamples where a value is NaN, infinite or beyond ``MAX_LEVEL``, saying which is the first."""
    if planes.size == 0 or (planes.min() >= -MAX_LEVEL and planes.max() <= MAX_LEVEL):  # both are False for NaN
        return
    bad = ~np.isfinite(planes)
    if bad.any():
        channel, index = divmod(int(np.argmax(bad.T)), planes.shape[0])[::-1]
        raise InvalidSamples(
            f"{name}: the value at sample {at_sample + index} of channel {channel} is {planes[channel, index]}; "
            "accepted are finite values from -1 to 1; replace it (np.nan_to_num) or repair the source"
        )
    raise InvalidSamples(
        f"{name}: floating point values reach {float(np.abs(planes).max()):.5g}, and full scale is 1; "
        "if these are 16-bit values, divide them by 32768 or pass them as int16"
    )


def mix(block: Block) -> Block:
    """The mean of the channels in float32: (channels, n) -> (1, n). One channel is returned as it is."""
    if len(block) == 1:
        return block
    total = block[0] + block[1]
    for channel in block[2:]:
        total += channel
    total /= np.float32(len(block))
    mean: Block = total[np.newaxis, :]
    return mean
