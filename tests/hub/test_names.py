"""What is a name, and that no name leads out of a directory."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import InvalidModelID
from segue.hub.names import check_model_id, check_revision, is_plain_name, is_revision, names_hub, parse_model

TRICKS = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(
            ["..", ".", "/", "\\", "\0", "a", "~", "%2e", "@", "-", "v1.0", " ", "\n", "：", "C:", "hf:", "//"]
        )
    ).map("".join),
)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("iic/speech_fsmn_vad", ("iic/speech_fsmn_vad", None)),
        ("iic/model-1.0@v2.0.4", ("iic/model-1.0", "v2.0.4")),
        ("fsmn-vad@feature/x", ("fsmn-vad", "feature/x")),
        (" fsmn-vad ", ("fsmn-vad", None)),
        ("hf:funasr/fsmn-vad", ("hf:funasr/fsmn-vad", None)),
        ("huggingface:funasr/fsmn-vad@main", ("hf:funasr/fsmn-vad", "main")),
        ("hf://funasr/fsmn-vad@refs/pr/1", ("hf:funasr/fsmn-vad", "refs/pr/1")),
        ("modelscope:iic/m@v1", ("iic/m", "v1")),
    ],
)
def test_parse_model_splits_id_and_revision(text: str, parsed: tuple[str, str | None]) -> None:
    """ID@REVISION is split at the @; an alias needs no owner; a branch may hold a slash; every way to write a hub is
    one ID."""
    assert parse_model(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        *("", "@v1", "a/b/c", "a//b", "/a/b", "a/b@", "a/b@v1@v2", "../b", "a/..", "a/b@../c", "a b/c"),
        *(
            "hf:",
            "hf:a",
            "hf:/b",
            "hf:../b",
            "hf:a/..",
            "hf:a/b/c",
            "hf:///a/b",
            "hf: a/b",
            "HF:a/b",
            "http:a/b",
            "C:a/b",
        ),
        *(
            "hf:hf:a/b",
            "modelscope:hf:a/b",
            "hf:modelscope:a/b",
            "modelscope:fsmn-vad",
            "hf:fsmn-vad",
            ":a/b",
            "hf:@v1",
        ),
    ],
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
    assert is_plain_name(owner.removeprefix("hf:"))
    assert is_plain_name(name)
    assert (root / owner / name).parent.parent == root


def test_what_names_its_hub_is_neither_directory_nor_alias() -> None:
    """Only the names of hubs do: another colon does not."""
    assert all(map(names_hub, ("hf:a/b", " huggingface:a/b", "modelscope:a/b", "hf://a/b", "hf:")))
    assert not any(map(names_hub, ("a/b", "fsmn-vad", "./hf:a", "http://a/b", "hf/a", "C:a", "")))
