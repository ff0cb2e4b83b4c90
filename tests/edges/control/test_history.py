"""``segue history``, against a stand-in for the service."""

import json

from tests.edges.control.standin import FIRST, Standin, entry, lines, run


def test_the_newest_come_first_and_no_more_than_wanted(service: Standin) -> None:
    """-n counts lines, for which as many rows are asked for as it takes, page by page."""
    for n in range(500, 0, -1):
        service.entries.append(entry(2 * n, "done", verb="switch", what=f"model {n}", of=2 * n - 1, route_text=FIRST))
        service.entries.append(entry(2 * n - 1, "intent", verb="switch", what=f"model {n}"))
    shown = lines(run("history", "-n", "150"))
    assert len(shown) == 1 + 150
    assert "model 500 " in shown[1]
    assert "model 351 " in shown[-1]
    assert [asked.query.get("before") for asked in service.asked] == [None, "801"]
    assert len(lines(run("history"))) == 1 + 20


def test_json_is_the_rows(service: Standin) -> None:
    """As the journal has them, none left out, so many as were wanted."""
    service.entries = [entry(3, "done", of=2), entry(2, "intent"), entry(1, "note")]
    assert json.loads("\n".join(lines(run("history", "--json", "-n", "2")))) == service.entries[:2]
    assert json.loads("\n".join(lines(run("history", "--json")))) == service.entries


def test_an_empty_journal(service: Standin) -> None:
    """It is said, and is no error."""
    assert lines(run("history")) == ["nothing has happened yet"]
    assert json.loads("\n".join(lines(run("history", "--json")))) == []
    assert service.asked


def test_on_a_screen_nothing_is_cut(service: Standin) -> None:
    """A long reason goes on in the next line."""
    service.entries = [entry(1, "refused", verb="switch", what="x/y", outcome="word " * 40 + "end")]
    shown = lines(run("history", columns=80))
    assert shown[-1].endswith("end")
    assert all(len(line) <= 80 for line in shown)
