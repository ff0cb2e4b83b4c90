"""``GET /metrics``: who may, in which form, and what is in it."""

from pathlib import Path

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics

from segue.edges.http.app import build
from segue.edges.metrics.router import join
from tests.edges.http.server import serving
from tests.edges.http.service import loud_service, model, recording
from tests.edges.metrics.conftest import Measured


def test_it_is_closed_as_detection_is(tmp_path: Path) -> None:
    """Where detection needs the token, so do the metrics; the answer without it is an error like any other."""
    with loud_service(tmp_path / "home", is_open=False) as service:
        app = build(service)
        join(app, service)
        with serving(app) as address:
            refused = requests.get(f"{address.url}/metrics", timeout=30)
            allowed = requests.get(
                f"{address.url}/metrics", headers={"Authorization": f"Bearer {service.token}"}, timeout=30
            )
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
    assert allowed.status_code == 200
    assert service.token not in allowed.text


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_it_is_in_the_form_that_is_asked_for(measured: Measured, accept: str) -> None:
    """The text that every Prometheus reads, or OpenMetrics."""
    answer = requests.get(f"{measured.address.url}/metrics", headers={"Accept": accept}, timeout=30)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text" if accept else "text/plain")
    if accept:
        assert {"segue_requests", "segue_ready"} <= {family.name for family in open_metrics(answer.text)}  # type: ignore[no-untyped-call]


def test_nothing_of_a_client_is_in_it(measured: Measured, tmp_path: Path) -> None:
    """Neither its key, nor the name of its file, nor a path, nor what it asked for; only that it was answered."""
    measured.service.serve(model(tmp_path, "first"))
    files = {"file": ("private-name.wav", recording(), "audio/wav")}
    headers = {"X-Segue-Key": "private-key", "X-Request-ID": "private-id", "X-Segue-Who": "private-who"}
    answer = requests.post(
        f"{measured.address.url}/v1/detect?probabilities=true", files=files, headers=headers, timeout=30
    )
    assert answer.status_code == 200
    assert measured.samples("segue_requests_total") == {("ok", "recording"): 1}
    assert measured.samples("segue_audio_seconds_total") == {("recording",): 4}
    speech_s = sum(each["end_ms"] - each["start_ms"] for each in answer.json()["segments"]) / 1000
    assert measured.samples("segue_speech_seconds_total") == {("recording",): pytest.approx(speech_s)}
    text = measured.text()
    assert "private" not in text
    assert str(tmp_path) not in text
    assert "127.0.0.1" not in text
