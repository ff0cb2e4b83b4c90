"""An encoded file -> one audio track: libsndfile for what it decodes exactly and fast, libav for the rest.

Which of them is decided by the first bytes and by trying, never by the name.
"""

import io
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Literal

from segue.errors import AudioTruncated, InvalidSamples, NoAudioTrack
from segue.speech.libav import open_libav
from segue.speech.sndfile import MAGICS, open_sndfile
from segue.speech.source import Source
from segue.speech.track import Track


@dataclass(frozen=True, slots=True)
class _Chunks:
    """A file of chunks one behind another: ``size`` is where a chunk's header of ``header_bytes`` says its length."""

    ids: tuple[bytes, ...]
    start: int
    header_bytes: int
    size: slice
    order: Literal["little", "big"]
    unknown_from: int
    slack_bytes: int


_CHUNKED = {
    b"caff": _Chunks(
        (b"desc", b"data", b"free", b"info", b"kuki", b"pakt", b"chan"), 8, 12, slice(4, 12), "big", 2**63, 0
    ),
    b"RIFF": _Chunks((b"RIFF",), 0, 8, slice(4, 8), "little", 0x7FFF_0000, 64),
    b"Crea": _Chunks(tuple(bytes([kind]) for kind in range(1, 10)), 26, 4, slice(1, 4), "little", 0xFF_FFFF, 0),
    b"wvpk": _Chunks((b"wvpk",), 0, 8, slice(4, 8), "little", 2**32, 0),
}
"""CAF, AVI, VOC and WavPack by their first bytes: libav takes the place where one of these was cut for its end."""

_MOST_CHUNKS = 100_000  # looked at: a WavPack of a day has fewer, and a hostile VOC of empty chunks holds up nothing

_INDEX_LAST = (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip", b"pnot")
"""The second four bytes of MP4 and QuickTime, which only their last ones may explain."""


def check_head(head: bytes, name: str) -> None:
    """Raise AudioUndecodable if a recording of more than ``head`` cannot begin like this."""
    if head.startswith((*MAGICS, *_CHUNKED, b"ID3")) or head[4:8] in _INDEX_LAST:
        return
    with ExitStack() as stack, suppress(AudioTruncated, InvalidSamples, NoAudioTrack):
        source = Source(io.BytesIO(head), name=name)
        source.seek(0)
        open_libav(source, stack)


def open_track(source: Source, stack: ExitStack) -> Track:
    """Open the audio track; ``stack`` closes it.

    Raises AudioUndecodable, AudioTruncated, NoAudioTrack, AudioUnreadable and InvalidSamples (a rate out of range).
    So do the blocks while they are read, but for NoAudioTrack.
    """
    if source.peek(4) == b"OggS":
        _check_last_page(source)
    track = open_sndfile(source, stack)
    if track is None:
        _check_chunks(source)
        track = open_libav(source, stack)
    return track


def _check_last_page(source: Source) -> None:
    """Raise AudioTruncated where the last Ogg page is cut off, which both libraries take for the end (RFC 3533, 6)."""
    tail_bytes = min(source.size_bytes, 27 + 255 + 255 * 255)  # the longest page
    tail = source.peek(tail_bytes, offset=source.size_bytes - tail_bytes)
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    segments = page[26] if len(page) > 26 else 1
    if len(page) < 27 + segments or len(page) < 27 + segments + sum(page[27 : 27 + segments]):
        raise AudioTruncated(f"{source.name}: it ends in the middle of an Ogg page; copy or download it again")


def _check_chunks(source: Source) -> None:
    """Raise AudioTruncated where a chunk is longer than the rest of the file.

    A size of 0 or of all ones is that of a writer into a pipe, and what has another name than a chunk is a tag or
    rubbish behind the audio: nothing is known from there on. ``slack_bytes``: what some writers count too much.
    """
    chunks = _CHUNKED.get(source.peek(4))
    if chunks is None:
        return
    at = chunks.start
    for _ in range(_MOST_CHUNKS):
        header = source.peek(chunks.header_bytes, offset=at)
        size = int.from_bytes(header[chunks.size], chunks.order)
        if len(header) < chunks.header_bytes or not header.startswith(chunks.ids) or not 0 < size < chunks.unknown_from:
            return
        at += chunks.header_bytes + size
        if at > source.size_bytes + chunks.slack_bytes:
            raise AudioTruncated(
                f"{source.name}: its header promises {at} bytes and the file has {source.size_bytes}; "
                "copy or download it again"
            )
