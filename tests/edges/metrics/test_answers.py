"""What HTTP answered, by route."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import Scope

from segue.edges.metrics.answers import Answered, CountAnswers
from tests.edges.http.service import recording
from tests.edges.metrics.conftest import Measured, samples


def test_answers_count_by_route_and_status(measured: Measured) -> None:
    """What no route has is one more, whatever was asked for; methods that nobody knows are one."""
    url = measured.address.url
    requests.get(f"{url}/livez", timeout=30)
    for path in ("/secret-a", "/secret-b?token=c"):
        requests.get(url + path, timeout=30)
    requests.request("PROPFIND", f"{url}/secret-a", timeout=30)
    requests.post(f"{url}/v1/detect", data=recording(), timeout=30)
    found = measured.samples("segue_http_responses_total")
    assert found[("GET", "/livez", "200")] == 1
    assert found[("GET", "none", "404")] == 2
    assert found[("POST", "/v1/detect", "503")] == 1
    assert [key for key in found if key[0] == "other"]
    assert measured.samples("segue_http_response_duration_seconds_count")[("/livez",)] == 1
    assert "secret" not in measured.text()


def counted(app: Any, **scope: Any) -> dict[tuple[str, ...], float]:
    """The answers that are counted of one request to an app."""
    registry = CollectorRegistry()

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        return

    async def run() -> None:
        await CountAnswers(app, Answered(registry))({"type": "http", "method": "GET", **scope}, receive, send)

    with pytest.raises(ConnectionResetError):
        asyncio.run(run())
    return samples(generate_latest(registry).decode(), "segue_http_responses_total")


def test_an_answer_that_never_came_is_499() -> None:
    """Its client is gone; what was raised goes on."""

    async def gone(scope: Scope, *_: object) -> None:
        scope["route"] = SimpleNamespace(path="/v1/detect")
        raise ConnectionResetError

    assert counted(gone) == {("GET", "/v1/detect", "499"): 1}


def test_websockets_are_none_of_it() -> None:
    """They have no status, and last as long as they like."""

    async def gone(*_: object) -> None:
        raise ConnectionResetError

    assert counted(gone, type="websocket") == {}
