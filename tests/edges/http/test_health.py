"""Whether the process answers, and whether a version serves."""

from pathlib import Path

import requests

from tests.edges.http.service import answering, loud_service


def test_a_process_is_alive_before_it_is_ready(tmp_path: Path, models: Path) -> None:
    """Alive from the start; ready when a version serves, and named; until then 503 says what it waits for."""
    with loud_service(tmp_path, is_open=False) as service, answering(service) as address:
        assert requests.get(f"{address.url}/livez", timeout=30).json() == {"status": "alive"}
        answer = requests.get(f"{address.url}/readyz", timeout=30)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "not_ready"
        assert answer.json()["error"]["message"] == service.waits_for
        assert int(answer.headers["Retry-After"]) > 0
        version = service.serve(models / "first")
        answer = requests.get(f"{address.url}/readyz", timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"status": "ready", "version": version})
