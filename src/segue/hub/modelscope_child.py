"""ModelScope's client in a process of its own, so that it can be killed: it has no deadline and blocks for minutes.

Run as a script by modelscope.py. Knows nothing of Segue: on standard input come two lines of JSON, the request and
then the names to fetch; on standard output goes one line of JSON an event, in this order:

    {"event": "ready"}                                        the client is imported
    {"event": "connected", "endpoint": URL}
    {"event": "listing", "files": {name: sha256 | null}, "sizes": {name: bytes}, "moving": bool, "commit": str | null}
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
from typing import Any
from urllib.parse import urlsplit

from modelscope_hub import HubApi
from modelscope_hub import errors as hub
from requests.utils import get_environ_proxies, select_proxy

_PORTS = {"http": 80, "https": 443}
_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class FailureError(Exception):
    """Ends the process with a ``failed`` event."""

    def __init__(self, kind: str, reason: str, revisions: list[str] | None = None) -> None:
        super().__init__(reason)
        self.kind = kind
        self.revisions = revisions or []


def say(event: str, **facts: object) -> None:
    """Print one event."""
    print(json.dumps({"event": event, **facts}), file=_EVENTS, flush=True)


def connect(endpoint: str, *, timeout_s: float) -> None:
    """Open and close one connection; the client would try for 22 s. Behind a proxy only the proxy could be tried."""
    url = urlsplit(endpoint)
    if url.hostname is None:
        raise FailureError("unreachable", f"MODELSCOPE_ENDPOINT {endpoint!r} is no address")
    if select_proxy(endpoint, get_environ_proxies(endpoint)):
        return
    try:
        socket.create_connection((url.hostname, url.port or _PORTS.get(url.scheme, 443)), timeout_s).close()
    except OSError as error:
        raise FailureError("unreachable", f"no connection to {url.netloc}: {error}") from error


def find_files(api: HubApi, request: dict[str, Any]) -> dict[str, Any]:
    """The files of the repository that were asked for, and what the hub says about the revision."""
    model_id, revision = request["model_id"], request["revision"]
    try:
        entries = api.legacy.list_repo_files(model_id, "model", revision, recursive=True)
    except (hub.AuthenticationError, hub.PermissionDeniedError):
        raise
    except hub.APIError as error:  # which status an unknown revision has is the server's affair
        raise _missing(api, model_id, revision, error) from error
    if not entries:  # some errors of the hub come with status 200 and no data
        raise _missing(api, model_id, revision, hub.HubError("the hub lists no files"))
    blobs = [entry for entry in entries if isinstance(entry, dict) and entry.get("Type") != "tree"]
    wanted = {entry["Path"]: entry for entry in blobs if entry.get("Path") in request["names"]}
    shas = {name: str(entry.get("Sha256") or "").lower() for name, entry in wanted.items()}
    return {
        "files": {name: sha256 if _SHA256.fullmatch(sha256) else None for name, sha256 in shas.items()},
        "sizes": {name: int(entry["Size"]) for name, entry in wanted.items() if entry.get("Size")},
        "moving": _is_branch(api, model_id, revision) if request["ask_moving"] else False,
        "commit": _newest_commit(blobs),
    }


def fetch_files(api: HubApi, request: dict[str, Any], listing: dict[str, Any], names: list[str]) -> None:
    """Download into the destination, flat."""
    for name in names:
        path = api.download_file(
            request["model_id"],
            "model",
            name,
            revision=request["revision"],
            local_dir=request["destination"],
            expected_sha256=listing["files"][name],
            file_size=listing["sizes"].get(name),
        )
        if not path.is_file():
            raise FailureError("unreachable", f"the client reports success without {name}")
        say("file", name=name)


def _missing(api: HubApi, model_id: str, revision: str, error: hub.HubError) -> FailureError:
    try:
        branches, tags = api.legacy.list_revisions_detail(model_id, "model")
    except hub.NotExistError:
        return FailureError("model", str(error))
    except hub.HubError:
        return FailureError("model" if isinstance(error, hub.NotExistError) else "unreachable", str(error))
    revisions = [str(entry["Revision"]) for entry in [*tags, *branches] if entry.get("Revision")]
    if revisions and revision not in revisions:
        return FailureError("revision", str(error), revisions)
    return FailureError("model" if not revisions else "unreachable", str(error))


def _is_branch(api: HubApi, model_id: str, revision: str) -> bool | None:
    """Whether the hub has a branch of that name; None when it does not say."""
    try:
        branches, tags = api.legacy.list_revisions_detail(model_id, "model")
    except hub.HubError:
        return None
    if any(entry.get("Revision") == revision for entry in tags):
        return False
    return any(entry.get("Revision") == revision for entry in branches)


def _newest_commit(entries: list[dict[str, Any]]) -> str | None:
    """An entry's Revision is the commit that last changed it: the newest of them stands for the tree."""
    dated = [(int(entry.get("CommittedDate") or 0), str(entry.get("Revision") or "")) for entry in entries]
    newest = max(dated, default=(0, ""))[1]
    return newest if _COMMIT.fullmatch(newest) else None


def _run() -> None:
    request = json.loads(sys.stdin.readline())
    api = HubApi()
    endpoint = api.legacy.endpoint
    connect(endpoint, timeout_s=request["connect_timeout_s"])
    say("connected", endpoint=endpoint)
    listing = find_files(api, request)
    say("listing", **listing)
    names = json.loads(sys.stdin.readline() or "[]")
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    fetch_files(api, request, listing, names)
    say("done")


def _leave_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Serve one request and translate every error into one event."""
    say("ready")
    try:
        _run()
    except FailureError as failure:
        say("failed", kind=failure.kind, reason=str(failure), revisions=failure.revisions)
    except (hub.AuthenticationError, hub.PermissionDeniedError) as error:
        say("failed", kind="denied", reason=str(error))
    except hub.NotExistError as error:  # listed, and gone a moment later
        say("failed", kind="unreachable", reason=str(error))
    except hub.FileIntegrityError as error:
        say("failed", kind="mismatch", reason=str(error))
    except hub.HubError as error:
        say("failed", kind="unreachable", reason=str(error))
    except Exception as error:  # noqa: BLE001  the boundary of a process: whatever it is becomes an event
        on_disk = isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError) and error.errno
        say("failed", kind="disk" if on_disk else "unreachable", reason=f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    os._exit(0)  # the client's threads may still hang in a read


if __name__ == "__main__":
    # Whatever the client prints must not get between the events.
    _EVENTS = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main()
