"""What libav decodes: mp3, m4a, aac, webm, mp4, mkv and all else that libsndfile does not.

Times count decoded samples: gaps between a container's time stamps are not filled.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from segue.errors import AudioUndecodable, NoAudioTrack
from segue.speech.samples import Block, check_rate, to_float
from segue.speech.source import Source
from segue.speech.track import Track, block_frames, check_length, damaged, undecodable

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,latm,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,"
    "mpeg,mpegts,nistsphere,ogg,rm,tta,voc,w64,wav,wv"
)
"""Containers of sound and nothing else: a playlist (HLS, concat) would have libav open whatever it names."""

_UNFRAMED = {"aac", "ac3", "amr", "eac3", "latm", "loas", "mp3", "mpegts", "mpeg"}
"""Streams without a header of their own, which begin and end anywhere: a cut one is decoded for what it holds."""

_HEADER_BYTES = 2**14
"""More than any header: a FLAC of no samples has 8 KB. What is longer and holds no packet is broken, not silent."""

_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8"}
"""Of libav's sample formats, packed; planar ones have the same name with a p behind it."""

_PROMISES = {"caf", "flac", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "wv"}
"""Whose duration is written in the file. Elsewhere libav guesses it from the bit rate."""


def open_libav(source: Source, stack: ExitStack) -> Track:
    """Open the best audio track; ``stack`` closes it.

    Raises AudioUndecodable, AudioTruncated, NoAudioTrack, AudioUnreadable and InvalidSamples (a rate out of range).
    So do the blocks while they are read, but for NoAudioTrack.
    """
    import av  # 70 ms, not needed for wav, flac and ogg

    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
    try:
        container = stack.enter_context(av.open(source, mode="r", metadata_errors="ignore", options=options))
        stream = container.streams.best("audio")
    except (av.FFmpegError, ValueError) as error:
        source.check()
        raise undecodable(source) from error
    if stream is None or not isinstance(stream, av.AudioStream):
        if container.streams.video:
            raise NoAudioTrack(f"{source.name}: has video and no audio track; give a file with sound")
        raise undecodable(source)
    frames = _frames(container, stream, source)
    first = next(frames, None)
    if first is None and container.format.name in _UNFRAMED:
        raise undecodable(source)
    rate = first.sample_rate if first else stream.codec_context.sample_rate  # what the header says can be half of it
    channels = first.layout.nb_channels if first else stream.codec_context.channels
    planes = _planes(chain([first] if first else [], frames), rate, channels, source)
    blocks = _blocks(planes, block_frames(rate, channels), source)
    bits = _bits(stream.codec_context.name, first.format.packed.name if first else "")
    return Track(check_rate(rate, name=source.name), channels, _promised_s(container), blocks, bits)


def _bits(codec: str, sample_format: str) -> int:
    """What lossless codecs of 24 bits give is s32; lossy ones give floats that are nobody's samples."""
    if codec.startswith(("pcm_f", "pcm_s32")) or (codec == "wavpack" and sample_format == "flt"):
        return 32
    return 24 if sample_format == "s32" else 16


def _promised_s(container: "InputContainer") -> float | None:
    known = container.format.name in _PROMISES and container.duration is not None
    return container.duration / 1e6 if known and container.duration else None


def _frames(container: "InputContainer", stream: "av.AudioStream", source: Source) -> Iterator["av.AudioFrame"]:
    """Decoded frames, in order. Damage is raised, but not before the first and after the last of an unframed stream."""
    unframed = container.format.name in _UNFRAMED
    damage: Exception | None = None
    held_s = decoded_s = 0.0
    packet_bytes = 0
    for packet in _packets(container, source, unframed=unframed):
        if packet.pts is not None and packet.time_base is not None:
            held_s = max(held_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index != stream.index:
            continue
        frames, error = _decoded(packet)
        damage = damage or error
        packet_bytes += packet.size
        if damage and (not unframed or (frames and decoded_s)):
            raise (damaged(source, decoded_s) if decoded_s else undecodable(source)) from damage
        damage = None if frames else damage
        for frame in frames:
            decoded_s += frame.samples / frame.sample_rate
            yield frame
    source.check()
    if not decoded_s and (packet_bytes or (not held_s and source.size_bytes > _HEADER_BYTES)):
        raise undecodable(source) from damage
    promised_s = _promised_s(container)
    if promised_s is not None:
        check_length(source, held_s=max(held_s, decoded_s), promised_s=promised_s)


def _packets(container: "InputContainer", source: Source, *, unframed: bool) -> Iterator["av.Packet[Any]"]:
    """Packets of every stream: the one that ends last tells whether the file is whole."""
    import av

    try:
        yield from container.demux()
    except av.FFmpegError as error:
        source.check()
        if not unframed:
            raise damaged(source, None) from error


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
        yield _plane(frame, channels, source)


def _plane(frame: "av.AudioFrame", channels: int, source: Source) -> NDArray[Any]:
    """Samples of shape (channels, n).

    Not by ``AudioFrame.to_ndarray`` or ``planes``: PyAV looks for the end of libav's list of planes by a null that is
    not there from eight channels on, and reads what lies behind it: a 7.1 recording ended the process.
    """
    from av.audio.plane import AudioPlane

    dtype = _DTYPES.get(frame.format.packed.name)
    if dtype is None:  # 64-bit integers
        raise AudioUndecodable(
            f"{source.name}: its samples are of format {frame.format.name}, which is not accepted; "
            "convert them to 16-bit, 32-bit or float"
        )

    def plane(index: int, count: int) -> NDArray[Any]:
        data: NDArray[Any] = np.frombuffer(cast(memoryview, AudioPlane(frame, index)), dtype, count)  # it is a buffer
        return data

    if not frame.format.is_planar:
        return plane(0, frame.samples * channels).reshape(-1, channels).T
    return np.stack([plane(index, frame.samples) for index in range(channels)])


def _blocks(planes: Iterator[NDArray[Any]], most: int, source: Source) -> Iterator[Block]:
    """Frames of some 20 ms, joined until they are ``most`` samples or a frame more."""
    waiting: list[NDArray[Any]] = []
    length = at_sample = 0
    for plane in chain(planes, [None]):
        if plane is not None:
            waiting.append(plane)
            length += plane.shape[1]
        if waiting and (plane is None or length >= most):
            yield _float(np.concatenate(waiting, axis=1), at_sample, source)
            at_sample += length
            waiting, length = [], 0


def _float(planes: NDArray[Any], at_sample: int, source: Source) -> Block:
    if planes.dtype == np.uint8:
        return (planes.astype(np.float32) - np.float32(128)) / np.float32(128)
    return to_float(planes, at_sample=at_sample, name=source.name)
