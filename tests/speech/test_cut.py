"""A recording and its segments -> one wav a segment."""

import json
import os
import resource
import signal
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segue.errors import AudioTruncated, InvalidParameter, OutputError
from segue.speech.audio import decode
from segue.speech.cut import Clip, cut, to_manifest
from segue.speech.detection import Detection
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment
from tests.fakes import MODEL
from tests.speech.encoded import encode


def detected(boundaries: Sequence[tuple[int, int]], duration_ms: int, *, channel: int | None = None) -> Detection:
    segments = tuple(Segment(start_ms, end_ms) for start_ms, end_ms in boundaries)
    return Detection(segments, duration_ms=duration_ms, rules=Rules.of({}), model=MODEL, channel=channel)


def noise(samples: int, channels: int = 1) -> NDArray[np.int16]:
    shape = (samples, channels) if channels > 1 else (samples,)
    return np.random.default_rng(samples).integers(-(2**15), 2**15, shape, dtype=np.int16)


def read(clip: Clip) -> NDArray[Any]:
    return soundfile.read(clip.path, dtype="int16")[0]  # type: ignore[no-any-return]


@given(
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000]),
    samples=st.integers(100, 100_000),
    data=st.data(),
)
def test_clips_and_gaps_joined_are_the_recording(
    tmp_path_factory: pytest.TempPathFactory, rate: int, samples: int, data: st.DataObject
) -> None:
    """Segments without a hole between them, at any rate, hold every sample of the recording once."""
    array = noise(samples)
    duration_ms = (2000 * samples + rate) // (2 * rate)
    inner = data.draw(st.lists(st.integers(1, max(1, duration_ms - 1)), max_size=6, unique=True).map(sorted))
    bounds = sorted({0, duration_ms, *inner})
    detection = detected(list(pairwise(bounds)), duration_ms)
    clips = cut(array, detection, tmp_path_factory.mktemp("clips"), sample_rate=rate)
    joined = np.concatenate([read(clip) for clip in clips])
    held = min(
        samples, duration_ms * rate // 1000
    )  # a duration rounded down leaves out half a millisecond, and a sample
    np.testing.assert_array_equal(joined, array[:held])
    assert samples - held <= rate / 2000 + 1


def test_a_clip_is_a_slice_of_the_decoded_recording(tmp_path: Path) -> None:
    """Also over the ends of blocks of 20 seconds, and where clips lie over each other."""
    array = noise(70 * 44_100)
    soundfile.write(tmp_path / "x.flac", array, 44_100)
    bounds = [(0, 10), (1234, 5678), (15_001, 61_999), (16_000, 16_001), (19_999, 20_001), (69_000, 70_000)]
    clips = cut(tmp_path / "x.flac", detected(bounds, 70_000), tmp_path / "clips")
    assert [(clip.segment.start_ms, clip.segment.end_ms) for clip in clips] == bounds
    for clip, (start_ms, end_ms) in zip(clips, bounds, strict=True):
        np.testing.assert_array_equal(read(clip), array[start_ms * 44_100 // 1000 : end_ms * 44_100 // 1000])
        assert clip.samples == len(read(clip))


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        *(("wav24", "PCM_24"), ("wav-float", "FLOAT"), ("wav32", "FLOAT")),
        *((kind, "PCM_16") for kind in ("wav16", "wav-ulaw", "flac", "vorbis", "mp3", "m4a", "voc")),
    ],
)
def test_a_clip_is_as_deep_as_the_recording(tmp_path: Path, kind: str, subtype: str) -> None:
    """The rate is the recording's own, the depth what holds its samples; lossy sound is written with 16 bits."""
    tone = 0.5 * np.sin(np.arange(3 * 44_100) / 20)
    data = encode(kind, tone.astype(np.float32)[:, np.newaxis], rate=44_100)
    with decode(data, target_rate=None) as decoded:
        samples = np.concatenate([block[0] for block in decoded])
    (clip,) = cut(data, detected([(500, 1500)], decoded.duration_ms), tmp_path)
    info = soundfile.info(clip.path)
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (44_100, 1, subtype, 44_100)
    written = soundfile.read(clip.path, dtype="float32")[0]
    np.testing.assert_allclose(written, samples[22_050:66_150], rtol=0, atol=2**-16 if subtype == "PCM_16" else 0)


def test_channels_are_cut_each_for_itself(tmp_path: Path) -> None:
    """Of split channels a clip has its channel's samples and number, from 1; of the mix it is the mean."""
    array = noise(16_000, channels=2)
    soundfile.write(tmp_path / "x.wav", array, 16_000)
    split = [detected([(0, 400)], 1000, channel=0), detected([(100, 300), (300, 301)], 1000, channel=1)]
    clips = cut(tmp_path / "x.wav", split, tmp_path)
    assert [clip.path.name for clip in clips] == [
        "x-1-000000000-000000400.wav",
        "x-2-000000100-000000300.wav",
        "x-2-000000300-000000301.wav",
    ]
    np.testing.assert_array_equal(read(clips[0]), array[:6400, 0])
    np.testing.assert_array_equal(read(clips[1]), array[1600:4800, 1])
    (mixed,) = cut(tmp_path / "x.wav", detected([(0, 1000)], 1000), tmp_path)
    np.testing.assert_array_equal(read(mixed), np.rint(array.astype(np.int32).sum(axis=1) / 2))


def test_names_sort_and_are_one_field(tmp_path: Path) -> None:
    """The file's name without extension, blanks as ``_``, then times of nine digits; or the name that was given."""
    path = tmp_path / "第 1 讲.v2.wav"
    soundfile.write(path, noise(16_000), 16_000)
    (clip,) = cut(path, detected([(7, 999)], 1000), tmp_path / "clips")
    assert clip.path == tmp_path / "clips" / "第_1_讲.v2-000000007-000000999.wav"
    (clip,) = cut(path.read_bytes(), detected([(7, 999)], 1000), tmp_path / "clips")
    assert clip.path.name.startswith("recording-")
    with pytest.raises(InvalidParameter, match="'a/b' cannot begin the name"):
        cut(path, detected([(7, 999)], 1000), tmp_path, name="a/b")
    long = tmp_path / f"{'长' * 80}.wav"
    os.link(path, long)
    assert cut(long, detected([(7, 999)], 1000), tmp_path / "clips")[0].path.is_file()


def test_a_manifest_line_tells_all(tmp_path: Path) -> None:
    """NeMo's names for file and duration, then where the clip comes from and what found it."""
    soundfile.write(tmp_path / "x.wav", noise(16_000), 16_000)
    detection = detected([(250, 750), (900, 1000)], 1000, channel=0)
    clips = cut(tmp_path / "x.wav", [detection], tmp_path / "clips" / "x")
    first, second = map(json.loads, to_manifest("in/x.wav", clips, tmp_path / "clips").splitlines())
    assert first == {
        "audio_filepath": "x/x-1-000000250-000000750.wav",
        "duration": 0.5,
        "source": "in/x.wav",
        "channel": 0,
        "start_ms": 250,
        "end_ms": 750,
        "duration_ms": 500,
        "sample_rate": 16_000,
        "model": {"id": MODEL.id, "revision": MODEL.revision, "digest": MODEL.digest},
        "mode": "classic",
    }
    assert second["duration"] == 0.1


def test_no_segments_are_no_files(tmp_path: Path) -> None:
    """A recording without speech leaves no clip, and not even the directory."""
    assert cut(noise(16_000), detected([], 1000), tmp_path / "clips", sample_rate=16_000) == []
    assert not (tmp_path / "clips").exists()


def test_the_detection_of_another_recording_is_refused(tmp_path: Path) -> None:
    """Another length, or a channel that is not there; nothing is left behind."""
    with pytest.raises(InvalidParameter, match="of 3000 ms of audio and the recording has 1000 ms"):
        cut(noise(16_000), detected([(0, 10)], 3000), tmp_path, sample_rate=16_000)
    with pytest.raises(InvalidParameter, match="of channel 1 and the recording has 1"):
        cut(noise(16_000), detected([(0, 10)], 1000, channel=1), tmp_path, sample_rate=16_000)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_breaks_leaves_no_clip(tmp_path: Path) -> None:
    """Where the second reading fails, clips that were whole already are not left, and those before stay."""
    soundfile.write(tmp_path / "whole", noise(16_000 * 50), 16_000, format="FLAC")
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "whole").unlink()
    detection = detected([(0, 1000), (10_000, 45_000)], 50_000)
    (tmp_path / "x-000000000-000001000.wav").write_bytes(b"before")
    with pytest.raises(AudioTruncated):
        cut(whole[: len(whole) * 3 // 4], detection, tmp_path, name="x")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """Where no more can be written the error names the directory and the reason, and no clip is left."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"clips: a clip cannot be written \(File too large\); make room"):
            cut(noise(160_000), detected([(0, 100), (100, 9000)], 10_000), tmp_path / "clips", sample_rate=16_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list((tmp_path / "clips").iterdir()) == []


def test_a_place_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    """A directory that cannot be made is named with the reason."""
    (tmp_path / "clips").write_bytes(b"")
    with pytest.raises(OutputError, match="clips: a clip cannot be written"):
        cut(noise(16_000), detected([(0, 100)], 1000), tmp_path / "clips", sample_rate=16_000)


def test_progress_is_told_and_may_end_it(tmp_path: Path) -> None:
    """It is called with each block; what it raises comes out, and nothing is left."""
    told: list[tuple[int, int | None]] = []
    array, detection = noise(16_000 * 45), detected([(0, 45_000)], 45_000)
    cut(array, detection, tmp_path / "a", sample_rate=16_000, progress=lambda *now: told.append(now))
    assert told == [(20_000, 45_000), (40_000, 45_000), (45_000, 45_000)]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut(array, detection, tmp_path / "b", sample_rate=16_000, progress=stop)
    assert list((tmp_path / "b").iterdir()) == []
