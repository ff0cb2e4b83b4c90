"""Hugging Face's client in a process of its own, so that it can be killed: it waits as long as a server tells it to.

One request lists the files of a revision with their sizes, hashes and the commit; from then on that commit is asked
for and not the revision. The client itself does not look at hashes: here a file of git is held against its git ID, and
the SHA-256 of a file of LFS goes into the listing, against which the store holds it.
"""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, get_session, set_client_factory
from huggingface_hub import errors as hub

from segue.hub.child_events import FailureError, checked_sha256, serve

_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_ATTEMPTS = 3  # at one address: the client goes on for as long as any byte comes
_MOST_REDIRECTS = 5
_CHUNK_BYTES = 1 << 16  # the client's 10 MB show no progress, and are written before anybody counts them
_MOST_BYTES = 1 << 30  # of a file whose size is not listed


class HuggingFaceClient:
    """The package huggingface_hub."""

    endpoint_variable = "HF_ENDPOINT"

    def __init__(self) -> None:
        self._api = HfApi()
        self.endpoint: str = self._api.endpoint
        if constants.HF_HUB_OFFLINE:
            raise FailureError("unreachable", "HF_HUB_OFFLINE is set: unset it to download")
        constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES
        _bound_requests()

    def find_files(self, request: dict[str, Any]) -> dict[str, Any]:
        """The files of the repository that were asked for, and what the hub says about the revision."""
        model_id, revision = request["model_id"], request["revision"]
        try:
            info = self._api.model_info(model_id, revision=revision, files_metadata=True)
        except hub.RevisionNotFoundError as error:
            revisions = self._revisions(model_id) or {}
            raise FailureError("revision", _words(error), list(revisions)) from error
        wanted = {file.rfilename: file for file in info.siblings or () if file.rfilename in request["names"]}
        return {
            "files": {name: checked_sha256(file.lfs.sha256) if file.lfs else None for name, file in wanted.items()},
            "sizes": {name: int(file.size) for name, file in wanted.items() if file.size},
            "moving": self._is_moving(model_id, revision, info.sha) if request["ask_moving"] else False,
            "commit": info.sha if _is_commit(info.sha) else None,
            "git_ids": {name: str(file.blob_id) for name, file in wanted.items() if not file.lfs and file.blob_id},
        }

    def fetch_file(self, name: str, request: dict[str, Any], listing: dict[str, Any]) -> Path:
        """Download one file of the listed commit. Its length, and its git ID if it has one, are held against it."""
        size_bytes = listing["sizes"].get(name)

        class Metre(_Metre):
            what, most_bytes = name, size_bytes or _MOST_BYTES

        path = Path(
            self._api.hf_hub_download(
                request["model_id"],
                name,
                revision=listing["commit"] or request["revision"],
                local_dir=request["destination"],
                etag_timeout=constants.HF_HUB_ETAG_TIMEOUT,
                tqdm_class=Metre,
            )
        )
        differs = _differs(path, size_bytes=size_bytes, git_id=listing["git_ids"].get(name))
        if differs:
            path.unlink()
            raise FailureError("mismatch", f"{name} {differs}")
        return path

    def explain(self, error: Exception) -> FailureError | None:
        """The kind of an error of the client, which likes to wrap what happened into advice."""
        given = error
        while isinstance(error, hub.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
            error = error.__cause__
        match error:
            case hub.GatedRepoError() | hub.DisabledRepoError():
                return FailureError("denied", f"{_words(error)}; the model's page has its terms")
            case hub.RepositoryNotFoundError() | hub.HFValidationError():
                return FailureError("model", _words(error))
            case hub.HfHubHTTPError():
                return FailureError(_kind(error), _words(error))
            case json.JSONDecodeError():
                return FailureError("unreachable", "the answer is not JSON: is a proxy or a login page in between?")
            case hub.FileMetadataError():
                return FailureError("unreachable", "a file's headers are not a hub's: is HF_ENDPOINT one?")
            case OSError() if "Consistency check failed" in str(error):
                return FailureError("mismatch", str(error).partition(" (")[0])
        return FailureError("unreachable", f"{type(error).__name__}: {error}") if error is not given else None

    def _revisions(self, model_id: str) -> dict[str, bool] | None:
        """Every tag (false) and branch (true) of the repository; None when the hub does not say."""
        try:
            refs = self._api.list_repo_refs(model_id)
        except (hub.HfHubHTTPError, FailureError, ValueError, KeyError, TypeError):
            return None
        return {ref.name: False for ref in refs.tags} | {ref.name: True for ref in refs.branches}

    def _is_moving(self, model_id: str, revision: str, commit: str | None) -> bool | None:
        """Whether the revision may mean another commit tomorrow; None when the hub does not say."""
        if _is_commit(revision) and revision == commit:
            return False
        revisions = self._revisions(model_id)
        return None if revisions is None else revisions.get(revision, True)


class _Metre:
    """What the client takes for a progress bar: ends a download that is longer than it may be."""

    what = "the file"
    most_bytes = _MOST_BYTES

    def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
        self._here_bytes = initial

    def __enter__(self) -> "_Metre":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, more_bytes: int) -> None:
        """Raises FailureError when more came than was listed."""
        self._here_bytes += more_bytes
        if self._here_bytes > self.most_bytes:
            raise FailureError("mismatch", f"{self.what} goes on after the {self.most_bytes} bytes that are listed")


def _bound_requests() -> None:
    """Let the client ask no address more than a few times, nor wait when it is told to come back later."""
    plain, asked, failed = get_session(), Counter[str](), Counter[str]()
    counted, timeout_s = plain.event_hooks["request"], constants.HF_HUB_DOWNLOAD_TIMEOUT

    def count(request: Any) -> None:
        what = f"{request.method} {request.url}"
        asked[what] += 1
        if asked[what] > _ATTEMPTS:
            raise FailureError("unreachable", f"asked for {_ATTEMPTS} times, did not come whole: {request.url.path}")

    def look(response: Any) -> None:
        status, what = response.status_code, str(response.request.url)
        failed[what] += status >= 500
        if status == 429 or failed[what] > 1:
            wait = response.headers.get("Retry-After")
            later = f"; it asks to come back in {wait} s" if wait and wait.isdigit() else ""
            raise FailureError("unreachable", f"HTTP {status} {response.reason_phrase}{later}")

    def watched() -> Any:
        return type(plain)(
            event_hooks={"request": [*counted, count], "response": [look]},
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTS,
            timeout=float(timeout_s),
        )

    set_client_factory(watched)


def _kind(error: hub.HfHubHTTPError) -> str:
    """To a stranger a missing model and a private one are both 401; so is a token that is none."""
    status = error.response.status_code
    if status == 401 and "Invalid credentials" not in str(error.server_message):
        return "model"
    return "denied" if status in (401, 403) else "unreachable"


def _words(error: Exception) -> str:
    """The status and what the server itself says; the client adds paragraphs."""
    if not isinstance(error, hub.HfHubHTTPError):
        return str(error)
    return f"HTTP {error.response.status_code}: {error.server_message or error.response.reason_phrase}"


def _is_commit(text: str | None) -> bool:
    return text is not None and _COMMIT.fullmatch(text) is not None


def _differs(path: Path, *, size_bytes: int | None, git_id: str | None) -> str:
    """What is other than it was listed, in words; empty if nothing is."""
    here_bytes = path.stat().st_size
    if size_bytes not in (None, here_bytes):
        return f"has {here_bytes} bytes where {size_bytes} are listed"
    return "has another git ID" if git_id not in (None, _git_id(path)) else ""


def _git_id(path: Path) -> str:
    """The ID that git gives to these bytes: SHA-1 over their length and themselves."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def main() -> None:
    """Serve one request."""
    serve(HuggingFaceClient)
