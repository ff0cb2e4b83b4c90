"""The tree of errors, and the one form of their messages."""

import pytest

import segue.errors
from segue.errors import one_line


def test_all_errors_have_one_root_and_codes_of_their_own() -> None:
    """``except segue.SegueError`` catches every error; each class has its own code."""
    errors = [
        value for value in vars(segue.errors).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(errors) > 15
    assert all(issubclass(error, segue.SegueError) for error in errors)
    codes = [error.code for error in errors if issubclass(error, segue.SegueError)]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("said", ["a b", " a\n  b\n", "a\r\n\tb", "a\u2028b"])
def test_what_others_say_comes_on_one_line(said: str) -> None:
    """Whatever breaks a line in the words of a third party is a space in ours."""
    assert one_line(ValueError(said)) == "a b"
