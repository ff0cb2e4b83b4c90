"""A service with its metrics, and how they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from segue.edges.http.app import build
from segue.edges.metrics.router import join
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service


@dataclass(frozen=True)
class Measured:
    """A service that answers, and what its metrics say."""

    service: LoudService
    address: Address

    def text(self) -> str:
        """The whole exposition."""
        answer = requests.get(f"{self.address.url}/metrics", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.text

    def samples(self, name: str) -> dict[tuple[str, ...], float]:
        """Those of a name, by the values of their labels in the order of the labels' names; without a version's."""
        return samples(self.text(), name)


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """As ``Measured.samples``, of an exposition."""
    return {
        tuple(value for label, value in sorted(each.labels.items()) if label not in ("model", "version")): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name == name
    }


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Measured]:
    """Nothing serves yet."""
    with loud_service(tmp_path / "home") as service:
        app = build(service)
        join(app, service)
        with serving(app) as address:
            yield Measured(service, address)
