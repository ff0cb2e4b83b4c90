"""Where a version runs: what its options may say."""

import pytest

from segue.errors import InvalidParameter
from segue.service.isolation import is_isolated, parameters


@pytest.mark.parametrize("default", [True, False])
def test_the_version_says_or_else_the_service(default: bool) -> None:
    """True or false in its options wins over what the service was started with."""
    assert is_isolated({"isolate": True}, default=default)
    assert not is_isolated({"isolate": False}, default=default)
    assert is_isolated({"mode": "dynamic"}, default=default) is default


@pytest.mark.parametrize("value", ["yes", 1, 0, "", 0.5, "true"])
def test_anything_else_is_refused(value: object) -> None:
    """With what was given and what is accepted."""
    with pytest.raises(InvalidParameter, match=r"isolate=.*: true .* or false"):
        is_isolated({"isolate": value})


def test_it_is_no_decision_parameter() -> None:
    """What the rules get is all the rest."""
    assert parameters({"isolate": True, "mode": "dynamic", "window_size_ms": 300}) == {
        "mode": "dynamic",
        "window_size_ms": 300,
    }
