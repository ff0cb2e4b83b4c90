"""docs/metrics.md lists exactly what there is."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from segue.edges import tracing
from segue.edges.http.app import build
from segue.edges.metrics.reasons import REASONS
from segue.edges.metrics.router import join
from tests.edges.http.service import loud_service

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
SUFFIX = {"counter": "_total"}


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> CollectorRegistry:
    """That of a service."""
    with loud_service(tmp_path_factory.mktemp("home") / "home") as service:
        return join(build(service), service)


def test_every_metric_is_listed_with_its_type(registry: CollectorRegistry) -> None:
    """All that are exposed, and no other."""
    families = [family for family in registry.collect() if family.name.startswith("segue_")]
    exposed = {family.name + SUFFIX.get(family.type, ""): family.type for family in families}
    listed = re.findall(r"^\| `(segue_[a-z_]+)` \| (\w+) \|", section("Metrics"), re.MULTILINE)
    assert len(listed) == len(dict(listed))
    assert dict(listed) == exposed


def test_every_metric_of_the_process_is_named(registry: CollectorRegistry) -> None:
    """Those that prometheus_client brings."""
    families = [family for family in registry.collect() if family.name.startswith("process_")]
    exposed = {family.name + SUFFIX.get(family.type, "") for family in families}
    assert set(re.findall(r"`(process_[a-z_]+)`", section("Metrics"))) == exposed


def test_its_labels_are_as_they_are_exposed(registry: CollectorRegistry) -> None:
    """``version`` stands for both labels of a version."""
    for name, labels in re.findall(r"^\| `(segue_[a-z_]+)` \| \w+ \| ([^|]*)\|", section("Metrics"), re.MULTILINE):
        listed = set(re.findall(r"`(\w+)`", labels)) | (
            {"model", "version"} if "version," in f"{labels.strip()}," else set()
        )
        known = registry._names_to_collectors.get(name)
        names = getattr(known, "_labelnames", None)
        if names is not None:  # one that is counted; those that are asked for at a scrape are in test_moment.py
            assert set(names) == listed, name


def test_every_reason_is_explained() -> None:
    """Of a way back, in their order."""
    table = section("Metrics").split("| reason | who went back |")[1]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == REASONS


def test_every_alert_is_explained() -> None:
    """In the order of the file, with its severity."""
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    rules = [(rule["alert"], rule["labels"]["severity"]) for group in groups for rule in group["rules"]]
    assert re.findall(r"^\| `(Segue\w+)` \| (\w+): ", section("Alerts"), re.MULTILINE) == rules


def test_every_attribute_of_a_span_is_named() -> None:
    """Those that the program sets."""
    source = Path(tracing.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"\"((?:segue|http)\.[a-z_.]+)\"", source)) <= set(
        re.findall(r"`([a-z_.]+)`", section("Traces"))
    )


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)", PAGE))))
def test_its_links_lead_somewhere(link: str) -> None:
    """The pages and files it names are there."""
    assert (ROOT / "docs" / link).exists()
