"""An encoded file -> one audio track: libsndfile for what it decodes exactly and fast, libav for the rest.

Which of them is decided by the first bytes and by trying, never by the name.
"""

from contextlib import ExitStack

from segue.errors import AudioTruncated
from segue.speech.libav import open_libav
from segue.speech.sndfile import open_sndfile
from segue.speech.source import Source
from segue.speech.track import Track


def open_track(source: Source, stack: ExitStack) -> Track:
    """Open the audio track; ``stack`` closes it.

    Raises AudioUndecodable, AudioTruncated, NoAudioTrack, AudioUnreadable and InvalidSamples (a rate out of range).
    So do the blocks while they are read, but for NoAudioTrack.
    """
    if source.peek(4) == b"OggS":
        _check_last_page(source)
    track = open_sndfile(source, stack)
    if track is None:
        source.seek(0)
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
