"""What happened, each thing once, newest first, a page at a time."""

import re
from collections.abc import Sequence

from segue.edges.ui.models.history import PAGE, happened, page, unread
from segue.swap import Entry, Kind, ModelSpec, Resolved, Route, VersionId
from tests.edges.ui.models.seen import CHINESE, ENGLISH, EVIL

V1 = VersionId("v1")
KNOWN = {V1: Resolved(ModelSpec("me/one", "v1"), "d" * 64)}


def rows(*entries: Entry) -> Sequence[Entry]:
    """Numbered from 1, given back newest first."""
    numbered = [
        Entry(**{name: getattr(entry, name) for name in Entry.__dataclass_fields__} | {"seq": seq, "at": 100.0 + seq})
        for seq, entry in enumerate(entries, 1)
    ]
    return numbered[::-1]


def switch(why: str = "") -> tuple[Entry, Entry]:
    intent = Entry(Kind.INTENT, "switch", "me/one", "ada", why)
    return intent, Entry(Kind.DONE, "switch", "me/one", "ada", why, epoch=2, route=Route(V1))


def state(said: str) -> Entry:
    return Entry(Kind.STATE, what="v1#1", outcome=said, versions=KNOWN)


def test_an_intent_and_its_end_are_one_line_and_so_are_the_steps_of_a_version() -> None:
    """A switch with the loading before it is two lines, whoever reads them."""
    intent, done = switch("why not")
    done = Entry(Kind.DONE, "switch", "me/one", "ada", "why not", epoch=2, route=Route(V1), of=4)
    found = rows(state("new -> loading"), state("loading -> warming"), state("warming -> ready"), intent, done)
    first, second = happened(found, ENGLISH)
    assert (first.kind, first.what, first.who, first.why) == ("done", "switch to me/one", "ada", "why not")
    assert first.outcome == "serves v1 (epoch 2)"
    assert (second.kind, second.outcome) == ("state", "new → loading → warming → ready")
    assert (second.why, second.last_seq) == ("me/one@v1", 1)


def test_refusals_notes_and_what_has_no_end() -> None:
    """Each says what it is."""
    refused = Entry(Kind.REFUSED, "switch", "me/two", "ada", outcome="it is not there")
    note = Entry(Kind.NOTE, "end", "rollout a9c1 of v1", "ada", "aborted by ada", "aborted")
    found = list(happened(rows(switch()[0], refused, note, Entry(Kind.NOTE, "clean end")), CHINESE))
    assert [line.kind for line in found] == ["note", "note", "refused", "open"]
    assert (found[1].what, found[1].why, found[1].outcome) == ("结束 灰度发布 a9c1（v1）", "由 ada 中止", "已中止")
    assert found[2].outcome == "被拒绝：it is not there"
    assert found[3].outcome == "已开始，结束未记录"
    assert found[0].what == "clean end"


def test_steps_that_do_not_follow_each_other_are_told_one_after_the_other() -> None:
    """Nothing is left out."""
    (line,) = happened(rows(state("new -> loading"), state("ready -> draining")), ENGLISH)
    assert line.outcome == "new → loading; ready → draining"


def test_pages_follow_each_other_without_a_gap() -> None:
    """Every line is on exactly one page, and the last page has none after it."""
    found = rows(*(Entry(Kind.NOTE, "note", f"number {number}") for number in range(2 * PAGE + 3)))
    told, before, seen = page(found, ENGLISH), None, []
    while True:
        seen += re.findall(r"number (\d+)", told)
        following = re.search(r'data-next="(\d+)"', told)
        if following is None:
            break
        before = int(following[1])
        told = page(found, ENGLISH, before=before)
    assert seen == [str(number) for number in reversed(range(2 * PAGE + 3))]
    assert before is not None


def test_where_rows_were_cut_off_there_is_a_next_page() -> None:
    """Though these make less than a page."""
    found = rows(Entry(Kind.NOTE, "note"))
    assert "data-next" not in page(found, ENGLISH)
    assert 'data-next="1"' in page(found, ENGLISH, is_cut=True)


def test_it_is_text() -> None:
    """Who, what, why and the outcome cannot be HTML; the time is told by the browser; nothing yet is said so."""
    told = page(rows(Entry(Kind.NOTE, EVIL, EVIL, EVIL, EVIL, EVIL)), ENGLISH) + unread(EVIL, ENGLISH)
    assert "<img" not in told
    assert '<time data-at="101.0" data-long>' in told
    assert "Nothing has happened yet." in page([], ENGLISH)
