"""Decode anything: a path, bytes, a file object or samples -> blocks of float32 at the model's rate.

A chain of small generators: the track's blocks, counted against the limit, mixed or not, resampled. At most two blocks
of about 20 seconds are alive, however long the recording is.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Literal, Self, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from segue.errors import AudioTooLong, InvalidParameter, InvalidSamples, one_line
from segue.speech.container import check_head, open_track
from segue.speech.resample import Resampler
from segue.speech.samples import Block, as_planes, check_rate, mix, to_float
from segue.speech.source import Encoded, Source, open_source
from segue.speech.track import Track, block_frames

AudioSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Source | ArrayLike
Channels: TypeAlias = Literal["mix", "split"]

MAX_AUDIO_S = 86_400.0


class Decoded(Iterator[Block]):
    """The blocks of one recording: float32, C-contiguous, shape (channels, n), n >= 1, at ``target_rate``.

    ``channels`` is 1 when mixed, else ``source_channels``. ``source_rate`` is in Hz. ``bits``: what holds a sample
    of the source, 16, 24 or 32 (a float). ``promised_ms`` is the length that the header states, None where it states
    none. A context manager; it closes what ``decode`` opened, and so do its end and any error. Blocks may be read-only
    views. Used by one thread at a time.

    Iterating raises AudioTruncated, AudioUndecodable, AudioUnreadable, AudioTooLong and InvalidSamples.
    """

    def __init__(
        self,
        track: Track,
        *,
        target_rate: int | None,
        channels: Channels,
        max_audio_s: float,
        name: str,
        closing: ExitStack,
    ) -> None:
        self.source_rate = track.rate
        self.source_channels = track.channels
        self.channels = 1 if channels == "mix" else track.channels
        self.target_rate = track.rate if target_rate is None else target_rate
        self.bits = track.bits
        self.source_samples = 0
        self.promised_ms = None if track.promised_s is None else round(track.promised_s * 1000)
        self._name = name
        self._max_audio_s = max_audio_s
        self._closing = closing
        self._blocks = self._flow(track.blocks)

    @property
    def duration_ms(self) -> int:
        """Whole milliseconds decoded so far, so of the recording once it is exhausted.

        From the samples at the source's rate, rounded to the nearest, a half up: 479,999 at 16 kHz are 30,000 ms.
        """
        return (2000 * self.source_samples + self.source_rate) // (2 * self.source_rate)

    def __next__(self) -> Block:
        return next(self._blocks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; no block follows. May be called more than once."""
        self._blocks.close()
        self._closing.close()

    def _flow(self, blocks: Iterator[Block]) -> Generator[Block, None, None]:
        with self._closing:
            blocks = self._counted(blocks)
            if self.channels == 1:
                blocks = map(mix, blocks)
            if self.source_rate != self.target_rate:
                blocks = _resampled(blocks, Resampler(self.source_rate, self.target_rate, channels=self.channels))
            for block in blocks:
                if block.shape[1]:
                    yield np.ascontiguousarray(block)

    def _counted(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            self.source_samples += block.shape[1]
            _check_limit(self.source_samples / self.source_rate, self._max_audio_s, name=self._name)
            yield block


def decode(
    source: AudioSource,
    *,
    target_rate: int | None,
    sample_rate: int | None = None,
    channels: Channels = "mix",
    max_audio_s: float = MAX_AUDIO_S,
) -> Decoded:
    """Open ``source``; the blocks are decoded as they are iterated over, in bounded memory.

    ``source``: a path; the bytes of a file; a binary file object, which is left open (a seekable one is read from its
    beginning, a pipe is copied to a temporary file that has no name); or samples, as ``samples.as_samples`` accepts
    them, with ``sample_rate`` in Hz (a file says its own, and another one given for it is refused). The format is found
    by content, not by name. ``target_rate``: Hz; None leaves the source's own.
    ``channels``: "mix" yields the mean of the channels in float32, "split" all of them. ``max_audio_s``: seconds; what
    is longer is refused, at once where its header says so, otherwise as soon as it is passed.

    16-bit samples become exactly x / 32768. A valid file without samples yields no block. An mp3 or aac stream that
    begins or ends in the middle of a frame yields what it holds; containers that promise more than they hold do not.

    Raises AudioNotFound, AudioUnreadable, AudioEmpty, AudioUndecodable, AudioTruncated, NoAudioTrack, AudioTooLong,
    InvalidSamples, and InvalidParameter for ``channels``. Thread-safe: calls share nothing.
    """
    if channels not in ("mix", "split"):
        raise InvalidParameter(f"channels: {channels!r} is not accepted; accepted are 'mix' and 'split'")
    if target_rate is not None:
        check_rate(target_rate, name="target_rate")
    with ExitStack() as stack:
        if _is_encoded(source):
            opened = open_source(cast(Encoded, source), stack, check_head=check_head)
            name, track = opened.name, open_track(opened, stack)
            _check_given_rate(sample_rate, track.rate, name=name)
        else:
            name, track = "samples", _track_of_samples(cast(ArrayLike, source), sample_rate)
        _check_limit(track.promised_s or 0, max_audio_s, name=name)
        closing = stack.pop_all()
    return Decoded(
        track, target_rate=target_rate, channels=channels, max_audio_s=max_audio_s, name=name, closing=closing
    )


def _is_encoded(source: AudioSource) -> bool:
    if isinstance(source, memoryview):
        return source.itemsize == 1  # of wider items it is samples, as an array is
    return isinstance(source, str | os.PathLike | bytes | bytearray) or hasattr(source, "read")


def _check_given_rate(given: int | None, rate: int, *, name: str) -> None:
    if given is not None and given != rate:
        raise InvalidSamples(
            f"{name}: sample_rate={given!r} was given and the file is at {rate} Hz; leave sample_rate out: "
            "it is for samples, and a file is resampled by itself"
        )


def _track_of_samples(samples: ArrayLike, sample_rate: int | None) -> Track:
    is_sequence = hasattr(samples, "__len__") or hasattr(samples, "__array__")
    if not is_sequence or (np.isscalar(samples) and not isinstance(samples, memoryview)):
        raise InvalidSamples(
            f"source: {one_line(repr(samples))[:80]} is not audio; accepted are a path, the bytes of a file, a binary "
            "file object, and samples (an array of int16, int32 or float) with their sample_rate"
        )
    if sample_rate is None:
        raise InvalidSamples("samples: their rate is not known; pass sample_rate= in Hz, such as sample_rate=16000")
    rate = check_rate(sample_rate)
    planes = as_planes(samples)
    step = block_frames(rate, len(planes))
    starts = range(0, planes.shape[1], step)
    blocks = (to_float(planes[:, start : start + step], at_sample=start) for start in starts)
    bits = 16 if (planes.dtype.kind, planes.dtype.itemsize) == ("i", 2) else 32
    return Track(rate, len(planes), planes.shape[1] / rate, blocks, bits)


def _resampled(blocks: Iterator[Block], resampler: Resampler) -> Iterator[Block]:
    for block in blocks:
        yield resampler.accept(block)
    yield resampler.finish()


def _check_limit(audio_s: float, max_audio_s: float, *, name: str) -> None:
    if audio_s > max_audio_s:
        raise AudioTooLong(
            f"{name}: has {_seconds(audio_s)} s of audio or more and the limit is {max_audio_s:g} s; "
            "split it or raise max_audio_s (SEGUE_MAX_AUDIO_S)"
        )


def _seconds(audio_s: float) -> str:
    """Three digits, and never in powers of ten or rounded to a whole hundred of seconds."""
    return f"{audio_s:.3g}" if audio_s < 100 else f"{audio_s:.1f}"
