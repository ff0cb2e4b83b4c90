"""What the service says of itself -> plain values, ready for JSON."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from segue.errors import SegueError, one_line
from segue.service import Operation
from segue.speech.names import printable
from segue.swap import Entry, Switched


def plain(value: object) -> Any:
    """Frozen facts as objects of JSON, field by field; a change as ``change`` tells it."""
    if isinstance(value, Operation):
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, str | int | float) else str(value)


def switched(answer: Switched) -> dict[str, Any]:
    """What serves now, and what did."""
    return {
        "version": answer.route and answer.route.primary,
        "previous": answer.previous and answer.previous.primary,
        "epoch": answer.epoch,
        "changed": answer.changed,
        "recorded": answer.recorded,
        "prepared": list(answer.prepared),
    }


def change(operation: Operation) -> dict[str, Any]:
    """A change, with its answer or error when it is over."""
    state = operation.state  # first: what is read after it is at least as new
    error = operation.future.exception() if state == "failed" else None
    return {
        "id": operation.id,
        "verb": operation.verb,
        "what": operation.what,
        "who": operation.who,
        "why": operation.why,
        "state": state,
        "began_at": operation.began_at,
        "took_s": round(operation.took_s, 3),
        "steps": plain(operation.steps),
        "answer": outcome(operation.future.result()) if state == "done" else None,
        "error": None if error is None else _error(error),
    }


def outcome(answer: object) -> Any:
    """Of a change: what serves now, or the version that is ready."""
    return switched(answer) if isinstance(answer, Switched) else plain(answer)


def entry(row: Entry) -> dict[str, Any]:
    """A row of the journal."""
    versions = {
        version: {
            "model_id": resolved.spec.model_id,
            "revision": resolved.spec.revision,
            "options": plain(resolved.spec.options),
            "digest": resolved.digest,
        }
        for version, resolved in row.versions.items()
    }
    return {
        "seq": row.seq,
        "at": row.at,
        "kind": row.kind.value,
        "verb": row.verb,
        "what": row.what,
        "who": row.who,
        "why": row.why,
        "outcome": row.outcome,
        "epoch": row.epoch,
        "route_text": str(row.route) if row.route else "",
        "versions": versions,
        "evidence": plain(row.evidence),
        "of": row.of,
    }


def _error(error: BaseException) -> dict[str, str]:
    code = error.code if isinstance(error, SegueError) else "internal"
    return {"code": code, "message": printable(one_line(error))}
