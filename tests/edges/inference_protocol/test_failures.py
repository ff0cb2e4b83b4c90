"""Errors in the protocol's form."""

from pathlib import Path

from segue.edges.http.errors import STATUS
from segue.edges.inference_protocol.failures import DOCUMENTED
from tests.edges.http.service import loud_service, model
from tests.edges.inference_protocol.client import NAME, post, speaking

TENSOR = {"name": "audio", "shape": [1], "datatype": "FP32", "data": [0.5]}


def test_every_status_is_documented() -> None:
    """All that an error of ours can have."""
    assert set(STATUS.values()) <= DOCUMENTED.keys()


def test_a_model_that_fails_is_told_of(tmp_path: Path) -> None:
    """One line and 500; the next request is answered."""
    with loud_service(tmp_path / "home") as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))

        def fail(_: object) -> None:
            raise ValueError("no\nluck")

        service.on_accept = fail
        body = {"inputs": [TENSOR | {"shape": [16_000], "data": [0.0] * 16_000}]}
        answer = post(address, body)
        assert answer.status_code == 500
        assert answer.json().keys() == {"error"}
        assert "no luck" in answer.json()["error"]
        del service.on_accept
        assert post(address, body).status_code == 200


def test_when_to_come_again_is_said(tmp_path: Path) -> None:
    """Where there is no place: 503 and Retry-After; the protocol's form all the same."""
    with loud_service(tmp_path / "home") as service, speaking(service) as address:
        service.serve(model(tmp_path, "first"))
        service.refuse_new_work()
        answer = post(address, {"inputs": [TENSOR]})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "being stopped" in answer.json()["error"]


def test_the_door_speaks_the_protocol_too(tmp_path: Path) -> None:
    """401 with how to come in."""
    with loud_service(tmp_path / "home", is_open=False) as service, speaking(service) as address:
        answer = post(address, {"inputs": [TENSOR]}, path=f"models/{NAME}/infer")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "Authorization: Bearer" in answer.json()["error"]
