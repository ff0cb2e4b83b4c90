"""What the user wrote -> inputs."""

import os
from pathlib import Path

import pytest

from segue.edges.batch.inputs import Input, expand
from segue.errors import AudioNotFound, AudioUnreadable, InvalidParameter


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def files(inputs: list[Input], root: Path) -> list[str]:
    return [os.path.relpath(found.file, root) for found in inputs]


def test_a_directory_gives_its_audio_files_in_natural_order(tmp_path: Path) -> None:
    """Of a directory the audio files directly in it are taken, 2 before 10, no hidden ones and no others."""
    names = ["t10.wav", "t2.WAV", "T1.flac", "notes.txt", ".t0.wav", "film.mp4", "in/deep.wav"]
    touch(*(tmp_path / name for name in names))
    assert files(expand([str(tmp_path)]), tmp_path) == ["film.mp4", "T1.flac", "t2.WAV", "t10.wav"]


def test_recursive_takes_all_inside_it(tmp_path: Path) -> None:
    """With recursive the directories inside are taken too, except hidden ones, folder by folder."""
    touch(*(tmp_path / name for name in ["b/2/x.wav", "b/10/x.wav", "a.wav", ".git/x.wav"]))
    assert files(expand([str(tmp_path)], recursive=True), tmp_path) == ["a.wav", "b/2/x.wav", "b/10/x.wav"]


def test_a_quoted_wildcard_is_expanded(tmp_path: Path) -> None:
    """A wildcard that no shell expanded gives what it matches, in natural order, each once."""
    touch(*(tmp_path / name for name in ["a10.wav", "a9.wav", "b.wav", "deep/a1.wav"]))
    assert files(expand([f"{tmp_path}/a*.wav"]), tmp_path) == ["a9.wav", "a10.wav"]
    assert files(expand([f"{tmp_path}/**/a*.wav"]), tmp_path) == ["a9.wav", "a10.wav", "deep/a1.wav"]
    assert sorted(files(expand([f"{tmp_path}/**"]), tmp_path)) == ["a10.wav", "a9.wav", "b.wav", "deep/a1.wav"]


def test_a_wildcard_that_matches_directories_takes_their_files(tmp_path: Path) -> None:
    """A wildcard for directories means what the same directories mean without it."""
    touch(tmp_path / "day1" / "x.wav", tmp_path / "day2" / "y.wav")
    assert files(expand([f"{tmp_path}/day*"]), tmp_path) == ["day1/x.wav", "day2/y.wav"]


def test_a_file_whose_name_looks_like_a_wildcard_is_that_file(tmp_path: Path) -> None:
    """Brackets in the name of an existing file are part of the name."""
    touch(tmp_path / "talk[1].wav", tmp_path / "talk1.wav")
    assert files(expand([f"{tmp_path}/talk[1].wav"]), tmp_path) == ["talk[1].wav"]


def test_the_order_of_the_arguments_is_kept(tmp_path: Path) -> None:
    """Inputs come argument by argument, a file named twice comes twice."""
    touch(tmp_path / "a.wav", tmp_path / "b.wav")
    a, b = str(tmp_path / "a.wav"), str(tmp_path / "b.wav")
    assert [found.file for found in expand([b, "-", a, b])] == [b, "-", a, b]


@pytest.mark.parametrize("argument", ["empty", "nothing*.wav"])
def test_what_leads_nowhere_is_an_input_with_a_problem(tmp_path: Path, argument: str) -> None:
    """A directory without audio and a wildcard without a match are each one failed input that says so."""
    (tmp_path / "empty").mkdir()
    (found,) = expand([f"{tmp_path}/{argument}"])
    assert isinstance(found.problem, AudioNotFound)
    assert argument in str(found.problem)


def test_a_pipe_is_taken_only_when_it_is_named(tmp_path: Path) -> None:
    """A FIFO in a directory or matched by a wildcard would be waited for without end; named itself it is an input."""
    touch(tmp_path / "a.wav")
    pipe, link = tmp_path / "live.wav", tmp_path / "link.wav"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    (tmp_path / "lost.wav").symlink_to(tmp_path / "nowhere")
    for argument in (str(tmp_path), f"{tmp_path}/*.wav"):
        assert files(expand([argument], recursive=True), tmp_path) == ["a.wav", "lost.wav"]
    assert expand([str(pipe), str(link)]) == [Input(str(pipe)), Input(str(link))]
    (found,) = expand([f"{tmp_path}/liv*"])
    assert "pipes or devices" in str(found.problem)


def test_a_directory_that_cannot_be_listed_costs_itself_alone(tmp_path: Path) -> None:
    """The rest of the tree is taken, and the directory is an input whose problem names it."""
    touch(tmp_path / "a.wav", tmp_path / "z" / "x.wav")
    name = "d" * 250
    depth = 4096 // 251 + 1  # a path that no call takes: even root cannot list it
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        deeper = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = deeper
    os.close(at)
    first, refused, last = expand([str(tmp_path)], recursive=True)
    assert files([first, last], tmp_path) == ["a.wav", "z/x.wav"]
    assert isinstance(refused.problem, AudioUnreadable)
    assert str(refused.problem).startswith(f"{refused.file}: cannot be listed (")
    assert refused.file.startswith(str(tmp_path / name))


def test_a_closed_standard_input_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a standard input, - is an input that says so."""
    monkeypatch.setattr("sys.stdin", None)
    (found,) = expand(["-"])
    assert isinstance(found.problem, AudioUnreadable)
    assert "standard input: is closed" in str(found.problem)


@pytest.mark.parametrize("name", ["no\nsuch*.wav", "em\npty"])
def test_a_problem_is_one_line_whatever_the_name(tmp_path: Path, name: str) -> None:
    """A line break in a name is shown as one, so that an error stays one line."""
    (tmp_path / "em\npty").mkdir()
    (found,) = expand([f"{tmp_path}/{name}"])
    assert str(found.problem).isprintable()
    assert "\\n" in str(found.problem)


def test_a_missing_file_is_left_to_who_reads_it() -> None:
    """A path that does not exist is an input like any other."""
    assert expand(["no/such.wav"]) == [Input("no/such.wav")]
    assert Input("no/such.wav").size_bytes == 0


def test_standard_input_is_there_once() -> None:
    """Asking for standard input twice is refused."""
    with pytest.raises(InvalidParameter, match="twice"):
        expand(["-", "-"])


def test_the_source_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not depend on the directory one is in."""
    monkeypatch.chdir(tmp_path)
    assert Input("x.wav").source == str(tmp_path / "x.wav")
    assert Input("-").source == "-"
