"""``--cut DIR``: the clips of every input, and one manifest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from segue.edges.batch.cuts import MANIFEST, Cuts
from segue.edges.batch.inputs import Input
from segue.edges.batch.task import Outcome, Request, Task
from segue.errors import OutputError
from segue.speech.formats import FORMATS
from tests.fakes import loudness_detector


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    return tmp_path / "clips"


@pytest.fixture
def cuts(clips: Path) -> Iterator[Cuts]:
    with Cuts.held(clips) as held:
        yield held


def recording(path: Path, *, loud: bool = True) -> Input:
    """Six seconds at 8 kHz with two tones, or none."""
    samples = np.zeros(48_000, dtype=np.float32)
    if loud:
        samples[8_000:12_000] = samples[28_000:36_000] = 0.5
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, samples, 8_000)
    return Input(str(path))


def run(cuts: Cuts, item: Input, *, resume: bool = False, split: bool = False, **parameters: int) -> Outcome:
    detector = loudness_detector(lambda _: None, **parameters)
    request = Request(FORMATS["jsonl"], resume=resume, split=split)
    cuts.reserve([item.source])
    return Task(detector, request, expected=lambda: detector, extras=[cuts]).run(item, lambda: None, lambda *_: None)


def listed(clips: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (clips / MANIFEST).read_text(encoding="utf-8").splitlines()]


def test_each_segment_is_a_clip_of_the_manifest(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """The manifest has a line for each segment of the result, whose file, beside it, has that length."""
    outcome = run(cuts, recording(tmp_path / "talk.wav"))
    cuts.finish()
    segments = json.loads(outcome.items[0])["segments"]
    lines = listed(clips)
    assert [{"start_ms": line["start_ms"], "end_ms": line["end_ms"]} for line in lines] == segments
    assert len(segments) == 2
    for line in lines:
        info = soundfile.info(clips / line["audio_filepath"])
        assert (info.frames, info.samplerate) == (line["duration"] * 8_000, 8_000)
        assert line["audio_filepath"].startswith("talk/talk-0")


def test_inputs_of_one_name_do_not_collide(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """Of two recordings called alike, and of what is in the directory already, each keeps its own folder."""
    (clips / "other").mkdir()
    for name in ("a/talk.wav", "b/talk.wav", "b/talk.flac", "other.wav", "manifest.jsonl.wav"):
        run(cuts, recording(tmp_path / name))
    cuts.finish()
    folders = {line["source"]: line["audio_filepath"].split("/")[0] for line in listed(clips)}
    assert len(set(folders.values())) == 5
    assert folders[str(tmp_path / "a/talk.wav")] == "talk"
    assert folders[str(tmp_path / "b/talk.wav")] == "talk.wav"
    assert folders[str(tmp_path / "b/talk.flac")] == "talk.flac"
    assert folders[str(tmp_path / "other.wav")] == "other.wav"
    assert list((clips / "other").iterdir()) == []


def test_channels_are_clips_of_their_own(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """With split, each channel has its clips, and a line says which it is."""
    samples = np.zeros((32_000, 2), dtype=np.float32)
    samples[4_000:8_000, 0] = samples[16_000:20_000, 1] = 0.5
    soundfile.write(tmp_path / "x.wav", samples, 8_000)
    run(cuts, Input(str(tmp_path / "x.wav")), split=True)
    cuts.finish()
    assert [line["channel"] for line in listed(clips)] == [0, 1]
    assert [line["audio_filepath"][:6] for line in listed(clips)] == ["x/x-1-", "x/x-2-"]


def test_other_segments_replace_those_before(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """Cut again with other parameters, no clip of the run before is left; what somebody put beside them is."""
    item = recording(tmp_path / "talk.wav")
    run(cuts, item)
    (clips / "talk" / "notes.txt").write_text("mine")
    run(cuts, item, max_end_silence_time=5000)
    cuts.finish()
    (line,) = listed(clips)
    assert {path.name for path in (clips / "talk").iterdir()} == {"notes.txt", Path(line["audio_filepath"]).name}


def test_resume_skips_what_is_whole(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """The same bytes cut alike are skipped, and stay in the manifest; not after a clip was removed."""
    item = recording(tmp_path / "talk.wav")
    assert not run(cuts, item, resume=True).skipped
    assert run(cuts, item, resume=True).skipped
    cuts.finish()
    before = (clips / MANIFEST).read_bytes()
    assert len(before.splitlines()) == 2
    next((clips / "talk").iterdir()).unlink()
    assert not run(cuts, item, resume=True).skipped
    cuts.finish()
    assert (clips / MANIFEST).read_bytes() == before
    assert run(cuts, item, resume=True).skipped
    assert not run(cuts, item, resume=True, max_end_silence_time=5000).skipped


def test_a_later_run_adds_to_the_manifest(tmp_path: Path, clips: Path) -> None:
    """It tells of all that is in the directory, in the order in which it came there."""
    for name in ("b.wav", "a.wav"):
        with Cuts.held(clips) as held:
            run(held, recording(tmp_path / name))
            held.finish()
    assert [line["audio_filepath"][0] for line in listed(clips)] == ["b", "b", "a", "a"]


def test_without_speech_there_is_a_line_to_read(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """No clip and no folder; what is said is who it was, and resume knows that it is done."""
    item = recording(tmp_path / "talk.wav", loud=False)
    (note,) = run(cuts, item).notes
    assert note == f"{item.file}: no speech was found, so there is nothing to cut"
    cuts.finish()
    assert listed(clips) == []
    assert not (clips / "talk").exists()
    assert run(cuts, item, resume=True).skipped


def test_a_recording_that_fails_has_no_clips(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """What was cut before a file was damaged is removed, and its lines with it."""
    item = recording(tmp_path / "talk.wav")
    run(cuts, item)
    Path(item.file).write_bytes(b"nonsense")
    assert run(cuts, item).failure
    cuts.finish()
    assert listed(clips) == []
    assert not (clips / "talk").exists()


def test_what_a_killed_run_left_is_swept(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """A half-made draft in an input's folder is gone after it is cut again."""
    item = recording(tmp_path / "talk.wav")
    run(cuts, item)
    (clips / "talk" / ".segue-half.tmp").mkdir()
    run(cuts, item)
    assert not (clips / "talk" / ".segue-half.tmp").exists()


def test_a_manifest_of_somebody_else_is_not_touched(clips: Path) -> None:
    """A directory with a manifest that is not Segue's is refused in one line."""
    clips.mkdir()
    (clips / MANIFEST).write_text("mine")
    with pytest.raises(OutputError, match=r"manifest\.jsonl: is not of segue detect --cut"), Cuts.held(clips):
        pass
    assert (clips / MANIFEST).read_text() == "mine"


def test_an_edited_list_removes_nothing_elsewhere(tmp_path: Path, clips: Path, cuts: Cuts) -> None:
    """Whatever paths stand in the list of an input's clips, only its own folder's clips are removed."""
    item = recording(tmp_path / "talk.wav")
    run(cuts, item)
    (precious,) = [recording(clips / "talk-precious.wav")]
    part = clips / ".segue-cut" / "talk.jsonl"
    part.write_text('{"audio_filepath": "../talk-precious.wav"}\n{"audio_filepath": 5}\n[]\n')
    run(cuts, item)
    assert Path(precious.file).exists()
    assert len(list((clips / "talk").iterdir())) == 2


def test_only_one_run_at_a_time(clips: Path, cuts: Cuts) -> None:
    """A second run on the same directory is refused."""
    assert cuts.directory == clips
    with pytest.raises(OutputError, match="another segue detect"), Cuts.held(clips):
        pass
