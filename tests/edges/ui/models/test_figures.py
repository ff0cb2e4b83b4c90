"""Numbers as people read them."""

import pytest

from segue.edges.ui.models.figures import amount, clock, duration, megabytes, model_name, share


@pytest.mark.parametrize(
    ("number", "expected"),
    [(None, "-"), (0, "0"), (0.04, "0.04"), (9.994, "9.99"), (9.995, "10.0"), (99.96, "100"), (1234.4, "1,234")],
)
def test_amounts_have_three_digits(number: float | None, expected: str) -> None:
    """Three digits or more, and a dash for what is not known."""
    assert amount(number) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0425, "42 ms"),
        (0.9996, "1.00 s"),
        (9.996, "10.0 s"),
        (59.96, "1 min 0 s"),
        (7500, "2 h 5 min"),
        (270_000, "3 d 3 h"),
    ],
)
def test_durations_are_in_the_unit_that_they_need(seconds: float, expected: str) -> None:
    """No rounding makes sixty seconds, or a thousand milliseconds."""
    assert duration(seconds) == expected


def test_the_rest() -> None:
    """Bytes are megabytes, parts are percent, time left is a clock, and a model is written as one would ask for it."""
    assert (megabytes(None), megabytes(12_400_000)) == ("-", "12")
    assert (share(None), share(0.025), share(1)) == ("-", "2.5 %", "100 %")
    assert (clock(599.6), clock(3723)) == ("10:00", "1:02:03")
    assert model_name("me/one", "v1", {"isolate": True, "mode": "tight"}) == "me/one@v1 isolate=true mode=tight"
    assert model_name("/models/one", None, {}) == "/models/one"
