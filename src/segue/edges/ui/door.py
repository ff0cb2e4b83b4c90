"""Who may, on the page: a cookie that only who has the token can have.

The browser sends the token once, and keeps a value that is derived from it instead: HttpOnly, so that no script reads
it, and SameSite=Strict, so that no other site uses it. It is good for as long as the token is the same.
"""

import hashlib
import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from starlette.responses import Response

from segue.service.access import Access

_SEND = "open the link that segue serve printed, or give it in the tab Models"


class Door:
    """The page's door to one service. Immutable; safe for threads."""

    def __init__(self, access: Access, token: str) -> None:
        self._access = access
        self._token = token
        self._key = hmac.new(token.encode(), b"segue page", hashlib.sha256).hexdigest()
        # Cookies do not know ports: another service on this machine has its own.
        self._cookie = f"segue-{hashlib.sha256(self._key.encode()).hexdigest()[:8]}"

    def open(self, token: str, response: Response, *, secure: bool) -> None:
        """Let the browser that gave the token in, from now on. Raises Unauthorized."""
        self._access.control(token, send=_SEND)
        response.set_cookie(
            self._cookie, self._key, httponly=True, samesite="strict", secure=secure, max_age=30 * 86400
        )

    def control(self, headers: Mapping[str, str]) -> None:
        """Let in a request of who may change what serves. Raises Unauthorized."""
        self._access.control(self._given(headers), send=_SEND)

    def detection(self, headers: Mapping[str, str]) -> None:
        """Let in a request of who may have speech detected. Raises Unauthorized."""
        self._access.detection(self._given(headers), send=_SEND)

    def _given(self, headers: Mapping[str, str]) -> str | None:
        """The token, if the cookie is the one that it was given for."""
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return None
        found = cookies.get(self._cookie)
        if found is None:
            return None
        return self._token if hmac.compare_digest(found.value.encode(), self._key.encode()) else "another"
