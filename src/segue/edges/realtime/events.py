"""What is said to a client: OpenAI's server events, and one of ours that it has no word for."""

import uuid
from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError

from segue.errors import (
    InvalidParameter,
    Refusal,
    RequestInvalid,
    RequestUnsupported,
    SegueError,
    Unauthorized,
    one_line,
)
from segue.speech.detection import ModelIdentity

Event: TypeAlias = Mapping[str, Any]

INVALID = "invalid_request_error"
_SHOWN = 80
"""Characters shown of what was given."""


def event(kind: str, **fields: Any) -> Event:
    """With an ID of its own."""
    return {"type": kind, "event_id": f"event_{uuid.uuid4().hex[:21]}", **fields}


def new_item() -> str:
    """The ID of an item."""
    return f"item_{uuid.uuid4().hex[:21]}"


def refused(message: str, *, code: str, param: str | None = None, event_id: str | None = None) -> Event:
    """An error of the client's, after which the session goes on."""
    return _error(INVALID, code, message, param, event_id)


def failed(error: SegueError) -> Event:
    """An error of the service's tree."""
    kind = "server_error"
    if isinstance(error, Refusal):
        kind = "rate_limit_error"
    elif isinstance(error, Unauthorized):
        kind = "authentication_error"
    elif isinstance(error, InvalidParameter | RequestInvalid | RequestUnsupported):
        kind = INVALID
    return _error(kind, error.code, one_line(error), None, None)


def invalid(error: ValidationError, *, within: str, event_id: str | None) -> Event:
    """The first of what pydantic found in a field of an event."""
    first = error.errors(include_url=False, include_context=False)[0]
    param = ".".join(str(part) for part in (within, *first["loc"]))
    message = f"{param}={shown(first['input'])}: {one_line(first['msg'])}"
    return refused(message, code="invalid_value", param=param, event_id=event_id)


def model_changed(before: ModelIdentity, after: ModelIdentity, *, at_ms: int) -> Event:
    """No event of OpenAI's: another version decides from there on. Clients pass over what they do not know."""
    return event("segue.model_changed", **{"from": before.version, "to": after.version}, model=after.id, at_ms=at_ms)


def shown(value: object) -> str:
    """What was given, as far as a message of one line holds it."""
    text = ascii(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _error(kind: str, code: str, message: str, param: str | None, event_id: str | None) -> Event:
    about = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
    return event("error", error=about)
