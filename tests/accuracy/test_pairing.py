"""Which label is whose: by path, by name, by the names in the file; and what is said of what is left over."""

from collections.abc import Mapping, Sequence

import pytest

from segue.accuracy.pairing import pair
from segue.accuracy.references import Reference, own_names
from segue.errors import InvalidParameter

Inside = Mapping[str, Sequence[tuple[str, ...]] | None]
"""Label file -> the names of its recordings; none where they are those of the file; None where it is malformed."""


def paired(audio: Sequence[str], labels: Sequence[str], inside: Inside | None = None) -> tuple[list[str], list[str]]:
    """(recording <- label file, of each pair; the problems), with folders in/ and ref/ before the names."""

    def read(file: str) -> list[Reference]:
        names = (inside or {}).get(file.removeprefix("ref/"), [own_names(file)])
        if names is None:
            raise InvalidParameter(f"{file}: line 1: is broken")
        return [Reference(each, (), file) for each in names]

    found = pair({f"in/{name}": name for name in audio}, {f"ref/{name}": name for name in labels}, read=read)
    pairs = [f"{file} <- {reference.file}" for file, reference in found.pairs]
    return [text.replace("in/", "").replace("ref/", "") for text in pairs], [*found.problems, *found.unused]


def test_a_label_is_for_the_recording_of_its_name() -> None:
    """Whatever the extensions are, and in the order of the recordings; with the recording's extension too."""
    labels = ["c.d.TextGrid", "b.wav.audacity.txt", "a.txt"]
    assert paired(["a.wav", "b.wav", "c.d.flac"], labels) == (
        ["a.wav <- a.txt", "b.wav <- b.wav.audacity.txt", "c.d.flac <- c.d.TextGrid"],
        [],
    )


def test_names_in_the_file_count_where_the_form_has_them() -> None:
    """One RTTM for all, blanks written as underscores, paths or names with an extension as our JSON has them."""
    inside: Inside = {"all.rttm": [("a",), ("two_words",), ("deep/b",)], "x.json": [("old/c.wav", "c.wav", "c")]}
    pairs, problems = paired(["a.wav", "two words.wav", "deep/b.wav", "c.wav"], ["all.rttm", "x.json"], inside)
    assert pairs == [
        "a.wav <- all.rttm",
        "two words.wav <- all.rttm",
        "deep/b.wav <- all.rttm",
        "c.wav <- x.json",
    ]
    assert problems == []


def test_the_same_folder_comes_first() -> None:
    """Recordings of one name in two folders have the labels of their own folders; one alone is found in any."""
    assert paired(["1/a.wav", "2/a.wav", "a.wav", "b.wav"], ["2/a.txt", "1/a.txt", "a.txt", "x/b.txt"]) == (
        ["1/a.wav <- 1/a.txt", "2/a.wav <- 2/a.txt", "a.wav <- a.txt", "b.wav <- x/b.txt"],
        [],
    )


def test_what_has_no_other_half_is_said() -> None:
    """A line for the recordings without a label, and one for the labels without audio, which are not read."""
    inside: Inside = {"notes.txt": None, "all.rttm": [("x",), ("a",), ("y",)]}
    pairs, problems = paired(["a.wav", *(f"b{n}.wav" for n in range(5))], ["notes.txt", "all.rttm"], inside)
    assert pairs == ["a.wav <- all.rttm"]
    assert problems == [
        "5 recordings (in/b0.wav, in/b1.wav, in/b2.wav, …) without a label; give each one, an empty file .txt where "
        "there is no speech",
        "ref/all.rttm: labels 2 recordings (x, y) that there is no audio of",
        "1 label file (ref/notes.txt) without a recording of that name",
    ]


@pytest.mark.parametrize(
    ("audio", "labels", "problem"),
    [
        (["a.wav", "a.mp3"], ["a.txt"], "ref/a.txt: fits 2 recordings (in/a.wav, in/a.mp3); give them different names"),
        (["a.wav"], ["a.txt", "a.scv"], "in/a.wav is labelled twice, in ref/a.txt and ref/a.scv; keep one of them"),
        (["a.wav"], ["a.rttm"], "ref/a.rttm: line 1: is broken"),
        (["a.wav"], ["a.scv"], "ref/a.scv: line 1: is broken"),
    ],
)
def test_what_is_not_clear_is_said_once(audio: list[str], labels: list[str], problem: str) -> None:
    """Two recordings for a label, two labels for a recording, a broken file: no pair, and one line."""
    inside: Inside = {"a.rttm": None} if labels == ["a.rttm"] else {"a.scv": None} if labels == ["a.scv"] else {}
    assert paired(audio, labels, inside) == ([], [problem])
