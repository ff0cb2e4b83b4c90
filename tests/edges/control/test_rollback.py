"""``segue rollback``, against a stand-in for the service."""

import json

from segue.errors import ServerRefused
from tests.client.loopback import refusal
from tests.edges.control.standin import FIRST, SECOND, Standin, change, done, lines, run


def test_a_rollback_says_what_serves_again(service: Standin) -> None:
    """One line on standard output, and status 0: it is done."""
    service.course = [change("rollback"), done("rollback", at=0, now=FIRST, before=SECOND)]
    finished = run("rollback", "--why", "too many cuts")
    (line,) = lines(finished)
    assert line.startswith(f"rolled back: {FIRST} serves again")
    assert finished.return_value == 0
    assert (service.last.path, service.last.query) == ("/v1/rollback", {"wait": "false"})
    assert json.loads(service.last.body) == {"why": "too many cuts"}


def test_json_and_no_wait(service: Standin) -> None:
    """As with switch."""
    service.course = [change("rollback"), done("rollback", at=0)]
    assert json.loads("\n".join(lines(run("rollback", "--json"))))["verb"] == "rollback"
    service.course = [change("rollback")]
    assert lines(run("rollback", "--no-wait")) == ["begun: rollback c0ffee; see segue status and segue history"]


def test_nothing_to_go_back_to_is_a_refusal(service: Standin) -> None:
    """In the server's words."""
    service.refuses = refusal(409, "nothing_to_roll_back", "no earlier route")
    finished = run("rollback")
    assert isinstance(finished.exception, ServerRefused)
    assert str(finished.exception) == "no earlier route"
