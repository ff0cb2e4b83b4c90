"""Who gets in at the page's door."""

import re

import pytest
from starlette.responses import Response

from segue.edges.ui.door import Door
from segue.errors import Unauthorized
from segue.service.access import Access

TOKEN = "a token of forty-three letters or so, for a test"


def door(token: str = TOKEN, *, is_open: bool = True) -> Door:
    return Door(Access(token, is_open=is_open), token)


def cookie_of(made: Door, token: str = TOKEN, *, secure: bool = False) -> str:
    """The cookie that the browser gets, as it was set."""
    response = Response()
    made.open(token, response, secure=secure)
    return response.headers["set-cookie"]


def test_the_cookie_opens_the_door_and_is_not_the_token() -> None:
    """Who gave the token once may change what serves, with a cookie that no script reads and no other site uses."""
    made = door()
    said = cookie_of(made)
    assert TOKEN not in said
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in said.split(";")}
    assert "Secure" in cookie_of(made, secure=True)
    headers = {"cookie": f"other=1; {said.partition(';')[0]}"}
    made.control(headers)
    made.detection(headers)


@pytest.mark.parametrize("given", ["", "x", f"{TOKEN} "])
def test_a_wrong_token_sets_no_cookie(given: str) -> None:
    """It is refused, and the answer is left as it was."""
    response = Response()
    with pytest.raises(Unauthorized, match=r"the token is (missing|wrong): open the link"):
        door().open(given, response, secure=False)
    assert "set-cookie" not in response.headers


def test_no_other_cookie_opens_it() -> None:
    """Neither none, nor one of another service or another token, nor the token itself, nor what is no cookie."""
    made, other = door(), door("another token")
    name = re.match(r"[^=]+", cookie_of(made))
    assert name is not None
    theirs = cookie_of(other, "another token").partition(";")[0].partition("=")[2]
    for given in (
        "",
        cookie_of(other, "another token"),
        *(f"{name[0]}={value}" for value in (TOKEN, theirs, "é", "")),
        "\x00=;,",
    ):
        with pytest.raises(Unauthorized):
            made.control({"cookie": given})
    assert cookie_of(other, "another token").partition("=")[0] != name[0]  # services on two ports of one host


def test_detection_is_open_where_the_service_is() -> None:
    """Without a cookie too; and where the service is closed, with it alone."""
    door(is_open=True).detection({})
    closed = door(is_open=False)
    with pytest.raises(Unauthorized):
        closed.detection({})
    closed.detection({"cookie": cookie_of(closed).partition(";")[0]})
