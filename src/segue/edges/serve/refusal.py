"""Answers of the connection itself, where no app is asked: in the one form that every error has."""

import json
import uuid
from http import HTTPStatus


def refusal(status: int, code: str, message: str, *, retry_after_s: int | None = None) -> bytes:
    """A whole HTTP answer, after which the connection ends."""
    request_id = uuid.uuid4().hex
    body = json.dumps({"error": {"code": code, "message": message, "request_id": request_id}}).encode() + b"\n"
    retry = "" if retry_after_s is None else f"retry-after: {retry_after_s}\r\n"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n{retry}connection: close\r\n\r\n"
    )
    return head.encode() + body
