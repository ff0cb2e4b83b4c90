"""What the user names -> recordings and labels."""

from pathlib import Path

import pytest

from segue.edges.eval.folders import paired
from segue.errors import InvalidParameter


def put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0\t1\tx\n", encoding="utf-8")


def found(root: Path, audio: str, reference: str, *, recursive: bool = False) -> list[str]:
    pairing = paired(str(root / audio), str(root / reference), recursive=recursive)
    assert pairing.problems == ()
    pairs = [(Path(file), Path(reference.file)) for file, reference in pairing.pairs]
    return [f"{one.relative_to(root)} <- {other.relative_to(root)}" for one, other in pairs]


def test_directories(tmp_path: Path) -> None:
    """In natural order; hidden files and what is neither are left alone; deeper ones only with --recursive."""
    put(tmp_path, "a/t10.wav", "a/t9.WAV", "a/.t9.wav", "a/notes.md", "l/t9.txt", "l/t10.txt", "l/.x.txt", "l/x.md")
    expected = ["a/t9.WAV <- l/t9.txt", "a/t10.wav <- l/t10.txt"]
    assert found(tmp_path, "a", "l") == expected
    put(tmp_path, "a/deep/t1.wav", "l/deep/t1.txt", "a/.hid/t2.wav")
    assert found(tmp_path, "a", "l") == expected
    assert found(tmp_path, "a", "l", recursive=True) == ["a/deep/t1.wav <- l/deep/t1.txt", *expected]


def test_one_directory_for_both(tmp_path: Path) -> None:
    """Labels may lie beside their recordings, and a wildcard chooses among them."""
    put(tmp_path, "a.wav", "a.txt", "b.wav", "b.txt", "readme.txt")
    assert found(tmp_path, ".", "[ab].txt") == ["a.wav <- a.txt", "b.wav <- b.txt"]
    assert found(tmp_path, "a.*av", "a.txt") == ["a.wav <- a.txt"]
    assert paired(str(tmp_path), str(tmp_path)).problems == (
        f"1 label file ({tmp_path}/readme.txt) without a recording of that name",
    )


def test_who_asks_for_some_hears_nothing_of_the_others(tmp_path: Path) -> None:
    """Labels of recordings that were not named are left alone; those missing from a directory are said."""
    put(tmp_path, "c/a1.wav", "c/a2.wav", "c/b1.wav", "l/a1.txt", "l/a2.txt", "l/b1.txt", "l/b2.txt")
    (tmp_path / "all.rttm").write_text("SPEAKER a1 1 0 1\nSPEAKER x 1 0 1\n", encoding="utf-8")
    assert found(tmp_path, "c/a*.wav", "l") == ["c/a1.wav <- l/a1.txt", "c/a2.wav <- l/a2.txt"]
    assert found(tmp_path, "c/a1.wav", "all.rttm") == ["c/a1.wav <- all.rttm"]
    assert paired(str(tmp_path / "c"), str(tmp_path / "l")).problems == (
        f"1 label file ({tmp_path}/l/b2.txt) without a recording of that name",
    )


def test_a_file_beside_a_file(tmp_path: Path) -> None:
    """Both named themselves belong together, whatever their names."""
    put(tmp_path, "talk", "labels.txt")
    assert found(tmp_path, "talk", "labels.txt") == ["talk <- labels.txt"]


@pytest.mark.parametrize(
    ("audio", "reference", "said"),
    [
        ("gone", "l", "gone: is not there; name a directory or a file with audio files"),
        ("a", "gone", "gone: is not there; name a directory or a file with labels (.rttm, .scv"),
        ("l", "l", "l: has no audio files (such as .wav, .flac, .mp3); --recursive looks in the directories inside"),
        ("a", "a", "a: has no labels (.rttm, .scv, .txt"),
        ("*.mp3", "l", "*.mp3: matches no file; check the pattern"),
    ],
)
def test_nothing_there_is_one_line(tmp_path: Path, audio: str, reference: str, said: str) -> None:
    """What was named, and what is wanted."""
    put(tmp_path, "a/t.wav", "l/t.txt")
    with pytest.raises(InvalidParameter) as refused:
        paired(str(tmp_path / audio), str(tmp_path / reference))
    assert str(refused.value).startswith(f"{tmp_path}/{said}")
