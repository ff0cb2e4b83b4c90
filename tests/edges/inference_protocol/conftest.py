"""A service that serves, spoken to by Triton's own client; one for all tests of a module that change nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.http.server import Address
from tests.edges.http.service import LoudService, loud_service, model
from tests.edges.inference_protocol.client import Client, client_of, speaking


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, ``first`` and ``second``."""
    directory = tmp_path_factory.mktemp("models")
    for name in ("first", "second"):
        model(directory, name)
    return directory


@pytest.fixture(scope="module")
def service(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoudService]:
    """``first`` serves."""
    with loud_service(tmp_path_factory.mktemp("home")) as service:
        service.serve(models / "first")
        yield service


@pytest.fixture(scope="module")
def address(service: LoudService) -> Iterator[Address]:
    """Where it answers."""
    with speaking(service) as address:
        yield address


@pytest.fixture
def client(address: Address) -> Iterator[Client]:
    """Triton's client of it."""
    with client_of(address) as client:
        yield client
