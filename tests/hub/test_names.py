"""What is a name, and that no name leads out of a directory."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidModelID
from segue.hub.names import check_model_id, check_revision, is_plain_name, is_revision, parse_model

TRICK_PARTS = ["..", ".", "/", "\\", "\0", "a", "~", "%2e", "@", "-", "v1.0", " ", "\n", "\uff1a", "C:"]
TRICKS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["..", ".", "/", "\\", "\0", "a", "~", "%2e", "@", "-", "v1.0", " ", "\n", "：", "C:"])
    ).map("".join),
)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("iic/speech_fsmn_vad", ("iic/speech_fsmn_vad", None)),
        ("iic/model-1.0@v2.0.4", ("iic/model-1.0", "v2.0.4")),
        ("fsmn-vad@feature/x", ("fsmn-vad", "feature/x")),
        (" fsmn-vad ", ("fsmn-vad", None)),
    ],
)
def test_parse_model_splits_id_and_revision(text: str, parsed: tuple[str, str | None]) -> None:
    """ID@REVISION is split at the @; an alias needs no owner; a branch may hold a slash."""
    assert parse_model(text) == parsed


@pytest.mark.parametrize(
    "text", ["", "@v1", "a/b/c", "a//b", "/a/b", "a/b@", "a/b@v1@v2", "../b", "a/..", "a/b@../c", "a b/c"]
)
def test_parse_model_refuses_everything_else(text: str) -> None:
    """What is no ID is refused in one line that says what is accepted."""
    with pytest.raises(InvalidModelID) as caught:
        parse_model(text)
    assert "\n" not in str(caught.value)
    assert "accepted is" in str(caught.value)


@given(TRICKS)
def test_no_accepted_name_leads_out(text: str) -> None:
    """Whatever passes as an ID, a file name or a revision stays below the directory that it is joined to."""
    root = Path("/store/refs")
    if is_plain_name(text):
        assert (root / text).parent == root
        assert text not in {"", ".", ".."}
        assert not set(text) & set("/\\\0")
    if is_revision(text):
        assert root in (root / text).parents
        assert ".." not in text
        check_revision(text)
    try:
        owner, name = check_model_id(text)
    except InvalidModelID:
        return
    assert is_plain_name(owner)
    assert is_plain_name(name)
