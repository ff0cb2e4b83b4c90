"""Who may read the documentation."""

from collections.abc import Iterator

import pytest
import requests

from tests.edges.http.server import Address
from tests.edges.http.service import LoudService, answering, loud_service

ALL = ("/docs", "/openapi.json", "/docs/oauth2-redirect", "/static-offline-docs/swagger-ui.css")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoudService]:
    """Closed."""
    with loud_service(tmp_path_factory.mktemp("home"), is_open=False) as closed:
        yield closed


@pytest.fixture(scope="module")
def address(service: LoudService) -> Iterator[Address]:
    """Where it answers."""
    with answering(service) as answers:
        yield answers


@pytest.mark.parametrize("path", ALL)
def test_where_detection_is_closed_it_is_closed(service: LoudService, address: Address, path: str) -> None:
    """With the token as a bearer, or as the password that a browser asks for, it is there; else 401 asks for it."""
    for given in (None, ("any", "wrong"), (service.token, "")):
        answer = requests.get(address.url + path, auth=given, timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.headers["X-Request-ID"] == answer.json()["error"]["request_id"]
    assert requests.get(address.url + path, auth=("any", service.token), timeout=30).status_code == 200
    bearer = {"Authorization": f"Bearer {service.token}"}
    assert requests.get(address.url + path, headers=bearer, timeout=30).status_code == 200


@pytest.mark.parametrize("given", ["Basic", "Basic !", "Basic /w==", "Digest x", "Basic \xe9", "\xff"])
def test_what_is_no_password_opens_nothing(address: Address, given: str) -> None:
    """Nor breaks anything."""
    with address.raw() as connection:
        connection.ask("GET", "/docs", authorization=given)
        assert connection.answer().status == 401


def test_the_password_is_for_the_documentation_alone(service: LoudService, address: Address) -> None:
    """Browsers send it along unasked: what changes something, or detects, does not take it."""
    for path in ("/v1/status", "/v1/serving"):
        assert requests.get(address.url + path, auth=("any", service.token), timeout=30).status_code == 401
