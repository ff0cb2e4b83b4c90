"""Who asks. That the token is wanted is in test_app.py."""

import pytest
from fastapi import Request

from segue.edges.http.access import who_of


def request(*, who: bytes | None = None, client: tuple[str, int] | None = ("127.0.0.1", 1)) -> Request:
    """A request with that ``X-Segue-Who``."""
    headers = [] if who is None else [(b"x-segue-who", who)]
    return Request({"type": "http", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("given", "who"),
    [
        (b"ada@home", "ada@home"),
        ("王@office".encode(), "王@office"),
        (b" ada ", "ada"),
        (None, "http 127.0.0.1"),
        (b"", "http 127.0.0.1"),
        (b"x" * 100, "x" * 100),
        (b"x" * 101, "http 127.0.0.1"),
        (b"ada\x1b[2J", "http 127.0.0.1"),
        (b"ada\tbob", "http 127.0.0.1"),
    ],
)
def test_who_asks_is_what_it_says_if_that_can_be_shown(given: bytes | None, who: str) -> None:
    """At most 100 printable characters, in UTF-8; else the address stands for it."""
    assert who_of(request(who=given)) == who


def test_a_client_without_an_address_has_a_name() -> None:
    """A UNIX socket has none."""
    assert who_of(request(client=None)) == "http unknown"
