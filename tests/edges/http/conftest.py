"""A service that serves, and its address; one for all tests of a module that change nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.http.server import Address
from tests.edges.http.service import LoudService, answering, loud_service, model


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
    with answering(service) as address:
        yield address
