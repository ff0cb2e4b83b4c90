"""One request and its answer: JSON, or one error that says what to do."""

import json
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.utils import get_environ_proxies

from segue.client.address import ACCEPTED, find_url, is_here
from segue.client.failure import is_broken, is_distrust, is_no_http, is_silence, reason
from segue.client.recording import Recording
from segue.client.token import Token, find_token, header_text, whoami
from segue.errors import InvalidParameter, SegueError, ServerRefused, ServerUnreachable, one_line
from segue.settings import Settings, read_settings

READ_TIMEOUT_S = 30.0
"""Longest wait for an answer that the server has at once."""

_LONGEST_MESSAGE = 2000  # characters of what a server says
_LONGEST_BETWEEN_CONNECTIONS_S = 8.0
_NO_CAPACITY = (429, 503)


class Client:
    """Speaks with one server. Safe for threads: each has connections of its own. A context manager; ``close`` ends it.

    ``token`` None: the setting ``token``, else, for a server on this machine, ``$SEGUE_HOME/token``. ``who`` is what
    the history says of its changes; None: ``user@host``. ``verify``: whether an https server must have a certificate
    that is trusted, or the file with those to trust; True: the usual ones, or those of ``REQUESTS_CA_BUNDLE``.
    ``clock`` and ``sleep`` (seconds) are for ``detect``. Raises InvalidParameter for an address or token that is none.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        settings: Settings | None = None,
        token: str | None = None,
        who: str | None = None,
        verify: bool | str = True,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        settings = settings or read_settings()
        self.url = find_url(url, settings)
        self.who = who or whoami()
        self._is_here = is_here(self.url)
        self._token = find_token(token, settings, is_here=self._is_here)
        self._connect_timeout_s = settings.connect_timeout_s
        self._verify = verify
        self._clock = clock
        self._sleep = sleep
        self._mine = threading.local()  # .session: requests does not promise that threads may share one
        self._lock = threading.Lock()  # guards _sessions
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"<Client {self.url} as {self.who}>"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of all threads. A later call opens new ones."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def get(self, path: str, *, read_timeout_s: float | None = READ_TIMEOUT_S, **query: object) -> dict[str, Any]:
        """GET ``path``, such as ``/v1/status``. Of the query, what is None is left out.

        ``read_timeout_s`` None waits for as long as it takes. Raises ServerUnreachable, ServerRefused.
        """
        try:
            return self._ask("GET", path, query, read_timeout_s=read_timeout_s)
        except ServerUnreachable as error:
            if not is_broken(error.__cause__):
                raise
        # A connection kept open may be closed by the server just as it is used. To read twice does no harm. Not asked
        # where the first error is caught: it would be taken for a reason of the second.
        return self._ask("GET", path, query, read_timeout_s=read_timeout_s)

    def post(
        self,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        read_timeout_s: float | None = READ_TIMEOUT_S,
        **query: object,
    ) -> dict[str, Any]:
        """POST ``body`` as JSON: once, whatever becomes of it. Else as ``get``."""
        return self._ask("POST", path, query, read_timeout_s=read_timeout_s, json=dict(body or {}))

    def put(
        self, path: str, body: Mapping[str, object], *, read_timeout_s: float | None = READ_TIMEOUT_S
    ) -> dict[str, Any]:
        """PUT ``body`` as JSON: once. Else as ``get``."""
        return self._ask("PUT", path, {}, read_timeout_s=read_timeout_s, json=dict(body))

    def delete(self, path: str, *, read_timeout_s: float | None = READ_TIMEOUT_S, **query: object) -> dict[str, Any]:
        """DELETE ``path``: once. Else as ``get``."""
        return self._ask("DELETE", path, query, read_timeout_s=read_timeout_s)

    def detect(
        self,
        body: BinaryIO | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        read_timeout_s: float | None = None,
        patience_s: float = 600.0,
        reconnections: int = 0,
        **query: object,
    ) -> dict[str, Any]:
        """POST one recording to ``/v1/detect``, streamed from where the file stands. Raises as ``get``.

        A server without capacity (429, 503) is asked again when it said (Retry-After), unless that is more than
        ``patience_s`` after it first said so. ``reconnections`` is how often a connection that cannot be had, or breaks
        before the answer is here, is made anew; a server that is merely silent is not asked twice. What comes out of
        a pipe is sent once only. An error in reading ``body`` is raised as it is.
        """
        recording = Recording(body)
        give_up_at_s: float | None = None
        breaks = 0
        while True:
            try:
                return self._ask(
                    *("POST", "/v1/detect", query),
                    read_timeout_s=read_timeout_s,
                    headers=headers,
                    data=recording.content,
                )
            except ServerRefused as error:
                wait_s, now_s = _retry_after_s(error), self._clock()
                if give_up_at_s is None:
                    give_up_at_s = now_s + patience_s
                if wait_s is None or now_s + wait_s > give_up_at_s or not recording.rewind():
                    raise
            except ServerUnreachable as error:
                breaks += 1
                in_vain = is_silence(error.__cause__) or is_distrust(error.__cause__)
                if in_vain or breaks > reconnections or not recording.rewind():
                    raise
                wait_s = min(0.25 * 2**breaks, _LONGEST_BETWEEN_CONNECTIONS_S)
            self._sleep(wait_s)

    # -- one request -----------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, object],
        *,
        read_timeout_s: float | None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> dict[str, Any]:
        given = {"X-Segue-Who": self.who, "Accept": "application/json", **(headers or {})}
        recording = content.get("data")
        try:
            answer = self._session().request(
                method,
                self.url + path,
                params={name: _query_text(value) for name, value in query.items() if value is not None},
                headers={name: header_text(value) for name, value in given.items()},
                timeout=(self._connect_timeout_s, read_timeout_s),
                allow_redirects=False,
                **content,
            )
        except requests.exceptions.InvalidURL as error:
            raise InvalidParameter(f"server: {self.url!r} is no address: give {ACCEPTED}") from error
        except (requests.RequestException, OSError) as error:
            if isinstance(recording, Recording) and recording.error is not None:
                raise recording.error from None  # not the server's fault
            raise self._no_answer(error, read_timeout_s) from error
        return self._read(answer)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = self._mine.session = requests.Session()
            # Of the environment, only the proxy and the certificates count, and they are read here: a .netrc would
            # put something else in the token's place, and no proxy reaches a server on this machine.
            session.trust_env = False
            if not self._is_here:
                session.proxies.update(get_environ_proxies(self.url))
            bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
            session.verify = bundle if bundle and self._verify is True else self._verify
            session.auth = _Bearer(self._token)
            with self._lock:
                self._sessions.add(session)
        return session

    def _read(self, answer: requests.Response) -> dict[str, Any]:
        """The JSON of an answer. Raises ServerRefused for an error, and for what no server of ours says."""
        try:
            said = json.loads(answer.content)
        except (ValueError, RecursionError):
            said = None
        if answer.status_code < 300 and isinstance(said, dict) and "X-Request-ID" in answer.headers:
            return said
        refusal = said.get("error") if isinstance(said, dict) else None
        if answer.status_code < 400 or not isinstance(refusal, dict) or not {"code", "message"} <= refusal.keys():
            raise self._not_ours(_described(answer), answer.status_code)
        message = one_line(refusal["message"])[:_LONGEST_MESSAGE]
        if answer.status_code == 401:
            message += f"; {self._token.explained}"
        refused = ServerRefused(message, code=str(refusal["code"]), status=answer.status_code)
        raise refused from requests.HTTPError(response=answer)

    # -- no answer -------------------------------------------------------------------------------------------------

    def _no_answer(self, error: Exception, read_timeout_s: float | None) -> SegueError:
        if is_distrust(error):
            return ServerUnreachable(
                f"the server at {self.url} is not trusted ({reason(error)}): name the file with its certificate "
                "in REQUESTS_CA_BUNDLE"
            )
        if is_silence(error):
            after = "" if read_timeout_s is None else f" within {read_timeout_s:g} s"
            return ServerUnreachable(f"the server at {self.url} did not answer{after}: it may still be at it")
        if is_no_http(error):
            return self._not_ours("no HTTP", 0)
        if is_broken(error):
            return ServerUnreachable(
                f"the connection to the server at {self.url} broke before the answer was here ({reason(error)}): "
                "see whether it runs with segue status, and try again"
            )
        return ServerUnreachable(
            f"no server answers at {self.url} ({reason(error)}): start one with segue serve, "
            "or name another with --server URL"
        )

    def _not_ours(self, what: str, status: int) -> ServerRefused:
        return ServerRefused(
            f"what answers at {self.url} is no Segue server, for it sent {what}: name the server with --server URL",
            code="not_segue",
            status=status,
        )


class _Bearer(AuthBase):
    """As requests wants it, so that nothing else puts another in its place."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token.text:
            request.headers["Authorization"] = f"Bearer {self._token.text}"
        return request


def _query_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _retry_after_s(error: ServerRefused) -> float | None:
    """When to ask again; 1 s where that cannot be read. None: the refusal is for good."""
    if error.status not in _NO_CAPACITY or not isinstance(error.__cause__, requests.HTTPError):
        return None
    text = error.__cause__.response.headers.get("Retry-After", "")
    return float(text) if re.fullmatch("[0-9]{1,9}", text) and int(text) else 1.0


def _described(answer: requests.Response) -> str:
    """What an answer is that is not ours."""
    if 300 <= answer.status_code < 400 and "Location" in answer.headers:
        parts = urlsplit(answer.headers["Location"])
        return f"a redirection to {one_line(f'{parts.scheme}://{parts.hostname}{parts.path}')[:200]}"
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    names = {"text/html": "a web page", "application/json": "other JSON", "": "something else"}
    return f"{names.get(kind, one_line(kind)[:60])} (status {answer.status_code})"
