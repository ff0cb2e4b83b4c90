"""ModelScope's client in a process of its own, so that it can be killed: it has no deadline and blocks for minutes."""

import re
from pathlib import Path
from typing import Any

from modelscope_hub import HubApi
from modelscope_hub import errors as hub

from segue.hub.child_events import FailureError, checked_sha256, serve

_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.ASCII)


class ModelScopeClient:
    """The package modelscope-hub, by what it calls its legacy interface: no other lists a SHA-256 with its commit."""

    endpoint_variable = "MODELSCOPE_ENDPOINT"

    def __init__(self) -> None:
        self._api = HubApi()
        self.endpoint: str = self._api.legacy.endpoint

    def find_files(self, request: dict[str, Any]) -> dict[str, Any]:
        """The files of the repository that were asked for, and what the hub says about the revision."""
        model_id, revision = request["model_id"], request["revision"]
        try:
            entries = self._api.legacy.list_repo_files(model_id, "model", revision, recursive=True)
        except (hub.AuthenticationError, hub.PermissionDeniedError):
            raise
        except hub.APIError as error:  # which status an unknown revision has is the server's affair
            raise self._missing(model_id, revision, error) from error
        if not entries:  # some errors of the hub come with status 200 and no data
            raise self._missing(model_id, revision, hub.HubError("the hub lists no files"))
        blobs = [entry for entry in entries if isinstance(entry, dict) and entry.get("Type") != "tree"]
        wanted = {entry["Path"]: entry for entry in blobs if entry.get("Path") in request["names"]}
        return {
            "files": {name: checked_sha256(entry.get("Sha256")) for name, entry in wanted.items()},
            "sizes": {name: int(entry["Size"]) for name, entry in wanted.items() if entry.get("Size")},
            "moving": self._is_branch(model_id, revision) if request["ask_moving"] else False,
            "commit": _newest_commit(blobs),
        }

    def fetch_file(self, name: str, request: dict[str, Any], listing: dict[str, Any]) -> Path:
        """Download one file, which the client holds against the listing."""
        return self._api.download_file(
            request["model_id"],
            "model",
            name,
            revision=request["revision"],
            local_dir=request["destination"],
            expected_sha256=listing["files"][name],
            file_size=listing["sizes"].get(name),
        )

    def explain(self, error: Exception) -> FailureError | None:
        """The kind of an error of the client."""
        match error:
            case hub.AuthenticationError() | hub.PermissionDeniedError():
                return FailureError("denied", str(error))
            case hub.FileIntegrityError():
                return FailureError("mismatch", str(error))
            case hub.HubError():  # NotExistError too: listed, and gone a moment later
                return FailureError("unreachable", str(error))
        return None

    def _missing(self, model_id: str, revision: str, error: hub.HubError) -> FailureError:
        try:
            branches, tags = self._api.legacy.list_revisions_detail(model_id, "model")
        except hub.NotExistError:
            return FailureError("model", str(error))
        except hub.HubError:
            return FailureError("model" if isinstance(error, hub.NotExistError) else "unreachable", str(error))
        revisions = [str(entry["Revision"]) for entry in [*tags, *branches] if entry.get("Revision")]
        if revisions and revision not in revisions:
            return FailureError("revision", str(error), revisions)
        return FailureError("model" if not revisions else "unreachable", str(error))

    def _is_branch(self, model_id: str, revision: str) -> bool | None:
        """Whether the hub has a branch of that name; None when it does not say."""
        try:
            branches, tags = self._api.legacy.list_revisions_detail(model_id, "model")
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


def main() -> None:
    """Serve one request."""
    serve(ModelScopeClient)
