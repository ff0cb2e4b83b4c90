"""Rows of the journal as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.swap.entry import Entry, Kind, from_row, to_row
from segue.swap.route import Route
from segue.swap.spec import ModelSpec, Resolved, VersionId

names = st.text(min_size=1, max_size=8).map(VersionId)
routes = st.one_of(
    st.builds(Route, names),
    st.builds(lambda p, c, s: Route(p, VersionId(c + "'"), s), names, names, st.floats(0, 1)).filter(
        lambda route: route.primary != route.canary
    ),
)
specs = st.builds(ModelSpec, st.text(), st.none() | st.text(), st.dictionaries(st.text(), st.text() | st.integers()))
entries = st.builds(
    Entry,
    kind=st.sampled_from(Kind),
    verb=st.text(),
    what=st.text(),
    who=st.text(),
    why=st.text(),
    outcome=st.text(),
    epoch=st.integers(0, 2**40),
    route=st.none() | routes,
    back=st.lists(routes, max_size=3).map(tuple),
    versions=st.dictionaries(names, st.builds(Resolved, specs, st.text()), max_size=3),
    evidence=st.dictionaries(st.text(), st.integers() | st.text(), max_size=3),
    of=st.none() | st.integers(1, 2**40),
    at=st.floats(0, 1e11),
    seq=st.integers(1, 2**40),
)


@given(entries)
def test_a_row_is_read_as_it_was_written(entry: Entry) -> None:
    """Whatever is in an entry comes back equal, any text in any language included."""
    assert from_row(to_row(entry, entry.seq)) == entry


@given(entries, st.integers(0, 5), st.data())
def test_a_row_that_was_changed_is_not_believed(entry: Entry, column: int, data: st.DataObject) -> None:
    """Another value in any column is a ValueError."""
    row: list[object] = list(to_row(entry, entry.seq))
    other = data.draw(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.binary()))
    if repr(other) == repr(row[column]):
        return
    row[column] = other
    with pytest.raises(ValueError, match="checksum"):
        from_row(tuple(row))  # type: ignore[arg-type]


def test_the_payload_stays_in_the_process() -> None:
    """A row knows what a version is, not where it lay."""
    entry = Entry(Kind.DONE, versions={VersionId("a"): Resolved(ModelSpec("m"), "d", payload="somewhere")})
    assert from_row(to_row(entry, 1)).versions[VersionId("a")].payload is None
