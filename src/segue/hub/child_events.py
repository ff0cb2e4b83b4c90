"""What the process of a hub's client says, and how it ends. ``child.py`` starts it and listens.

A hub's module (modelscope_child.py, huggingface_child.py) brings its client and calls ``serve``. On standard input
come two lines of JSON, the request and then the names to fetch; on standard output goes one line of JSON an event, in
this order:

    {"event": "ready"}                                        the client is imported
    {"event": "connected", "endpoint": URL}
    {"event": "listing", "files": {name: sha256 | null}, "sizes": {name: bytes}, "moving": bool | null,
     "commit": str | null}
    {"event": "file", "name": name}                           once a file
    {"event": "done"}
    {"event": "failed", "kind": KIND, "reason": text, "revisions": [...]}      instead of any of them but the first

KIND: model (no such model), revision (no such revision), denied, mismatch (bytes are not what the hub promised), disk,
unreachable. The end of standard input means that nobody waits any more.
"""

import json
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn, Protocol
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

_PORTS = {"http": 80, "https": 443}
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class FailureError(Exception):
    """Ends the process with a ``failed`` event."""

    def __init__(self, kind: str, reason: str, revisions: list[str] | None = None) -> None:
        super().__init__(reason)
        self.kind = kind
        self.revisions = revisions or []


class HubClient(Protocol):
    """One hub's own client. What it raises is turned into a FailureError by ``explain``."""

    endpoint: str
    endpoint_variable: str  # what the user sets to have another endpoint

    def find_files(self, request: dict[str, Any]) -> dict[str, Any]:
        """The facts of the ``listing`` event: the files of the repository that were asked for."""

    def fetch_file(self, name: str, request: dict[str, Any], listing: dict[str, Any]) -> Path:
        """Download one file into the destination, flat; where it is then."""

    def explain(self, error: Exception) -> FailureError | None:
        """What an error of the client means; None for one that is not the client's."""


def checked_sha256(text: object) -> str | None:
    """A SHA-256 as a hub states it, or None if that is none."""
    found = str(text or "").lower()
    return found if _SHA256.fullmatch(found) else None


def serve(open_client: Callable[[], HubClient]) -> NoReturn:
    """Serve one request, translate every error into one event, and end the process."""
    # Whatever the client prints must not get between the events.
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(event: str, **facts: object) -> None:
        print(json.dumps({"event": event, **facts}), file=events, flush=True)

    say("ready")
    client = None
    try:
        client = open_client()
        _run(client, say, sys.stdin)
    except Exception as error:  # noqa: BLE001  the boundary of a process: whatever it is becomes an event
        failure = _failure(error, client)
        say("failed", kind=failure.kind, reason=str(failure), revisions=failure.revisions)
    sys.stdout.flush()
    os._exit(0)  # the client's threads may still hang in a read


def _run(client: HubClient, say: Callable[..., None], requests: IO[str]) -> None:
    request = json.loads(requests.readline())
    _connect(client, timeout_s=request["connect_timeout_s"])
    say("connected", endpoint=client.endpoint)
    listing = client.find_files(request)
    say("listing", **listing)
    names = json.loads(requests.readline() or "[]")
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    for name in names:
        if not client.fetch_file(name, request, listing).is_file():
            raise FailureError("unreachable", f"the client reports success without {name}")
        say("file", name=name)
    say("done")


def _connect(client: HubClient, *, timeout_s: float) -> None:
    """Open and close one connection; a client would try for long. Behind a proxy only the proxy could be tried."""
    url = urlsplit(client.endpoint)
    if url.hostname is None:
        raise FailureError("unreachable", f"{client.endpoint_variable} {client.endpoint!r} is no address")
    if select_proxy(client.endpoint, get_environ_proxies(client.endpoint)):
        return
    try:
        socket.create_connection((url.hostname, url.port or _PORTS.get(url.scheme, 443)), timeout_s).close()
    except OSError as error:
        raise FailureError("unreachable", f"no connection to {url.netloc}: {error}") from error


def _failure(error: Exception, client: HubClient | None) -> FailureError:
    if isinstance(error, FailureError):
        return error
    failure = client.explain(error) if client else None
    if failure is not None:
        return failure
    on_disk = isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError) and error.errno
    return FailureError("disk" if on_disk else "unreachable", f"{type(error).__name__}: {error}")


def _leave_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(1)
