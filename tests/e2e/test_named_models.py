"""Names of models that are tricks, to a real server with the token: nothing is read or asked that was not allowed."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.server import Server, home_with
from tests.hub.loopback import Hub, model_files

REFUSED = {(422, "invalid_model_id"), (422, "invalid_plan")}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """The one origin that the server's settings name."""
    with Hub() as running:
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Path:
    """``allowed`` and ``outside`` hold a model each; a link leads from the one to the other."""
    place = tmp_path_factory.mktemp("named")
    for name in ("allowed", "outside"):
        shutil.copytree(model_directory, place / name / "model", symlinks=False)
    (place / "allowed" / "link").symlink_to(place / "outside")
    (place / "allowed" / "file").write_text("no model")
    return place


@pytest.fixture(scope="module")
def server(place: Path, model_directory: Path, hub: Hub) -> Iterator[Server]:
    """A server that may be told of ``allowed``."""
    home = home_with(place / "home", model_directory)
    begun = Server(home, model_directories=place / "allowed", connect_timeout_s=0.5, fetch_timeout_s=5)
    begun.environment |= {"MODELSCOPE_ENDPOINT": hub.endpoint, "MODELSCOPE_CACHE": str(home / "cache")}
    with begun:
        yield begun


def ask(server: Server, method: str, path: str, **body: Any) -> tuple[int, str, str]:
    """Status, code and message."""
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = requests.request(method, server.url + path, json=body, headers=headers, timeout=60)
    error = answer.json().get("error") or {}
    return answer.status_code, error.get("code", ""), error.get("message", "")


def every_way(server: Server, model_id: str) -> set[tuple[int, str]]:
    """What each of the ways to name a model over HTTP answers to this one."""
    ways = (("POST", "/v1/switch"), ("POST", "/v1/versions"), ("POST", "/v1/rollouts"), ("PUT", "/v1/follow"))
    return {ask(server, method, path, model_id=model_id)[:2] for method, path in ways}


@pytest.mark.parametrize(
    "name",
    [
        *("{outside}/model", "{allowed}/link/model", "{allowed}/../outside/model", "/{outside}/model", "/", "/etc"),
        *("{allowed}-other", "{allowed}/link", "/proc/self", "/proc/self/root{outside}/model", "/dev/fd/0"),
        *("../outside/model", "~/model", "~root", "./model", ".", "..", "{allowed}/\0", "{outside}/model@v1"),
        *("file://{outside}/model", "file:/etc", "hf:../../etc", "hf:file:///etc", "modelscope:{outside}/model"),
        *("iic/..", "iic/../..", "iic/%2e%2e", "iic\\..\\x", "iic/\u2024\u2024", "iic\uff0f..\uff0fx", "iic/x\u0000"),
        *(
            "iic/x@../../y",
            "iic/x@v1/../../y",
            "iic/x@/etc",
            "fsmn-vad@../x",
            "iic/x\r\nHost: y",
            "iic/x#y",
            "iic/x?y=z",
        ),
    ],
)
def test_no_name_leads_out_of_what_is_allowed(server: Server, place: Path, hub: Hub, name: str) -> None:
    """Refused at once by every way of naming a model, whether or not anything is there; no origin is asked."""
    hub.requests.clear()
    found = every_way(server, name.format(allowed=place / "allowed", outside=place / "outside"))
    assert found <= REFUSED | {(422, "invalid_parameter"), (400, "bad_request")}
    assert not hub.requests


def test_whether_something_is_there_is_not_told(server: Server, place: Path) -> None:
    """Of what is outside, a directory, a file and nothing are refused in the same words."""
    words = set()
    for outside in (place / "outside" / "model", Path("/etc/passwd"), place / "nowhere"):
        status, code, message = ask(server, "POST", "/v1/switch", model_id=str(outside))
        assert (status, code) == (422, "invalid_model_id")
        words.add(message.replace(str(outside), "X"))
        golden = {"golden": str(outside)}
        assert ask(server, "POST", "/v1/rollouts", model_id="fsmn-vad", plan=golden)[:2] == (422, "invalid_plan")
    assert len(words) == 1


def test_what_is_allowed_is_read(server: Server, place: Path) -> None:
    """A directory there can be served; a file there, and a directory without a model, are told apart."""
    assert ask(server, "POST", "/v1/switch", model_id=str(place / "allowed" / "model"))[0] == 200
    assert ask(server, "POST", "/v1/switch", model_id=str(place / "allowed" / "file"))[:2] == (404, "model_not_found")
    assert ask(server, "POST", "/v1/switch", model_id=str(place / "allowed"))[:2] == (422, "model_incomplete")


@pytest.mark.parametrize("scheme", ["http://{}/iic/x", "https://{}/x", "//{}/x", "ftp://{}", "{}/x", "iic/x@http://{}"])
def test_no_address_is_asked_on_a_callers_word(server: Server, hub: Hub, scheme: str) -> None:
    """An address as a model's name is refused, and nobody connects to it; cloud metadata is one such."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        for host in ("{}:{}".format(*trap.getsockname()), "169.254.169.254"):
            found = every_way(server, scheme.format(host))
            # 169.254.169.254/x can be an owner and a name: the hub is asked, and following it is asking again later.
            assert found <= REFUSED | {(404, "model_not_found")} | ({(200, "")} if scheme == "{}/x" else set())
            assert ask(server, "DELETE", "/v1/follow")[0] == 200
        with pytest.raises(TimeoutError):
            trap.accept()
    assert all(path.startswith("/api/v1/models/") for path in hub.requests)


def test_an_id_reaches_the_origin_of_the_settings_alone(server: Server, hub: Hub) -> None:
    """What an unknown ID asks for comes to the endpoint that the operator set, under the ID's own path."""
    hub.models["iic/known"] = {"v1": model_files()}
    hub.requests.clear()
    assert ask(server, "POST", "/v1/switch", model_id="iic/known", revision="v9")[:2] == (404, "model_not_found")
    assert hub.requests
    assert not hub.strays


def test_a_webhook_needs_the_token(server: Server, place: Path) -> None:
    """It is the one address that a caller may name; without the token nobody can, and no other scheme is taken."""
    plan = {"webhook": "http://127.0.0.1:9/"}
    body = {"model_id": str(place / "allowed" / "model"), "plan": plan}
    assert requests.post(f"{server.url}/v1/rollouts", json=body, timeout=30).status_code == 401
    for address in ("file:///etc/passwd", "gopher://127.0.0.1:9/", "ftp://127.0.0.1/", "/etc/passwd"):
        assert ask(server, "POST", "/v1/rollouts", **body | {"plan": {"webhook": address}})[:2] == (422, "invalid_plan")


def test_the_store_holds_nothing_from_outside(server: Server) -> None:
    """After all that, no link in it leads out of it."""
    store = server.home / "models"
    links = [path for path in store.rglob("*") if path.is_symlink()]
    assert all(os.path.realpath(link).startswith(os.path.realpath(store)) for link in links)
