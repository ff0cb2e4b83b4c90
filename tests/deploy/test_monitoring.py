"""deploy/grafana and deploy/prometheus: what they ask for is exposed, and a real Prometheus answers it."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml
from prometheus_client import CollectorRegistry

from segue.edges.http.app import build
from segue.edges.metrics.router import join
from segue.errors import SegueError
from segue.service import StreamAsk
from segue.swap import ModelSpec
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service, model, recording

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "segue.json"
PATIENCE_S = 30.0
EMPTY = {"Memory B"}
"""Of a real model only: these here take none."""
NAME = re.compile(r"\b(?:segue|process)_[a-z_]+\b")
THRESHOLD = re.compile(r"\s(?:>|<|==) [\d.]+\s*$")


def alerts() -> dict[str, str]:
    """Each alert's expression."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def panels() -> dict[str, str]:
    """Each expression of the dashboard, by the titles of their panels."""
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    }


def filled(expression: str) -> str:
    """As Grafana asks it, with All chosen everywhere."""
    return re.sub(r"\$(job|instance|model)\b", ".*", expression.replace("$__rate_interval", "1m"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    """Nothing serves yet."""
    with loud_service(tmp_path / "home") as service:
        yield service


@pytest.mark.parametrize("expression", [*alerts().values(), *panels().values()])
def test_whatever_is_asked_for_is_exposed(service: LoudService, expression: str) -> None:
    """Every metric of every alert and panel has its family on /metrics, before any traffic."""
    assert set(NAME.findall(expression)) - {"process_start"} <= exposed(join(build(service), service))


def exposed(registry: CollectorRegistry) -> set[str]:
    """The names of samples that a registry has or will have."""
    names = set()
    for family in registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + suffix for suffix in suffixes}
    return names


def test_every_panel_asks_the_chosen_source() -> None:
    """By the variable that Grafana fills in at the import; IDs are unique and no panel lies on another."""
    found = dashboard()
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
            assert 'instance=~"$instance"' in target["expr"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
)
def test_prometheus_takes_the_rules(arguments: tuple[str, ...]) -> None:
    """They are valid, and each fires when it should, and not on a service that is well."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("Prometheus is not installed: apt-get install prometheus")
    finished = subprocess.run(
        [promtool, *arguments], cwd=ALERTS.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_a_real_prometheus_answers_everything(service: LoudService, tmp_path: Path) -> None:
    """Of a service under traffic it has a value for every panel, and for what every alert compares; and no error."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("Prometheus is not installed: apt-get install prometheus")
    app = build(service)
    join(app, service)
    with (
        serving(app) as address,
        prometheus(binary, tmp_path, address) as url,
        traffic(service, address, tmp_path) as trial,
    ):
        wanted = {
            **{name: filled(expression) for name, expression in panels().items() if name not in EMPTY},
            **{name: THRESHOLD.sub("", expression) for name, expression in alerts().items()},
        }
        until_s = time.monotonic() + PATIENCE_S
        while wanted:
            assert time.monotonic() < until_s, f"no value of {wanted}"
            wanted = {name: expression for name, expression in wanted.items() if not value_of(url, expression)}
            if all("segue_shadow" in expression for expression in wanted.values()):
                trial.set()
            time.sleep(0.1)
        fired = [name for name, expression in alerts().items() if value_of(url, expression)]
    assert {"SegueAnswersFail", "SegueVersionFails"} <= set(fired)
    assert not {"SegueDown", "SegueNotReady", "SegueMemoryLost", "SegueJournalBehind"} & set(fired)


def value_of(url: str, expression: str) -> list[Any]:
    """What Prometheus answers to an expression at this moment; numbers that are none are no answer."""
    answer = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=10).json()
    assert answer["status"] == "success", (expression, answer)
    return [each for each in answer["data"]["result"] if each["value"][1] != "NaN"]


@contextmanager
def prometheus(binary: str, directory: Path, address: Address) -> Iterator[str]:
    """A Prometheus that scrapes the service often; its address."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = [str(ALERTS)]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"{address.host}:{address.port}"]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = (directory / "prometheus.log").open("wb")
    process = subprocess.Popen(
        [
            binary,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=said,
        stderr=said,
        cwd=directory,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until_s = time.monotonic() + PATIENCE_S
        while not is_ready(url):
            assert process.poll() is None, (directory / "prometheus.log").read_text()
            assert time.monotonic() < until_s
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        said.close()


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=5).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def traffic(service: LoudService, address: Address, directory: Path) -> Iterator[threading.Event]:
    """Of every kind, as long as the block: recordings, streams, failures, changes; then, as the event says, a trial."""
    calls = count(1)
    fails = threading.Event()

    def accept(_: object) -> None:
        if fails.is_set() and next(calls) % 5 == 0:
            raise ValueError("of the test")

    service.on_accept = accept
    named = {"X-Segue-Version": service.serve(model(directory, "first"))}  # no other answers what it fails at
    service.serve(model(directory, "second"))
    service.rollback(who="test").future.result(PATIENCE_S)
    service.serve(directory / "second")
    third = ModelSpec(str(model(directory, "third")))
    plan = {"shadow": 100, "canary": [50], "min_requests": 10_000}
    fails.set()
    over, trial = threading.Event(), threading.Event()

    def work() -> None:
        while not over.is_set():
            for headers in ({}, named):
                requests.post(f"{address.url}/v1/detect", data=recording(), headers=headers, timeout=PATIENCE_S)
            live = service.stream(StreamAsk("b", sample_rate=16_000), lambda _: None)
            for loudness in (0.0, 0.3, 0.0, 0.0):
                live.put(np.full(16_000, loudness, dtype=np.float32))
            live.finish()
            with suppress(SegueError):  # while the trial is under way
                service.switch(ModelSpec(str(directory / "nowhere")), who="test").future.exception(PATIENCE_S)
            if trial.is_set() and fails.is_set():
                fails.clear()  # or the trial would soon be over
                service.rollout(third, plan, who="test").future.result(PATIENCE_S)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield trial
    finally:
        over.set()
        thread.join(PATIENCE_S)
