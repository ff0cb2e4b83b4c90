"""What is said at the end of a change."""

import pytest

from segue.client import Client
from segue.edges.control.outcome import status_of, tell
from tests.client.loopback import refusal
from tests.edges.control.standin import FIRST, FSMN, SECOND, Standin, done, failed, primary, status


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (done(), f"{SECOND} serves now; before: {FIRST}; to go back: segue rollback"),
        (done(before=None), f"{SECOND} serves now; nothing served before"),
        (done(now=FIRST, changed=False), f"{FIRST} serves already (NAME): nothing changed"),
        (
            done("rollback", now=FIRST, before=SECOND),
            f"rolled back: {FIRST} serves again (NAME); before: {SECOND}, "
            f"which returns with: segue switch --version {SECOND}",
        ),
        (
            done("rollback", now=FIRST, before=None),
            f"rolled back: {FIRST} serves again (NAME); nothing served before",
        ),
        (
            done("rollback", now=FIRST, before=SECOND, prepared=[FIRST]),
            f"rolled back: {FIRST} serves again (NAME); {FIRST} had been closed and was prepared first; "
            f"before: {SECOND}, which returns with: segue switch --version {SECOND}",
        ),
    ],
)
def test_one_line_says_what_serves_what_did_and_how_to_go_back(
    service: Standin, capsys: pytest.CaptureFixture[str], change: dict[str, object], said: str
) -> None:
    """On standard output; with the model's name where the server tells it."""
    service.status = status(primary(options={"mode": "dynamic"}))
    with Client(service.url) as client:
        tell(change, client, None)
    assert capsys.readouterr() == (said.replace("NAME", f"{FSMN}@v2.0.4 mode=dynamic") + "\n", "")
    assert status_of(change) == 0


def test_the_way_back_leads_to_the_same_server(service: Standin, capsys: pytest.CaptureFixture[str]) -> None:
    """Who named the server is told to name it again."""
    with Client(service.url) as client:
        tell(done(), client, "gpu-box")
        tell(done("rollback"), client, "gpu-box")
    assert capsys.readouterr().out.count(" --server gpu-box\n") == 2


def test_a_change_is_told_though_its_name_cannot_be_had(service: Standin, capsys: pytest.CaptureFixture[str]) -> None:
    """It is done: a server that says nothing more is no reason to fail."""
    service.refuses = refusal(503, "shutting_down")
    with Client(service.url) as client:
        tell(done(), client, None)
    assert capsys.readouterr().out.startswith(f"{SECOND} serves now; before: {FIRST}")


def test_what_the_journal_does_not_have_yet_is_said(service: Standin, capsys: pytest.CaptureFixture[str]) -> None:
    """A change that is done and not recorded is a success with a note."""
    with Client(service.url) as client:
        tell(done(recorded=False), client, None)
    assert capsys.readouterr().err == (
        "segue: note: the journal could not be written; the change is recorded as soon as it can be\n"
    )


@pytest.mark.parametrize(("code", "status"), [("model_invalid", 1), ("superseded", 3)])
def test_a_failure_is_one_line_and_a_status(
    service: Standin, capsys: pytest.CaptureFixture[str], code: str, status: int
) -> None:
    """In the server's words, on standard error; 3 when a rollback came in between."""
    change = failed(code, "switch x was\ncancelled by rollback by ada")
    with Client(service.url) as client:
        tell(change, client, None)
    assert capsys.readouterr() == ("", "segue: error: switch x was cancelled by rollback by ada\n")
    assert status_of(change) == status
