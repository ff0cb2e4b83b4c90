"""Which token is sent, and that it is never said."""

import os
from pathlib import Path

import pytest

from segue.client.token import find_token, header_text, whoami
from segue.errors import InvalidParameter
from segue.settings import read_settings


def test_the_token_in_the_home_is_for_a_server_on_this_machine_only(tmp_path: Path) -> None:
    """Elsewhere it would be given away: there the setting counts, and without one none is sent."""
    (tmp_path / "token").write_text("s3cret\n")
    settings = read_settings(home=tmp_path)
    assert find_token(None, settings, is_here=True).text == "s3cret"
    elsewhere = find_token(None, settings, is_here=False)
    assert elsewhere.text == ""
    assert "SEGUE_TOKEN" in elsewhere.explained


def test_what_is_given_counts_before_the_setting_and_that_before_the_file(tmp_path: Path) -> None:
    """The nearest wish wins."""
    (tmp_path / "token").write_text("file")
    settings = read_settings(home=tmp_path, token="setting")
    assert find_token("given", settings, is_here=True).text == "given"
    assert find_token(None, settings, is_here=True).text == "setting"
    assert find_token(None, settings, is_here=False).text == "setting"


def test_a_token_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    """No file, or none that is text, is no error: the server may not want one. If it does, this is why."""
    settings = read_settings(home=tmp_path)
    token = find_token(None, settings, is_here=True)
    assert (token.text, "No such file" in token.explained) == ("", True)
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert "(no text)" in find_token(None, settings, is_here=True).explained


@pytest.mark.parametrize("text", ["two lines\nof secret", "secret secret", "sécret", "secret\x00"])
def test_what_cannot_be_a_token_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    """The error says where it came from; not a letter of it is shown."""
    (tmp_path / "token").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidParameter) as refused:
        find_token(None, read_settings(home=tmp_path), is_here=True)
    assert "cret" not in str(refused.value)
    assert str(tmp_path / "token") in str(refused.value)


def test_a_token_does_not_print_itself(tmp_path: Path) -> None:
    """Neither its repr nor its explanation has it."""
    token = find_token("s3cret", read_settings(home=tmp_path), is_here=True)
    assert "s3cret" not in repr(token) + str(token) + token.explained


def test_who_asks_is_user_and_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user at the host; a user without a name, as in some containers, by number."""
    monkeypatch.setenv("LOGNAME", "ada")
    assert whoami() == f"ada@{os.uname().nodename}"
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    assert whoami().startswith("user-54321@")


def test_a_header_holds_any_text() -> None:
    """Letters that a header cannot hold become escapes, and no line break gets in."""
    assert header_text("Zoë@höst\r\nX: y ") == "Zo\\xeb@h\\xf6st\\r\\nX: y"
