"""Who may do what, at the doors of a service."""

import pytest

from segue.errors import Unauthorized
from segue.service.access import Access


@pytest.mark.parametrize("given", [None, "", "x", "tokem", "token ", "\udcff"])
@pytest.mark.parametrize("is_open", [True, False])
def test_control_wants_the_token(given: str | None, is_open: bool) -> None:
    """Nothing but the very token lets anybody change what serves, open or not; the message says how to send it."""
    access = Access("token", is_open=is_open)
    with pytest.raises(Unauthorized, match=r"the token is (wrong|missing): send Authorization: Bearer TOKEN, with"):
        access.control(given)
    access.control("token")


def test_detection_wants_the_token_where_it_is_not_open() -> None:
    """An open service detects for everybody; another only for who has the token, and says how that door takes it."""
    Access("token", is_open=True).detection(None)
    closed = Access("token", is_open=False)
    closed.detection("token")
    with pytest.raises(Unauthorized, match="the token is missing: show it, with the content of"):
        closed.detection(None, send="show it")
