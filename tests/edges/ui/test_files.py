"""The files that run in the browser, and the folders of what is made for a visitor."""

import pytest

from segue.edges.ui.files import fresh_folder, text_of


def test_a_file_is_read_as_it_is() -> None:
    """By its name, as UTF-8."""
    assert ".segue-head" in text_of("page.css")


def test_a_file_that_is_not_there_is_an_error() -> None:
    """At the page's building, not in somebody's browser."""
    with pytest.raises(FileNotFoundError):
        text_of("nothing.js")


def test_each_folder_is_new_and_cannot_be_guessed() -> None:
    """There, empty, and each under another long name."""
    one, other = fresh_folder(), fresh_folder()
    assert one != other
    assert one.parent == other.parent
    assert len(one.name) == 32
    for folder in (one, other):
        assert list(folder.iterdir()) == []
        folder.rmdir()
