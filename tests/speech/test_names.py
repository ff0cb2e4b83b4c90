"""Names as text."""

import os

import numpy as np
import pytest

from segue.speech.names import is_audio, legible, natural, printable, recording_names, shown, without_blanks


@pytest.mark.parametrize(
    ("name", "valid", "line"),
    [
        ("会议 1.wav", "会议 1.wav", "会议 1.wav"),
        (os.fsdecode(b"caf\xe9.wav"), "caf\\xe9.wav", "caf\\xe9.wav"),
        ("two\nlines", "two\nlines", "two\\nlines"),
        ("会\x1b[2J议", "会\x1b[2J议", "会\\x1b[2J议"),
        ("\ud800", "\\ud800", "\\ud800"),
        ("", "", ""),
    ],
)
def test_any_name_can_be_shown(name: str, valid: str, line: str) -> None:
    """Odd bytes are escaped in both; line breaks and control characters where one line is wanted; all else stays."""
    assert legible(name) == valid
    assert printable(name) == line
    assert printable(name).isprintable()
    assert legible(name).encode().decode() == valid


def test_what_was_given_is_shown_in_part() -> None:
    """Of a long value a message has the beginning; of an array of numbers, how long it is."""
    assert shown("x" * 1000) == f"'{'x' * 79}…"
    assert shown("short") == "'short'"
    assert shown({"a": "\ud800\n"}) == r"{'a': '\ud800\n'}"
    assert shown(np.zeros(3, np.float32)) == "an array of 3 numbers"


def test_a_name_without_blanks_is_one_field() -> None:
    """Every kind of blank becomes an underscore, and no name becomes nothing."""
    assert [without_blanks(name) for name in ("a b\tc\n", "", "会 议")] == ["a_b_c_", "_", "会_议"]


def test_the_natural_order_is_total() -> None:
    """Numbers count by value, folder by folder; names that differ in case or zeros alone have an order too."""
    assert sorted(["b10", "b2", "a/z", "B1"], key=natural) == ["a/z", "B1", "b2", "b10"]
    names = {"a1", "A1", "a01"}
    assert sorted(names, key=natural) == sorted(sorted(names, reverse=True), key=natural)


def test_audio_is_known_by_its_extension() -> None:
    """In any case, and never a hidden file, such as macOS leaves beside each on other disks."""
    assert [is_audio(name) for name in ("a.WAV", "in/b.m4a", "._a.wav", "wav", "a.txt")] == [
        *(True, True, False, False, False)
    ]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["dir/my talk.wav", "b.wav", "-"], ["my_talk", "b", "stdin"]),
        (["a/x.wav", "b/x.wav", "b/y.wav"], ["a/x", "b/x", "y"]),
        (["x.wav", "x.mp3", "a b/x.wav"], ["x.wav", "x.mp3", "a_b/x"]),
        (["-", "stdin.wav"], ["stdin", "stdin.wav"]),
        (["a b.wav", "a_b.wav", "a\tb.wav"], ["a_b.wav", "a_b.wav_2", "a_b.wav_3"]),
        (["x.wav", "x.wav"], ["x", "x"]),
        ([".wav", "d/\n.wav"], [".wav", "_"]),
        ([], []),
    ],
)
def test_two_recordings_never_share_a_name_in_rttm(files: list[str], names: list[str]) -> None:
    """RTTM calls a recording by its stem, and by its path where another of the same run has that stem."""
    found = recording_names(files)
    assert [found[file] for file in files] == names
