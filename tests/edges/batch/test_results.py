"""A directory of results."""

import json
import os
from pathlib import Path

import pytest

from segue.edges.batch.results import MANIFEST, ResultDirectory, write_whole
from segue.errors import OutputError


def opened(directory: Path, *sources: str, extension: str = "json") -> ResultDirectory:
    results = ResultDirectory(directory, extension)
    results.reserve(sources)
    return results


def visible(directory: Path) -> list[str]:
    return sorted(name for name in os.listdir(directory) if name != MANIFEST)


def test_a_result_is_named_after_its_input(tmp_path: Path) -> None:
    """The result of talk.wav is talk.wav.json, in a directory that is made if need be."""
    results = opened(tmp_path / "new" / "dir", "/data/talk.wav", "-")
    results.write("/data/talk.wav", b"one")
    results.write("-", b"two")
    assert visible(tmp_path / "new" / "dir") == ["stdin.json", "talk.wav.json"]


def test_equal_base_names_do_not_collide(tmp_path: Path) -> None:
    """Inputs of one name in different directories have different results, and keep theirs in every later run."""
    first = opened(tmp_path, "/a/x.wav", "/b/x.wav")
    names = {source: first.path(source) for source in ("/a/x.wav", "/b/x.wav")}
    assert len(set(names.values())) == 2
    later = opened(tmp_path, "/c/x.wav", "/b/x.wav", "/a/x.wav")
    assert {source: later.path(source) for source in names} == names
    assert later.path("/c/x.wav") not in names.values()


def test_a_file_of_the_users_is_never_overwritten(tmp_path: Path) -> None:
    """A file that was in the directory before and is no result of ours keeps its bytes."""
    (tmp_path / "x.wav.json").write_text("precious")
    results = opened(tmp_path, "/a/x.wav")
    results.write("/a/x.wav", b"new")
    assert (tmp_path / "x.wav.json").read_text() == "precious"
    assert results.path("/a/x.wav").read_bytes() == b"new"


def test_results_of_other_formats_are_apart(tmp_path: Path) -> None:
    """Each format has its own result of an input, and one does not count for another."""
    opened(tmp_path, "/a/x.wav").write("/a/x.wav", b"{}", made_by="same")
    rttm = opened(tmp_path, "/a/x.wav", extension="rttm")
    assert not rttm.holds("/a/x.wav", "same")
    assert rttm.path("/a/x.wav").name == "x.wav.rttm"


def test_a_result_is_held_by_what_made_it_and_its_bytes(tmp_path: Path) -> None:
    """A later run finds a result made the same way; made otherwise, changed, missing or unsigned it does not count."""
    opened(tmp_path, "/a/x.wav").write("/a/x.wav", b"whole", made_by="this")
    results = opened(tmp_path, "/a/x.wav")
    assert results.holds("/a/x.wav", "this")
    assert not results.holds("/a/x.wav", "that")
    assert not results.holds("/a/x.wav", "")
    results.path("/a/x.wav").write_bytes(b"edited")
    assert not results.holds("/a/x.wav", "this")
    results.path("/a/x.wav").unlink()
    assert not results.holds("/a/x.wav", "this")


def test_the_version_of_a_service_is_recorded(tmp_path: Path) -> None:
    """Whatever the format, the manifest says which version made a result; a result of no service says nothing."""
    results = opened(tmp_path, "/a/x.wav", "/a/y.wav", extension="rttm")
    results.write("/a/x.wav", b"x", made_by="this", version="v6cadc83c")
    results.write("/a/y.wav", b"y", made_by="this")
    *_, served, local = map(json.loads, (tmp_path / MANIFEST).read_text().splitlines())
    assert served["version"] == "v6cadc83c"
    assert "version" not in local
    assert opened(tmp_path, "/a/x.wav", extension="rttm").holds("/a/x.wav", "this")


def test_a_torn_last_line_costs_that_line_alone(tmp_path: Path) -> None:
    """A manifest cut in the middle of a line loses that line and no other, before it or after."""
    results = opened(tmp_path, "/a/x.wav", "/a/y.wav")
    results.write("/a/x.wav", b"x", made_by="this")
    results.write("/a/y.wav", b"y", made_by="this")
    manifest = tmp_path / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-20])
    again = opened(tmp_path, "/a/x.wav", "/a/y.wav")
    assert again.holds("/a/x.wav", "this")
    assert not again.holds("/a/y.wav", "this")
    again.write("/a/y.wav", b"y", made_by="this")
    assert opened(tmp_path, "/a/y.wav").holds("/a/y.wav", "this")


@pytest.mark.parametrize("line", [b"[" * 100_000, b"\xff", b"null", b'{"name": "x"}', b'{"name": 5, "source": 3}'])
def test_a_line_that_is_not_ours_is_passed_over(tmp_path: Path, line: bytes) -> None:
    """Nesting too deep to parse, other bytes than UTF-8 and other objects cost that line alone."""
    opened(tmp_path, "/a/x.wav").write("/a/x.wav", b"x", made_by="this")
    manifest = tmp_path / MANIFEST
    manifest.write_bytes(line + b"\n" + manifest.read_bytes() + line)
    assert opened(tmp_path, "/a/x.wav").holds("/a/x.wav", "this")


@pytest.mark.parametrize(
    "name",
    ["../../evil.json", "/tmp/evil.json", "in/x.json", "...json", ".segue-x.json", ".json", "x\0.json", "\ud800.json"],
)
def test_a_name_that_no_run_chooses_is_passed_over(tmp_path: Path, name: str) -> None:
    """Whatever a damaged manifest says, a result is written into the directory and not over our own files."""
    (tmp_path / MANIFEST).write_text(json.dumps({"name": name, "source": "/a/x.wav"}) + "\n")
    assert opened(tmp_path, "/a/x.wav").path("/a/x.wav") == tmp_path / "x.wav.json"


def test_a_second_run_into_the_directory_is_refused(tmp_path: Path) -> None:
    """While one run holds the directory another has one clear error that names it; afterwards it may."""
    with ResultDirectory.held(tmp_path / "out", "json") as results:
        with (
            pytest.raises(OutputError, match=r"out: another segue detect is writing"),
            ResultDirectory.held(tmp_path / "out", "rttm"),
        ):
            pass
        results.reserve(["/a/x.wav"])
        results.write("/a/x.wav", b"x", made_by="this")
    with ResultDirectory.held(tmp_path / "out", "json") as results:
        results.reserve(["/a/x.wav"])
        assert results.holds("/a/x.wav", "this")


def test_odd_and_long_names_have_results(tmp_path: Path) -> None:
    """Names of other bytes than UTF-8, and names as long as a file system takes, are written and found again."""
    sources = [os.fsdecode(b"/a/caf\xe9.wav"), "/a/" + "长" * 84 + ".w", "/b/" + "长" * 84 + ".w"]
    results = opened(tmp_path, *sources)
    for source in sources:
        results.write(source, source[-4:].encode(errors="replace"), made_by="this")
    again = opened(tmp_path, *sources)
    assert all(again.holds(source, "this") for source in sources)
    assert len(visible(tmp_path)) == 3


def test_a_hidden_input_has_a_result_that_is_not_hidden(tmp_path: Path) -> None:
    """Names with a dot before them are for our own files; the result of such an input is found again too."""
    opened(tmp_path, "/a/.x.wav").write("/a/.x.wav", b"x", made_by="this")
    assert visible(tmp_path) == ["x.wav.json"]
    assert opened(tmp_path, "/a/.x.wav").holds("/a/.x.wav", "this")


def test_what_no_longer_holds_is_discarded(tmp_path: Path) -> None:
    """Discarding removes our own earlier result, and a name without one stays as it is."""
    results = opened(tmp_path, "/a/x.wav", "/a/y.wav")
    results.write("/a/x.wav", b"old", made_by="this")
    opened(tmp_path, "/a/x.wav").discard("/a/x.wav")
    results.discard("/a/y.wav")
    assert visible(tmp_path) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """A result replaces the one before in one step; when that cannot be, no other file is left."""
    target = tmp_path / "x.json"
    target.mkdir()
    (tmp_path / "x.json" / "in the way").touch()
    with pytest.raises(OSError, match=r"x\.json"):
        write_whole(target, b"new")
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_directory_that_cannot_be_is_an_output_error(tmp_path: Path) -> None:
    """A file in the place of the directory is one clear error that names it and says what to do."""
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"file.*cannot be made or opened \(.*\); choose another DIR"):
            ResultDirectory(directory, "json")
        with pytest.raises(OutputError, match=r"cannot be made or opened"), ResultDirectory.held(directory, "json"):
            pass


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    """A run begins by removing half-written files of ours, and no file whose name is not exactly like theirs."""
    for name in (f".segue-{'0a' * 16}.tmp", ".segue-notes.tmp", f"x.segue-{'0a' * 16}.tmp"):
        (tmp_path / name).touch()
    with ResultDirectory.held(tmp_path, "json"):
        assert sorted(path.name for path in tmp_path.glob("*.tmp")) == [
            ".segue-notes.tmp",
            f"x.segue-{'0a' * 16}.tmp",
        ]
