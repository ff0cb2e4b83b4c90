"""What libsndfile decodes exactly and fast: wav, flac, ogg and their kin."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segue.errors import AudioTruncated
from segue.speech.samples import Block, check_level, check_rate
from segue.speech.source import Source
from segue.speech.track import Track, block_frames, check_length, damaged

if TYPE_CHECKING:
    import soundfile

MAGICS = (b"RIFF", b"RIFX", b"RF64", b"riff\x2e\x91\xcf\x11", b"FORM", b".snd", b"fLaC", b"OggS")
"""WAV, RF64, W64, AIFF, AU, FLAC, Ogg. libsndfile opens mp3 too and is not asked to: its mpg123 writes to stderr, even
for valid files, and cannot be told not to; libav decodes the same samples, also without the encoder's delay."""


_BITS = {"PCM_24": 24, "ALAC_20": 24, "ALAC_24": 24, "PCM_32": 32, "ALAC_32": 32, "FLOAT": 32, "DOUBLE": 32}
"""Of those of libsndfile's subtypes that 16 do not hold."""


def open_sndfile(source: Source, stack: ExitStack) -> Track | None:
    """Open it; ``stack`` closes it. None: libsndfile does not know it, or libav does better.

    Raises AudioTruncated, AudioUnreadable and InvalidSamples (a rate out of range); so do the blocks.
    """
    head = source.peek(12)
    if not head.startswith(MAGICS):
        return None
    import soundfile  # 20 ms, not needed where samples come from memory

    try:
        sound = stack.enter_context(soundfile.SoundFile(source))
    except soundfile.LibsndfileError:
        source.check()
        return None
    # No length in the header: a FLAC from a pipe has 2**63 - 1 frames here, and cannot be read; a WAV from a pipe none.
    if sound.frames >= 2**62 or (sound.frames == 0 and _is_streamed_wav(source, head)):
        return None
    _check_promise(sound, source)
    rate = check_rate(sound.samplerate, name=source.name)
    return Track(rate, sound.channels, sound.frames / rate, _blocks(sound, source), _BITS.get(sound.subtype, 16))


def _blocks(sound: "soundfile.SoundFile", source: Source) -> Iterator[Block]:
    import soundfile

    frames = block_frames(sound.samplerate, sound.channels)
    held = 0
    while True:
        try:
            block: NDArray[np.float32] = sound.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            source.check()
            raise damaged(source, held / sound.samplerate or None, exact=False) from error  # in a block of 20 s
        if not len(block):
            break
        check_level(block.T, at_sample=held, name=source.name)
        held += len(block)
        yield block.T
    source.check()
    check_length(source, held_s=held / sound.samplerate, promised_s=sound.frames / sound.samplerate)


def _is_streamed_wav(source: Source, head: bytes) -> bool:
    """A length of 0 though more follows than the RIFF chunk accounts for: the header of a writer into a pipe."""
    riff_bytes = int.from_bytes(head[4:8], "little")
    return head.startswith(b"RIFF") and riff_bytes + 8 < source.size_bytes


def _check_promise(sound: "soundfile.SoundFile", source: Source) -> None:
    """Raise AudioTruncated where the data chunk is longer than the file, which libsndfile only logs.

    Writers into a pipe promise the largest number there is (ffmpeg 0xFFFFFFFF, sox and arecord about 0x7FFFFFFF,
    others less the size of the header), and some count the header into the data: neither is damage.
    """
    found = re.search(r"^\s*(?:data|SSND|Data [Ss]ize)\s*: (\d+)\b", sound.extra_info, re.MULTILINE)
    promised = int(found[1]) if found else 0
    unknown = 0x7FFF_0000 <= promised <= 0x8000_0000 or 0xFFFF_0000 <= promised <= 0xFFFF_FFFF or promised >= 2**62
    if promised > source.size_bytes + 64 and not unknown:
        raise AudioTruncated(
            f"{source.name}: its header promises {promised} bytes of audio and the file has {source.size_bytes}; "
            "copy or download it again"
        )
