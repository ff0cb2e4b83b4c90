"""Encoded recordings for the tests, made on the spot, and what they decode to."""

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from segue import errors
from segue.speech.audio import Decoded, decode

SNDFILE = {
    "wav16": ("WAV", "PCM_16"),
    "wav8": ("WAV", "PCM_U8"),
    "wav24": ("WAV", "PCM_24"),
    "wav32": ("WAV", "PCM_32"),
    "wav-float": ("WAV", "FLOAT"),
    "wav-ulaw": ("WAV", "ULAW"),
    "w64": ("W64", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "ogg-opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
LIBAV = {
    "m4a": ("mp4", "aac"),
    "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"),
    "mkv": ("matroska", "aac"),
    "mkv-flac": ("matroska", "flac"),
    "fragmented": ("mp4", "aac"),
    "wv": ("wv", "wavpack"),
    "voc": ("voc", "pcm_s16le"),
    "avi": ("avi", "pcm_s16le"),
    "tta": ("tta", "tta"),
}
ALL = [*SNDFILE, *LIBAV]
LOSSLESS = [
    "wav16",
    "wav24",
    "wav32",
    "wav-float",
    "w64",
    "rf64",
    "aiff",
    "au",
    "caf",
    "flac",
    "mkv-flac",
    "voc",
    "avi",
]


def tone(seconds: float, *, rate: int = 16_000, channels: int = 1, hz: float = 440.0) -> NDArray[np.float32]:
    """(n, channels), int16-exact values; each channel a third as loud as the one before."""
    time_s = np.arange(round(seconds * rate)) / rate
    wave = np.round(np.sin(2 * np.pi * hz * time_s) * 0.5 * 32768) / 32768
    return np.stack([wave * 0.5**channel for channel in range(channels)], axis=1).astype(np.float32)


def encode(kind: str, frames: NDArray[np.float32], *, rate: int = 16_000) -> bytes:
    """A whole file with the samples of shape (n, channels)."""
    if kind in LIBAV:
        container, codec = LIBAV[kind]
        fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
        options = fragments if kind == "fragmented" else {}
        return encode_av(container, codec, frames, rate=rate, options=options)
    container, subtype = SNDFILE[kind]
    file = io.BytesIO()
    soundfile.write(file, frames, rate, format=container, subtype=subtype)
    return file.getvalue()


def encode_av(
    container: str,
    codec: str | None,
    frames: NDArray[np.float32],
    *,
    rate: int,
    options: dict[str, str],
    video_s: int = 0,
) -> bytes:
    """Whatever libav can write; ``video_s`` seconds of black beside it, and no sound where ``codec`` is None."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as output:
        picture = output.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p") if video_s else None
        sound = output.add_stream(codec, rate=rate, layout=_layout(frames)) if codec else None
        if isinstance(picture, av.VideoStream):
            for index in range(video_s * 25):
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                image.pts = index
                output.mux(picture.encode(image))
            output.mux(picture.encode())
        if isinstance(sound, av.AudioStream):
            for start in range(0, len(frames), 960):
                output.mux(sound.encode(_audio_frame(frames[start : start + 960], sound, rate=rate, at=start)))
            output.mux(sound.encode())
    return file.getvalue()


def _layout(frames: NDArray[np.float32]) -> str:
    return {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1", 16: "hexadecagonal"}[frames.shape[1]]


def _audio_frame(part: NDArray[np.float32], sound: av.AudioStream, *, rate: int, at: int) -> av.AudioFrame:
    packed: NDArray[Any] = part.reshape(1, -1)
    if sound.format.name.startswith("s16"):
        packed = np.round(packed * 32768).clip(-32768, 32767).astype(np.int16)
    name = "s16" if packed.dtype == np.int16 else "flt"
    frame = av.AudioFrame.from_ndarray(packed, format=name, layout=_layout(part))
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    return frame


def joined(decoded: Decoded) -> NDArray[np.float32]:
    """All blocks as one, after checking what is promised of each."""
    with decoded:
        blocks = list(decoded)
    for block in blocks:
        assert block.dtype == np.float32
        assert block.flags.c_contiguous
        assert block.shape[0] == decoded.channels
        assert block.shape[1] > 0
    return np.concatenate([np.zeros((decoded.channels, 0), np.float32), *blocks], axis=1)


def outcome(data: bytes) -> type[errors.AudioError] | None:
    """The class of the error, or None where finite blocks came out. Any other exception passes through."""
    try:
        samples = joined(decode(data, target_rate=16_000, max_audio_s=600))
    except errors.AudioError as error:
        return type(error)
    assert np.isfinite(samples).all()
    return None
