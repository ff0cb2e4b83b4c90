"""What the journal knows of a version: a table of rows, newest last, and whether it may be begun by itself."""

import re

import pytest

from segue.errors import SegueError
from segue.service.past import ATTEMPT, last_seq, past
from segue.swap import CLEAN_END, Entry, Journal, Kind, Route, VersionId

V, W = VersionId("v1111aaaa"), VersionId("v2222bbbb")
CLEAN = Entry(Kind.NOTE, CLEAN_END, "the service")
BEGUN = Entry(Kind.NOTE, "follow", f"begins with {V}", evidence={ATTEMPT: V})


def ended(version: VersionId, outcome: str) -> Entry:
    return Entry(Kind.NOTE, "end", why="why", outcome=outcome, evidence={"rollout": {"id": "ab12", "version": version}})


def refused(version: VersionId, code: str, outcome: str = "it does not load") -> Entry:
    return Entry(
        Kind.REFUSED, "rollout", str(version), outcome=outcome, evidence={"refused": {"version": version, "code": code}}
    )


def done(route: Route) -> Entry:
    return Entry(Kind.DONE, "switch", "some/one", route=route, epoch=1)


def judge(*rows: Entry, start_seq: int = 10**9) -> str:
    journal = Journal(None)
    for row in rows:
        journal.append(row)
    return past(journal, V, start_seq=start_seq)


@pytest.mark.parametrize(
    "rows",
    [
        (),
        (ended(W, "taken back"), refused(W, "golden_failed"), done(Route(W))),
        (Entry(Kind.STATE, what=V, outcome="new -> loading"),),
        (refused(V, "insufficient_memory"),),
        (refused(V, "origin_unavailable"), refused(V, "busy")),
        (refused(V, "superseded", "rollout v by follow was cancelled by shutdown: nothing was installed"),),
        (BEGUN,),
        (BEGUN, CLEAN, BEGUN),
        (BEGUN, refused(V, "insufficient_memory"), BEGUN),
        (Entry(Kind.INTENT, "switch", route=Route(V)), Entry(Kind.NOTE, "end"), Entry(Kind.NOTE, "pause")),
    ],
)
def test_it_may_be_begun(rows: tuple[Entry, ...]) -> None:
    """Nothing is known of it, or what kept it back may be gone."""
    assert judge(*rows) == ""


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((ended(V, "taken back"),), "its rollout ab12 was over on 20..-..-.. ..:..:..: taken back, why"),
        ((ended(V, "aborted"), CLEAN, ended(W, "done")), "its rollout ab12 was over .*: aborted, why"),
        ((ended(V, "done"), refused(V, "busy")), "its rollout ab12 was over .*: done, why"),
        ((done(Route(V)), done(Route(W))), "it has served before, last begun on .* by switch some/one"),
        ((done(Route(W, canary=V, canary_share=0.1)), done(Route(W))), "it has served before"),
        ((done(Route(W, shadow=V)),), "it has served before"),
        ((refused(V, "golden_failed", "it is worse"),), "it was refused on .*: it is worse"),
        ((refused(V, SegueError.code), CLEAN), "it was refused on .*: it does not load"),
        ((refused(V, "superseded", "cancelled by rollback by ann"),), "it was refused on .*: cancelled by rollback"),
        ((BEGUN, BEGUN), "the process ended 2 times while it was being prepared"),
        ((CLEAN, BEGUN, Entry(Kind.NOTE), BEGUN), "the process ended 2 times while it was being prepared"),
    ],
)
def test_it_is_left_alone(rows: tuple[Entry, ...], said: str) -> None:
    """It had its turn, was refused for good, or ended the process twice."""
    assert re.match(said, judge(*rows))


def test_what_this_process_has_begun_did_not_end_it() -> None:
    """Only attempts of earlier processes are counted."""
    assert judge(BEGUN, BEGUN, start_seq=1) == ""


def test_long_journals_are_read_to_their_beginning() -> None:
    """Page by page; and the newest row has the greatest number."""
    journal = Journal(None)
    assert last_seq(journal) == 0
    journal.append(ended(V, "taken back"))
    for _ in range(1500):
        journal.defer(Entry(Kind.STATE, what=W))
    journal.flush()
    assert past(journal, V, start_seq=0) != ""
    assert last_seq(journal) > 1000
