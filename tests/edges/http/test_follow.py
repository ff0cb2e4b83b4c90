"""The routes of what is followed, over HTTP, against a real service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.edges.http.follow import Following, Stopped
from tests.edges.http.service import answering, loud_service, model
from tests.edges.http.test_control import Operator, failure


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """An operator of a service that serves nothing, and so begins no rollout."""
    with loud_service(tmp_path / "home") as service, answering(service) as address:
        yield Operator(address, service)


def test_it_is_followed_shown_and_stopped(operator: Operator, tmp_path: Path) -> None:
    """In the documented form, in whose name, and in the status; nothing is null."""
    assert operator.get("/v1/follow") == {"follow": None}
    body = {"model_id": str(model(tmp_path, "next")), "plan": {"canary": "5,50"}, "every": "1m", "why": "nightly"}
    put = operator.ask("PUT", "/v1/follow", body)
    assert put.status_code == 200, put.text
    Following.model_validate(put.json())
    said = operator.get("/v1/follow")["follow"]
    assert (said["model"], said["plan"], said["every_s"]) == (body["model_id"], {"canary": "5,50"}, 60.0)
    assert (said["who"], said["why"], said["looked_at"]) == ("ann@desk", "nightly", None)
    assert operator.get("/v1/status")["follow"] == f"{body['model_id']}: not looked at yet"
    stopped = operator.ask("DELETE", "/v1/follow").json()
    Stopped.model_validate(stopped)
    assert stopped["stopped"]["model"] == body["model_id"]
    assert operator.ask("DELETE", "/v1/follow").json() == {"stopped": None}
    assert operator.get("/v1/status")["follow"] == ""


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_parameter"),
        ({"model_id": "some/one", "interval": 5}, 422, "invalid_parameter"),
        ({"model_id": "some/one", "every": "often"}, 422, "invalid_plan"),
        ({"model_id": "some/one", "every": 1}, 422, "invalid_parameter"),
        ({"model_id": "some/one", "plan": {"canaries": 1}}, 422, "invalid_plan"),
        ({"model_id": "no such"}, 422, "invalid_model_id"),
        ({"model_id": "/no/such/directory"}, 404, "model_not_found"),
    ],
)
def test_what_cannot_be_is_refused(operator: Operator, body: dict[str, object], status: int, code: str) -> None:
    """With one clear line, and nothing is followed."""
    assert failure(operator.ask("PUT", "/v1/follow", body)) == (status, code)
    assert operator.get("/v1/follow") == {"follow": None}
