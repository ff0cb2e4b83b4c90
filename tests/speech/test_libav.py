"""What only libav decodes."""

from pathlib import Path

import av
import numpy as np
import pytest

from segue import errors
from segue.speech.audio import decode
from tests.speech.encoded import encode, encode_av, joined, tone


def test_stereo_from_libav() -> None:
    """Both channels of a stereo m4a arrive, the second at half the level of the first."""
    decoded = decode(
        encode("m4a", tone(1.0, rate=48_000, channels=2), rate=48_000), target_rate=48_000, channels="split"
    )
    left, right = joined(decoded)
    assert decoded.source_channels == 2
    assert np.abs(left[9600:38_400] / 2 - right[9600:38_400]).max() < 0.03


@pytest.mark.parametrize("channels", [6, 8, 16])
def test_many_channels(channels: int) -> None:
    """All arrive, each at its level: with eight or more PyAV's own way to them reads beyond libav's list of planes."""
    sound = tone(1.0, rate=48_000, hz=100.0) * np.linspace(1, 0.4, channels, dtype=np.float32)
    decoded = decode(encode("m4a", sound, rate=48_000), target_rate=48_000, channels="split")
    levels = np.abs(joined(decoded)[:, 9_600:38_400]).max(axis=1)
    assert decoded.source_channels == channels
    assert np.abs(levels - np.linspace(0.5, 0.2, channels)).max() < 0.05


def test_an_mp3_cut_anywhere_decodes_what_it_holds() -> None:
    """9 KB out of the middle of an mp3, and one cut off at the end, are recordings."""
    mp3 = encode("mp3", tone(20.0, rate=44_100), rate=44_100)
    middle = decode(mp3[20_001:29_001], target_rate=16_000)
    joined(middle)
    assert middle.duration_ms > 300
    half = decode(mp3[: len(mp3) // 2], target_rate=16_000)
    joined(half)
    assert 9_000 < half.duration_ms < 11_000


def test_an_unknown_codec_is_undecodable() -> None:
    """A sound track that no decoder knows is an error, not silence."""
    unknown = encode("mkv", tone(1.0)).replace(b"A_AAC", b"A_XYZ")
    with pytest.raises(errors.AudioUndecodable):
        decode(unknown, target_rate=16_000)


@pytest.mark.parametrize("playlist", ["#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n"])
def test_a_playlist_opens_no_other_file(playlist: str, tmp_path: Path) -> None:
    """An upload that names a file of the server (HLS, concat) is not followed."""
    secret = tmp_path / "secret.mp3"
    secret.write_bytes(encode("mp3", tone(1.0)))
    for name in (secret, secret.as_uri(), secret.name):
        upload = tmp_path / "upload"
        upload.write_text(playlist.format(name))
        with pytest.raises(errors.AudioUndecodable):
            decode(upload, target_rate=16_000)


def test_a_video_without_sound_has_no_audio_track() -> None:
    """An mp4 with a picture alone is NoAudioTrack; with sound beside the picture it decodes."""
    silent = encode_av("mp4", None, np.zeros((0, 1), np.float32), rate=48_000, options={}, video_s=1)
    with pytest.raises(errors.NoAudioTrack):
        decode(silent, target_rate=16_000)
    film = encode_av("matroska", "aac", tone(1.0, rate=48_000), rate=48_000, options={}, video_s=2)
    decoded = decode(film, target_rate=16_000)
    joined(decoded)
    assert abs(decoded.duration_ms - 1000) < 60


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
def test_samples_of_any_width(codec: str) -> None:
    """PCM of 8 to 64 bits decodes in Matroska too, which libsndfile does not open."""
    data = encode_av("matroska", codec, tone(1.0), rate=16_000, options={})
    assert np.abs(joined(decode(data, target_rate=16_000)) - tone(1.0).T).max() < 0.01


def test_64_bit_integers_are_undecodable() -> None:
    """A WAV of 64-bit integers, which libav decodes and PyAV does not hand over, is one clear error."""
    data = encode_av("wav", "pcm_s64le", tone(1.0), rate=16_000, options={})
    with pytest.raises(errors.AudioUndecodable, match=r"s64.*convert"):
        joined(decode(data, target_rate=16_000))


@pytest.mark.parametrize("name", ["u8", "s16", "s32", "flt", "dbl", "s64"])
@pytest.mark.parametrize("planar", ["", "p"])
def test_every_format_of_samples_is_decoded_or_refused(name: str, planar: str) -> None:
    """What PyAV turns into an array is what ``to_float`` takes, and nothing but 64-bit integers is refused."""
    frame = av.AudioFrame(format=name + planar, layout="stereo", samples=10)
    if name == "s64":
        with pytest.raises(ValueError, match="s64"):
            frame.to_ndarray()
    else:
        assert frame.to_ndarray().dtype in (np.uint8, np.int16, np.int32, np.float32, np.float64)
