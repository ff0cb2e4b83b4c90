"""An encoded file -> one audio track: libsndfile for what it decodes exactly and fast, libav for the rest.

Which of them is decided by the first bytes and by trying, never by the name. Times count decoded samples: gaps between
a container's time stamps are not filled.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from segue.errors import AudioTruncated, AudioUndecodable, NoAudioTrack
from segue.speech.samples import Block, check_level, check_rate, to_float
from segue.speech.source import Source

if TYPE_CHECKING:
    import av
    import soundfile
    from av.container import InputContainer

_BLOCK_S = 20
_BLOCK_VALUES = 2**22  # 16 MB of float32: at 192 kHz and 8 channels a block is 2.7 s

_SNDFILE_MAGICS = (b"RIFF", b"RIFX", b"RF64", b"riff\x2e\x91\xcf\x11", b"FORM", b".snd", b"fLaC", b"OggS")
"""WAV, RF64, W64, AIFF, AU, FLAC, Ogg. libsndfile opens mp3 too and is not asked to: its mpg123 writes to stderr, even
for valid files, and cannot be told not to; libav decodes the same samples, also without the encoder's delay."""

_AV_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,latm,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,"
    "mpeg,mpegts,nistsphere,ogg,rm,tta,voc,w64,wav,wv"
)
"""Containers of sound and nothing else: a playlist (HLS, concat) would have libav open whatever it names."""

_AV_UNFRAMED = {"aac", "ac3", "amr", "eac3", "latm", "loas", "mp3", "mpegts", "mpeg"}
"""Streams without a header of their own, which begin and end anywhere: a cut one is decoded for what it holds."""

_AV_PROMISES = {"caf", "flac", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"}
"""Whose duration is written in the file. Elsewhere libav guesses it from the bit rate."""

_DECODABLE = "accepted are wav, flac, ogg, opus, mp3, m4a, aac, webm, mp4, mkv and the like"


@dataclass(frozen=True, slots=True)
class Track:
    """``blocks``: float32 (channels, n) at ``rate`` Hz, finite. ``promised_s``: the length in the header, if any."""

    rate: int
    channels: int
    promised_s: float | None
    blocks: Iterator[Block]


def open_track(source: Source, stack: ExitStack) -> Track:
    """Open the audio track; ``stack`` closes it.

    Raises AudioUndecodable, AudioTruncated, NoAudioTrack, AudioUnreadable and InvalidSamples (a rate out of range).
    So do the blocks while they are read, but for NoAudioTrack.
    """
    head = source.peek(12)
    if head.startswith(b"OggS"):
        _check_last_page(source)
    track = _open_sndfile(source, head, stack) if head.startswith(_SNDFILE_MAGICS) else None
    if track is None:
        source.seek(0)
        track = _open_av(source, stack)
    return track


# -- libsndfile ----------------------------------------------------------------------------------------------------


def _open_sndfile(source: Source, head: bytes, stack: ExitStack) -> Track | None:
    """None: libsndfile does not know it, or libav does better."""
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
    return Track(rate, sound.channels, sound.frames / rate, _sndfile_blocks(sound, source))


def _sndfile_blocks(sound: "soundfile.SoundFile", source: Source) -> Iterator[Block]:
    import soundfile

    frames = block_frames(sound.samplerate, sound.channels)
    held = 0
    while True:
        try:
            block: NDArray[np.float32] = sound.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            source.check()
            raise _damaged(source, held / sound.samplerate) from error
        if not len(block):
            break
        check_level(block.T, at_sample=held, name=source.name)
        held += len(block)
        yield block.T
    source.check()
    _check_length(source, held_s=held / sound.samplerate, promised_s=sound.frames / sound.samplerate)


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


def _check_last_page(source: Source) -> None:
    """Raise AudioTruncated where the last Ogg page is cut off, which both libraries take for the end (RFC 3533, 6)."""
    tail_bytes = min(source.size_bytes, 27 + 255 + 255 * 255)  # the longest page
    tail = source.peek(tail_bytes, offset=source.size_bytes - tail_bytes)
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    segments = page[26] if len(page) > 26 else 1
    if len(page) < 27 + segments or len(page) < 27 + segments + sum(page[27 : 27 + segments]):
        raise AudioTruncated(f"{source.name}: it ends in the middle of an Ogg page; copy or download it again")


# -- libav ---------------------------------------------------------------------------------------------------------


def _open_av(source: Source, stack: ExitStack) -> Track:
    import av  # 70 ms, not needed for wav, flac and ogg

    options = {"format_whitelist": _AV_FORMATS, "protocol_whitelist": "none"}
    try:
        container = stack.enter_context(av.open(source, mode="r", metadata_errors="ignore", options=options))
        stream = container.streams.best("audio")
    except (av.FFmpegError, ValueError) as error:
        source.check()
        raise _undecodable(source) from error
    if stream is None or not isinstance(stream, av.AudioStream):
        if container.streams.video:
            raise NoAudioTrack(f"{source.name}: has video and no audio track; give a file with sound")
        raise _undecodable(source)
    frames = _av_frames(container, stream, source)
    first = next(frames, None)
    if first is None and container.format.name in _AV_UNFRAMED:
        raise _undecodable(source)
    rate = first.sample_rate if first else stream.codec_context.sample_rate  # what the header says can be half of it
    channels = first.layout.nb_channels if first else stream.codec_context.channels
    planes = _planes(chain([first] if first else [], frames), rate, channels, source)
    blocks = _av_blocks(planes, block_frames(rate, channels), source)
    return Track(check_rate(rate, name=source.name), channels, _promised_s(container), blocks)


def _promised_s(container: "InputContainer") -> float | None:
    known = container.format.name in _AV_PROMISES and container.duration is not None
    return container.duration / 1e6 if known and container.duration else None


def _av_frames(container: "InputContainer", stream: "av.AudioStream", source: Source) -> Iterator["av.AudioFrame"]:
    """Decoded frames, in order. Damage is raised, but not before the first and after the last of an unframed stream."""
    unframed = container.format.name in _AV_UNFRAMED
    damage: Exception | None = None
    held_s = decoded_s = 0.0
    packet_bytes = 0
    for packet in _av_packets(container, source, unframed=unframed):
        if packet.pts is not None and packet.time_base is not None:
            held_s = max(held_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index != stream.index:
            continue
        frames, error = _decoded(packet)
        damage = damage or error
        packet_bytes += packet.size
        if damage and (not unframed or (frames and decoded_s)):
            raise (_damaged(source, decoded_s) if decoded_s else _undecodable(source)) from damage
        damage = None if frames else damage
        for frame in frames:
            decoded_s += frame.samples / frame.sample_rate
            yield frame
    source.check()
    if packet_bytes and not decoded_s:
        raise _undecodable(source) from damage
    promised_s = _promised_s(container)
    if promised_s is not None:
        _check_length(source, held_s=max(held_s, decoded_s), promised_s=promised_s)


def _av_packets(container: "InputContainer", source: Source, *, unframed: bool) -> Iterator["av.Packet[Any]"]:
    """Packets of every stream: the one that ends last tells whether the file is whole."""
    import av

    try:
        yield from container.demux()
    except av.FFmpegError as error:
        source.check()
        if not unframed:
            raise _damaged(source, None) from error


def _decoded(packet: "av.Packet[Any]") -> tuple[list["av.AudioFrame"], Exception | None]:
    import av

    try:
        return cast("list[av.AudioFrame]", packet.decode()), None
    except av.FFmpegError as error:
        return [], error


def _planes(
    frames: Iterator["av.AudioFrame"], rate: int, channels: int, source: Source
) -> Iterator[NDArray[np.generic]]:
    """Each frame as (channels, n) in its own dtype."""
    for frame in frames:
        if frame.sample_rate != rate or frame.layout.nb_channels != channels:
            raise AudioUndecodable(
                f"{source.name}: changes from {rate} Hz and {channels} channels to {frame.sample_rate} Hz and "
                f"{frame.layout.nb_channels} in the middle; split it there"
            )
        data = frame.to_ndarray()
        yield data if frame.format.is_planar else data.reshape(-1, channels).T


def _av_blocks(planes: Iterator[NDArray[Any]], block_frames: int, source: Source) -> Iterator[Block]:
    """Frames of some 20 ms, joined."""
    waiting: list[NDArray[Any]] = []
    length = at_sample = 0
    for plane in chain(planes, [None]):
        if plane is not None:
            waiting.append(plane)
            length += plane.shape[1]
        if waiting and (plane is None or length >= block_frames):
            yield _av_float(np.concatenate(waiting, axis=1), at_sample, source)
            at_sample += length
            waiting, length = [], 0


def _av_float(planes: NDArray[Any], at_sample: int, source: Source) -> Block:
    if planes.dtype.kind == "f":
        check_level(planes, at_sample=at_sample, name=source.name)
    if planes.dtype == np.uint8:
        return (planes.astype(np.float32) - np.float32(128)) / np.float32(128)
    return to_float(planes)


# -- both ----------------------------------------------------------------------------------------------------------


def block_frames(rate: int, channels: int) -> int:
    return max(1, min(_BLOCK_S * rate, _BLOCK_VALUES // max(1, channels)))


def _check_length(source: Source, *, held_s: float, promised_s: float) -> None:
    if held_s < promised_s - 0.25:  # the last packets of a whole file may say nothing of their duration
        raise AudioTruncated(
            f"{source.name}: its header promises {promised_s:.1f} s and it holds {held_s:.1f} s; "
            "copy or download it again"
        )


def _undecodable(source: Source) -> AudioUndecodable:
    return AudioUndecodable(
        f"{source.name}: is not audio that can be decoded; {_DECODABLE}; check that it is a whole file"
    )


def _damaged(source: Source, at_s: float | None) -> AudioTruncated:
    where = "" if at_s is None else f" after {at_s:.1f} s"
    return AudioTruncated(f"{source.name}: is damaged or cut off{where}; copy or download it again, or repair it")
