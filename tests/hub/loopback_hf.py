"""How Hugging Face answers: for a Hub of loopback.py."""

import hashlib
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote, unquote, urlsplit

from tests.hub.loopback import Files, Hub, send, send_json, sha256

TERMS = "Access to model is restricted. You must have access to it and be authenticated to access it. Please log in."


def commit_of(model_id: str, revision: str) -> str:
    """The commit that a revision means."""
    return hashlib.sha1(f"{model_id}@{revision}".encode()).hexdigest()


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(name: str) -> bool:
    """Whether the file is in LFS: then it is had from another host."""
    return name.endswith((".pt", ".onnx"))


def speak_huggingface(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    """``/api/models/ID/revision/REV``, ``/api/models/ID/refs``, ``/ID/resolve/REV/NAME``, and what that leads to."""
    parts = [unquote(part) for part in urlsplit(request.path).path.split("/")[1:]]
    match parts:
        case ["api", "models", owner, name, "revision", revision]:
            _answer(hub, request, f"{owner}/{name}", revision, "listing")
        case ["api", "models", owner, name, "refs"]:
            _answer(hub, request, f"{owner}/{name}", None, "revisions")
        case [owner, name, "resolve", revision, file]:
            _answer(hub, request, f"{owner}/{name}", revision, file)
        case ["blob", owner, name, revision, file]:
            if hub.admit(request, file):
                hub.send_file(request, file, hub.models[f"{owner}/{name}"][revision][file])
        case _:
            hub.strays.append(request.path)
            send_json(request, {"error": "Not Found"}, status=404)


def _answer(hub: Hub, request: BaseHTTPRequestHandler, model_id: str, revision: str | None, what: str) -> None:
    model = hub.models.get(model_id)
    if model is None:  # to a stranger Hugging Face does not say whether there is such a model
        known = request.headers.get("Authorization")
        code = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"} if known else {}
        words = {"X-Error-Message": "Invalid username or password."} | code
        return send_json(request, {"error": "nothing"}, status=404 if known else 401, headers=words)
    meant = next((name for name in model if revision in (None, name, commit_of(model_id, name))), None)
    if meant is None:
        words = {"X-Error-Code": "RevisionNotFound", "X-Error-Message": f"Invalid rev id: {revision}"}
        return send_json(request, {"error": "Invalid rev id"}, status=404, headers=words)
    if what == "revisions":
        return send_json(request, _refs(hub, model_id, model)) if hub.admit(request, what) else None
    if what == "listing":
        return send_json(request, _listing(hub, model_id, meant)) if hub.admit(request, what) else None
    return _resolve(hub, request, model_id, meant, what)


def _resolve(hub: Hub, request: BaseHTTPRequestHandler, model_id: str, revision: str, name: str) -> None:
    data, is_head = hub.models[model_id][revision].get(name), request.command == "HEAD"
    headers = {"X-Repo-Commit": commit_of(model_id, revision)}
    if data is None:
        words = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
        return send_json(request, {"error": "Entry not found"}, status=404, headers=headers | words)
    if (is_head or not is_large(name)) and not hub.admit(request, f"HEAD {name}" if is_head else name):
        return None
    if is_large(name):
        headers |= {"X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data))}
        headers["Location"] = f"{hub.elsewhere}/blob/{model_id}/{quote(revision, safe='')}/{name}"
        return send(request, b"", status=302, headers=headers)
    if is_head:
        headers |= {"ETag": f'"{git_id(data)}"', "Content-Length": str(len(data))}
        return send(request, b"", headers=headers)
    return hub.send_file(request, name, data)


def _refs(hub: Hub, model_id: str, model: dict[str, Files]) -> dict[str, object]:
    entries: dict[str, list[dict[str, str]]] = {"branches": [], "tags": [], "converts": []}
    for name in model:
        kind = "branches" if name in hub.branches else "tags"
        ref = f"refs/{'heads' if kind == 'branches' else 'tags'}/{name}"
        entries[kind].append({"name": name, "ref": ref, "targetCommit": commit_of(model_id, name)})
    return dict(entries)


def _listing(hub: Hub, model_id: str, revision: str) -> dict[str, object]:
    siblings: list[dict[str, object]] = []
    for name, data in hub.models[model_id][revision].items():
        size = hub.faults.size.get(name, len(data))
        entry: dict[str, object] = {"rfilename": name, "size": size, "blobId": git_id(data)}
        if is_large(name):
            entry["lfs"] = {"size": size, "sha256": sha256(data), "pointerSize": 132}
        siblings.append(entry)
    return {"id": model_id, "sha": commit_of(model_id, revision), "siblings": siblings + hub.faults.listing}
