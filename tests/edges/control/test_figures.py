"""Numbers as people read them."""

import pytest

from segue.edges.control.figures import amount, clock, count, duration, megabytes, model_name, share


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0"),
        (0.04, "0.04"),
        (8.314, "8.31"),
        (9.999, "10.0"),
        (83.14, "83.1"),
        (99.97, "100"),
        (1234.5, "1,234"),
    ],
)
def test_an_amount_has_three_digits(number: float | None, text: str) -> None:
    """As many as say something; what is not known is a dash."""
    assert amount(number) == text


def test_counts_shares_and_sizes() -> None:
    """One lease, two leases; per cent without needless digits; bytes by the million."""
    assert [count(number, "lease") for number in (0, 1, 2)] == ["0 leases", "1 lease", "2 leases"]
    assert count(2, "life", "lives") == "2 lives"
    assert [share(number) for number in (1.0, 0.1, 0.025, 0.0)] == ["100%", "10%", "2.5%", "0%"]
    assert [megabytes(number) for number in (None, 0, 25_300_000, 4_000_000_000)] == ["-", "0", "25", "4,000"]


@pytest.mark.parametrize(
    ("seconds", "left", "passed"),
    [
        (0, "0:00", "0.00 s"),
        (9.994, "0:10", "9.99 s"),
        (12.34, "0:12", "12.3 s"),
        (59.94, "1:00", "59.9 s"),
        (59.96, "1:00", "1 min 0 s"),
        (303, "5:03", "5 min 3 s"),
        (3723, "1:02:03", "1 h 2 min"),
        (273_600, "76:00:00", "3 d 4 h"),
    ],
)
def test_times(seconds: float, left: str, passed: str) -> None:
    """What is left as on a clock, what has passed in words."""
    assert (clock(seconds), duration(seconds)) == (left, passed)


def test_a_model_is_named_as_one_would_ask_for_it() -> None:
    """ID@REVISION and its options; a directory has no revision."""
    assert model_name({"id": "x/y", "revision": "v2"}, {"mode": "dynamic", "n": 5, "on": True}) == (
        "x/y@v2 mode=dynamic n=5 on=true"
    )
    assert model_name({"id": "/models/mine", "revision": None}, {}) == "/models/mine"
