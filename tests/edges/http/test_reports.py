"""What the service says of itself, as plain values."""

import json
from dataclasses import dataclass

from segue.edges.http.reports import change, entry, outcome, plain
from segue.edges.http.schemas import Change, HistoryEntry
from segue.errors import ModelNotFound
from segue.service.operations import Operation
from segue.swap import Entry, Kind, ModelSpec, Resolved, Route, State, Switched, VersionId
from segue.swap.spec import Options

V1, V2 = VersionId("v1"), VersionId("v2")


@dataclass(frozen=True, slots=True)
class Fact:
    """Of every kind that there is."""

    state: State
    route: Route
    options: Options
    rows: tuple[int, ...]
    nothing: None = None


def test_facts_become_plain_values() -> None:
    """Dataclasses, states, options and tuples are objects, texts and lists, at any depth."""
    fact = Fact(State.READY, Route(V1), Options({"a": True}), (1, 2))
    found = plain(fact)
    assert json.loads(json.dumps(found)) == found
    assert found["state"] == "ready"
    assert found["route"]["primary"] == "v1"
    assert (found["options"], found["rows"], found["nothing"]) == ({"a": True}, [1, 2], None)


def test_a_switch_is_what_serves_now_and_what_did() -> None:
    """Versions by their names; none where none serves or served."""
    answer = Switched("switch", Route(V2), Route(V1), 7, "me", "", prepared=(V2,))
    assert outcome(answer) == {
        "version": "v2",
        "previous": "v1",
        "epoch": 7,
        "changed": True,
        "recorded": True,
        "prepared": ["v2"],
    }
    assert outcome(Switched("fail", None, None, 1, "", ""))["version"] is None


def test_a_change_is_told_from_its_beginning_to_its_end() -> None:
    """Running it has steps and no outcome; done it has its answer; failed its code and message."""
    running = Operation("switch", "a/b", who="me", why="because")
    running.step("fetch", "12 MB")
    told = change(running)
    assert (told["state"], told["answer"], told["error"]) == ("running", None, None)
    assert [(step["step"], step["detail"]) for step in told["steps"]] == [("fetch", "12 MB")]
    running.end(Switched("switch", Route(V1), None, 1, "me", "because"))
    told = change(running)
    assert (told["state"], told["answer"]["version"]) == ("done", "v1")
    failed = Operation("switch", "a/b", who="me", why="")
    failed.end(error=ModelNotFound("no such model\nanywhere"))
    told = change(failed)
    assert told["state"] == "failed"
    assert told["error"] == {"code": "model_not_found", "message": "no such model anywhere"}
    Change.model_validate(told, extra="forbid")


def test_a_row_of_the_journal_says_what_each_version_is() -> None:
    """Route as text, versions with model, options and digest, as the document promises."""
    spec = ModelSpec("a/b", "v2.0", {"mode": "dynamic"})
    row = Entry(Kind.DONE, "switch", "a/b", "me", "why", epoch=3, route=Route(V1), versions={V1: Resolved(spec, "d")})
    told = entry(row)
    assert told["route_text"] == "v1"
    assert told["versions"] == {
        "v1": {"model_id": "a/b", "revision": "v2.0", "options": {"mode": "dynamic"}, "digest": "d"}
    }
    assert HistoryEntry.model_validate(told, extra="forbid").kind == "done"
    assert entry(Entry(Kind.NOTE))["route_text"] == ""
