"""Whom the commands ask, and what they make of an answer that lacks something."""

from pathlib import Path

import pytest

from segue.edges.control.server import asking, option_for, say, understanding
from segue.errors import ServerRefused, ServerUnreachable
from tests.client.loopback import Says, closed_port
from tests.edges.control.standin import TOKEN, Standin, lines, run


def test_the_server_of_this_home_is_asked_with_its_token(service: Standin) -> None:
    """Without --server: the address in server.json, and the token beside it."""
    assert lines(run("versions", "--json"))
    assert service.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("how", ["option", "environment"])
def test_another_server_can_be_named(
    service: Standin, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By --server, or by SEGUE_SERVER; with or without its scheme."""
    (tmp_path / "server.json").unlink()
    address = service.url.removeprefix("http://")
    if how == "environment":
        monkeypatch.setenv("SEGUE_SERVER", address)
    arguments = ["--server", address] if how == "option" else []
    assert lines(run("status", *arguments))


@pytest.mark.parametrize("command", ["switch x/y", "rollback", "status", "status --watch", "versions", "history"])
def test_no_server_is_said_by_every_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Each ends with the one line that says how to start a server."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    finished = run(*command.split(), "--server", f"127.0.0.1:{closed_port()}")
    assert isinstance(finished.exception, ServerUnreachable)
    assert "start one with segue serve" in str(finished.exception)
    assert finished.stdout == ""


@pytest.mark.parametrize("command", ["switch x/y", "rollback", "status", "versions", "history"])
def test_an_answer_that_lacks_something_is_no_fault_of_ours(service: Standin, command: str) -> None:
    """A server of another version is said to be one, instead of a traceback."""
    service.refuses = Says({"state": "ready"})
    finished = run(*command.split())
    assert isinstance(finished.exception, ServerRefused)
    assert "out of its answer: is it of another version than this command" in str(finished.exception)


def test_only_what_is_missing_is_translated(service: Standin) -> None:
    """Other errors pass as they are."""
    with asking(service.url) as client:
        assert client.url == service.url
    with pytest.raises(ZeroDivisionError), understanding():
        _ = 1 / 0


def test_a_command_that_is_suggested_asks_the_same_server() -> None:
    """Who named a server must name it again."""
    assert option_for(None) == ""
    assert option_for("gpu-box") == " --server gpu-box"


def test_what_is_said_to_who_looks_on_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, and without anything that could move a cursor."""
    say("a\x1b[2Jb\nc")
    assert capsys.readouterr() == ("", "segue: a\\x1b[2Jb\\nc\n")
