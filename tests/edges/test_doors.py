"""Who may, route by route, made from the table of routes of the whole service: no new one can be forgotten."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from segue.edges.serve import command as serve
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service, model
from tests.edges.routes import Route, every_route

CONTROL = re.compile(
    r"/v1/(status|history|(switch|rollback|versions|rollouts|follow|changes)(/.*)?)"
    r"|/v2/repository/.*"
)
"""What sees or changes what serves: always by token."""

DETECTION = re.compile(
    r"/v1/(detect|serving|stream|vad|realtime)"
    r"|/v2(/models/.*)?"
    r"|/metrics|/docs(/.*)?|/openapi\.json|/static-offline-docs(/.*)?"
)
"""What detects, or tells of it: by token unless the service is open."""

ALWAYS = re.compile(
    r"/livez|/readyz|/v2/health/(live|ready)|/v2/models/[^/]+(/versions/[^/]+)?/ready|/|/en|/zh|/page/session"
)
"""Open to everybody: who watches the process, where the page is, and where the token is given for its cookie."""

PAGE = re.compile(r"/[a-z]{2}(-[A-Za-z]+)?/.*|/page/live/.*")
"""The web page: as detection is, but by the cookie; what it asks for goes through its own door (edges/ui/door.py)."""


def doors(route: Route) -> list[str]:
    """The class that it is in, the first that fits; or none."""
    classes = {"always": ALWAYS, "control": CONTROL, "detection": DETECTION, "page": PAGE}
    return [name for name, paths in classes.items() if paths.fullmatch(route.filled)][:1]


@contextmanager
def whole(home: Path, *, is_open: bool) -> Iterator[tuple[LoudService, Address, list[Route]]]:
    """The service as ``segue serve`` builds it, with every edge that is installed; a model serves."""
    (home / "models").mkdir(parents=True)
    with loud_service(home / "home", is_open=is_open) as service:
        service.serve(model(home / "models", "usual"))
        app = serve._build(service)
        serve._page(app, service)
        with serving(app) as address:
            yield service, address, list(every_route(app.routes))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LoudService, Address, list[Route]]]:
    """Detection without the token."""
    with whole(tmp_path_factory.mktemp("open"), is_open=True) as found:
        yield found


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LoudService, Address, list[Route]]]:
    """Nothing without the token but what always is."""
    with whole(tmp_path_factory.mktemp("closed"), is_open=False) as found:
        yield found


def lets_in(address: Address, route: Route, token: str | None) -> bool:
    """Whether it is answered with anything but 401."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    if PAGE.fullmatch(route.filled) and token is not None:
        session = requests.post(f"{address.url}/page/session", json={"token": token}, timeout=30)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in session.cookies.items())}
    if route.method == "WS":
        try:
            url = f"ws://{address.host}:{address.port}{route.filled}"
            with connect(url, additional_headers=headers, origin=Origin(address.url)) as socket:
                if not PAGE.fullmatch(route.filled):
                    return True
                return _said(socket) != "unauthorized"  # the page says why in its own language, on an open socket
        except InvalidStatus as refused:
            return refused.response.status_code != 401
    url = address.url + route.filled
    answer = requests.request(route.method, url, headers=headers, timeout=30, allow_redirects=False)
    assert answer.status_code < 500 or answer.status_code == 503, f"{route}: {answer.status_code}"
    return answer.status_code != 401


def _said(socket: ClientConnection) -> str:
    """The reason of its end, which comes without our saying anything: nothing is asked for."""
    try:
        while True:
            socket.recv(30)
    except ConnectionClosed as closed:
        return closed.rcvd.reason if closed.rcvd else ""


def test_every_route_is_in_a_class(opened: tuple[LoudService, Address, list[Route]]) -> None:
    """A new one fails here until somebody has said who may use it."""
    _, _, routes = opened
    assert len(routes) >= 30
    assert {"WS", "GET", "POST", "DELETE", "PUT"} <= {route.method for route in routes}
    assert [route for route in routes if not doors(route)] == []


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("given", ["none", "wrong", "right"])
def test_every_route_lets_in_whom_it_should(request: pytest.FixtureRequest, is_open: bool, given: str) -> None:
    """Control by the right token alone; detection so too, unless the service is open; the rest whoever asks."""
    service, address, routes = request.getfixturevalue("opened" if is_open else "closed")
    token = {"none": None, "wrong": "w" * 43, "right": service.token}[given]
    for route in routes:
        (door,) = doors(route)
        expected = given == "right" or door == "always" or (door in ("detection", "page") and is_open)
        assert lets_in(address, route, token) is expected, f"{route} ({door}), {given} token, open: {is_open}"


def test_the_token_is_in_no_answer(closed: tuple[LoudService, Address, list[Route]]) -> None:
    """Nor is one that was wrong."""
    service, address, routes = closed
    for route in routes:
        for token in (service.token, "wrong-" * 7):
            if route.method == "WS":
                continue
            headers = {"Authorization": f"Bearer {token}"}
            answer = requests.request(
                route.method, address.url + route.filled, headers=headers, timeout=30, allow_redirects=False
            )
            assert token not in f"{answer.text} {answer.headers}", route
