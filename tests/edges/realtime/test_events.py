"""Server events: their form."""

import json

import pytest

from segue.edges.realtime.events import event, failed, new_item, refused, shown
from segue.errors import InferenceFailed, InvalidParameter, SegueError, TooManyRequests, Unauthorized


def test_an_error_has_openai_s_form() -> None:
    """Type, code, message, the parameter and the event that it is about."""
    error = refused("no", code="invalid_value", param="audio", event_id="mine")
    assert set(error) == {"type", "event_id", "error"}
    assert error["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "no",
        "param": "audio",
        "event_id": "mine",
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InferenceFailed("x"), "server_error"),
        (InvalidParameter("x"), "invalid_request_error"),
        (TooManyRequests("x", retry_after_s=1), "rate_limit_error"),
        (Unauthorized("x"), "authentication_error"),
    ],
)
def test_an_error_of_the_service_has_its_own_code(error: SegueError, kind: str) -> None:
    """And one of OpenAI's types."""
    about = failed(error)["error"]
    assert (about["type"], about["code"], about["message"]) == (kind, error.code, "x")


def test_ids_are_new_each_time() -> None:
    """Of events and of items."""
    assert event("a")["event_id"] != event("a")["event_id"]
    assert new_item() != new_item()


def test_what_was_given_is_shown_short_and_in_ascii() -> None:
    """Whatever its size, and half of a character too."""
    assert len(shown("x" * 10**6)) < 100
    assert json.dumps(shown("\ud800é")).isascii()
