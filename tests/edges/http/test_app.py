"""The routes together."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fastapi import APIRouter

from segue.edges.http.app import build
from segue.edges.http.errors import STATUS
from segue.errors import Busy
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service

OPEN = {"/livez", "/readyz"}
"""What anybody may have, wherever the service is bound."""

MISSING = re.compile(r"\{[^}]*\}")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoudService]:
    """A service that is bound elsewhere: nothing is open but what always is."""
    with loud_service(tmp_path_factory.mktemp("closed"), is_open=False) as service:
        yield service


@pytest.fixture(scope="module")
def locked(closed: LoudService) -> Iterator[Address]:
    """Its address."""
    with serving(build(closed)) as address:
        yield address


def test_every_documented_address_is_open_or_wants_the_token(closed: LoudService, locked: Address) -> None:
    """An address of the document is in the list above, or answers 401 without the token.

    That is so of every route of the whole service: tests/edges/test_doors.py.
    """
    documented = {(m.upper(), path) for path, methods in build(closed).openapi()["paths"].items() for m in methods}
    assert len(documented) >= 12
    for method, path in documented:
        answer = requests.request(method, locked.url + MISSING.sub("x", path), timeout=30)
        assert (answer.status_code == 401) is (path not in OPEN), f"{method} {path}: {answer.status_code}"


def test_the_token_is_asked_for_before_anything_else(locked: Address) -> None:
    """Neither query nor body is looked at, nor waited for, before the token."""
    with locked.raw() as connection:
        connection.ask("POST", "/v1/switch?nonsense=1", content_length="1000")
        assert connection.answer().status == 401
    with locked.raw() as connection:
        connection.ask("POST", "/v1/detect?nonsense=1", content_length="1000")
        assert connection.answer().status == 401


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer \xe9"])
@pytest.mark.parametrize("path", ["/v1/status", "/v1/serving"])
def test_only_the_token_opens(closed: LoudService, locked: Address, given: str, path: str) -> None:
    """Anything else is 401 and says what is wanted; the token is never in an answer."""
    with locked.raw() as connection:
        connection.ask("GET", path, authorization=given.format(token=closed.token))
        refused = connection.answer()
        assert refused.status == 401
        assert closed.token.encode() not in refused.body
        connection.ask("GET", path, authorization=f"bearer {closed.token}")
        assert connection.answer().status in (200, 503)


def test_every_answer_has_an_id(locked: Address) -> None:
    """Right or wrong, of ours or of the documentation."""
    for path in ("/livez", "/readyz", "/docs", "/nothing", "/v1/status", "/static-offline-docs/none.js"):
        answer = requests.get(locked.url + path, headers={"X-Request-ID": "mine"}, timeout=30)
        assert answer.headers["X-Request-ID"] == "mine", path


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/status/", 404, "not_found"),
        ("GET", "/v1/%2e%2e/status", 404, "not_found"),
        ("PUT", "/v1/versions", 405, "method_not_allowed"),
        ("POST", "/docs", 405, "method_not_allowed"),
        ("GET", "/static-offline-docs/none.js", 404, "not_found"),
    ],
)
def test_what_is_not_there_has_the_form_of_errors(
    closed: LoudService, locked: Address, method: str, path: str, status: int, code: str
) -> None:
    """Addresses and methods that do not exist are answered like any error."""
    answer = requests.request(method, locked.url + path, headers=bearer(closed), timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/nothing", "/v1/status", "/v1/stream/"])
def test_a_websocket_where_there_is_none_is_told_so(locked: Address, path: str) -> None:
    """In the form of errors, with an ID, like any request."""
    with locked.raw() as connection:
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
        connection.ask("GET", path, **upgrade, sec_websocket_key=key)
        answer = connection.answer()
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (404, "not_found")
    assert path in error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]


def test_a_wrong_method_is_told_the_right_ones(closed: LoudService, locked: Address) -> None:
    """Those of every route of the address, wherever it was added."""
    assert requests.put(f"{locked.url}/v1/versions", timeout=30).headers["Allow"] == "GET, POST"
    assert requests.put(f"{locked.url}/v1/versions/v1", timeout=30).headers["Allow"] == "DELETE"
    assert requests.post(f"{locked.url}/docs", headers=bearer(closed), timeout=30).headers["Allow"] == "GET"


def test_the_documentation_needs_no_network(closed: LoudService, locked: Address) -> None:
    """The page names no other machine, and all that it loads is here."""
    page = requests.get(f"{locked.url}/docs", headers=bearer(closed), timeout=30).text
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(loaded) >= 3
    for path in loaded:
        assert path.startswith("/"), path
        assert requests.get(locked.url + path, headers=bearer(closed), timeout=30).ok, path


def bearer(service: LoudService) -> dict[str, str]:
    """What lets in."""
    return {"Authorization": f"Bearer {service.token}"}


def references(value: Any) -> Iterator[str]:
    """Every ``$ref`` in a document."""
    if isinstance(value, dict):
        yield from (item for name, item in value.items() if name == "$ref")
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(inside)


def test_the_document_is_whole(closed: LoudService, locked: Address) -> None:
    """Every reference leads somewhere, every operation has a summary and its errors, each in the one form."""
    document = requests.get(f"{locked.url}/openapi.json", headers=bearer(closed), timeout=30).json()
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas
    assert "HTTPValidationError" not in json.dumps(document)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["tags"]
            statuses = {int(status) for status in operation["responses"]}
            assert 200 in statuses
            for status in statuses - {200, 202}:
                assert status in STATUS.values()
                content = operation["responses"][str(status)]["content"]["application/json"]
                assert content == {"schema": {"$ref": "#/components/schemas/Failed"}}
            if path.startswith("/v1/"):
                assert operation["security"] == [{"token": []}]
                assert {401, 422} <= statuses


def test_another_router_is_answered_alike(closed: LoudService) -> None:
    """What another edge adds may raise any error of Segue, and finds the service."""
    router = APIRouter()

    @router.get("/other")
    async def other() -> None:
        raise Busy("not now", under_way="something")

    app = build(closed)
    assert app.state.service is closed
    app.include_router(router)
    with serving(app) as address:
        answer = requests.get(f"{address.url}/other", timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "busy")
