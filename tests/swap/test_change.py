"""One change, and the right to switch."""

import pytest

from segue.errors import InvalidParameter, Superseded
from segue.swap.change import Change


def change(**fields: object) -> Change:
    return Change("switch", "to b", **({"who": "ada", "why": "", "end": lambda *_: None} | fields))  # type: ignore[arg-type]


def test_it_reads_as_a_sentence() -> None:
    """Its text names the verb, what, and who, as far as known."""
    assert str(change()) == "switch to b by ada"
    assert str(change(who="")) == "switch to b"


def test_once_cancelled_every_check_says_by_whom() -> None:
    """The steps between the wish and the switch can ask; the answer is an error that names both."""
    begun = change()
    begun.check()
    begun.cancelled_by = "rollback by bob"
    with pytest.raises(Superseded, match="switch to b by ada was cancelled by rollback by bob"):
        begun.check()
    assert "cancelled by rollback by bob" in repr(begun)


def test_it_ends_once_with_the_error_of_its_block() -> None:
    """Whoever gave the right is told of the end, and why."""
    ends: list[object] = []
    error = ValueError("x")
    with pytest.raises(ValueError, match="x"), change(end=lambda _, error: ends.append(error)):
        raise error
    assert ends == [error]


def test_evidence_is_copied_as_json() -> None:
    """Later changes of the figures do not reach the journal; what is not JSON is refused or becomes text."""
    figures = {"errors": [1, 2], "path": change}
    begun = change(evidence=figures)
    figures["errors"] = []
    assert begun.evidence["errors"] == [1, 2]
    assert isinstance(begun.evidence["path"], str)
    with pytest.raises(InvalidParameter, match="evidence must be JSON"):
        change(evidence={(1, 2): 3})
