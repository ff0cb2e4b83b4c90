"""Answers of the connection itself."""

import json

from segue.edges.serve.refusal import refusal


def test_it_is_a_whole_answer_in_the_form_of_every_error() -> None:
    """Head and body fit each other; the request ID is in both; the connection ends with it."""
    head, _, body = refusal(503, "overloaded", "later", retry_after_s=2).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ") for line in lines)
    error = json.loads(body)["error"]
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert error == {"code": "overloaded", "message": "later", "request_id": headers["x-request-id"]}
    assert (headers["content-length"], headers["connection"]) == (str(len(body)), "close")
    assert headers["retry-after"] == "2"
    assert b"retry-after" not in refusal(400, "bad_request", "what")
