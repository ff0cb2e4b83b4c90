"""The files that run in the browser."""

import pytest

from segue.edges.ui.files import text_of


def test_a_file_is_read_as_it_is() -> None:
    """By its name, as UTF-8."""
    assert ".segue-head" in text_of("page.css")


def test_a_file_that_is_not_there_is_an_error() -> None:
    """At the page's building, not in somebody's browser."""
    with pytest.raises(FileNotFoundError):
        text_of("nothing.js")
