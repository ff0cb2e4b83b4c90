"""One audio track as either decoder gives it, and what both refuse in the same words."""

from collections.abc import Iterator
from dataclasses import dataclass

from segue.errors import AudioTruncated, AudioUndecodable
from segue.speech.samples import Block
from segue.speech.source import Source

_BLOCK_S = 20
_BLOCK_VALUES = 2**22  # 16 MB of float32: at 192 kHz and 8 channels a block is 2.7 s

_DECODABLE = "accepted are wav, flac, ogg, opus, mp3, m4a, aac, webm, mp4, mkv and the like"


@dataclass(frozen=True, slots=True)
class Track:
    """``blocks``: float32 (channels, n) at ``rate`` Hz, finite. ``promised_s``: the length in the header, if any.

    ``bits``: what holds a sample as it was decoded: 16, 24, or 32 for a float. Lossy sound has no depth; 16 do.
    """

    rate: int
    channels: int
    promised_s: float | None
    blocks: Iterator[Block]
    bits: int = 16


def block_frames(rate: int, channels: int) -> int:
    """How many samples of each channel a block has at most: 20 seconds, or fewer where that would be much memory."""
    return max(1, min(_BLOCK_S * rate, _BLOCK_VALUES // max(1, channels)))


def check_length(source: Source, *, held_s: float, promised_s: float) -> None:
    """Raise AudioTruncated where a container holds less than its header promises."""
    if held_s < promised_s - 0.25:  # the last packets of a whole file may say nothing of their duration
        raise AudioTruncated(
            f"{source.name}: its header promises {promised_s:.1f} s and it holds {held_s:.1f} s; "
            "copy or download it again"
        )


def undecodable(source: Source) -> AudioUndecodable:
    """The error for bytes that no decoder knows."""
    return AudioUndecodable(
        f"{source.name}: is not audio that can be decoded; {_DECODABLE}; check that it is a whole file{source.hint}"
    )


def damaged(source: Source, after_s: float | None, *, exact: bool = True) -> AudioTruncated:
    """The error for a file that decodes up to ``after_s``, or further where that is not ``exact``; None: not known."""
    where = "" if after_s is None else f" {'' if exact else 'somewhere '}after {after_s:.1f} s"
    return AudioTruncated(f"{source.name}: is damaged or cut off{where}; copy or download it again, or repair it")
