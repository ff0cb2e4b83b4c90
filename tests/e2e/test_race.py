"""Many operators at once, who know nothing of each other, beside people who use the service."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.speech import Samples
from tests.e2e.drill import full, recordings, report, small
from tests.e2e.load import FileClients, Live, LiveStreams
from tests.e2e.server import Server, home_with, until
from tests.e2e.truth import Truth
from tests.e2e.variants import Variant, variants

EXPECTED = {
    "switch": {"", "busy", "superseded", "unknown_version", "version_not_ready"},
    "prepare": {"", "busy"},
    "rollback": {"", "busy", "nothing_to_roll_back", "superseded"},
    "delete": {"", "unknown_version", "version_in_use", "illegal_transition"},
}
"""Of each verb: no error, or that somebody else was there first."""


class Operators:
    """Threads of which each does what comes to its mind, until the time is over; ``answers`` counts what came of it."""

    def __init__(self, server: Server, known: list[Variant], *, threads: int, seconds: float) -> None:
        self.answers: Counter[tuple[str, int, str]] = Counter()
        self.unexpected: list[str] = []
        self._server = server
        self._known = known
        self._until_s = time.monotonic() + seconds
        self._headers = {"Authorization": f"Bearer {server.token}"}
        self._lock = threading.Lock()  # guards answers and unexpected
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]

    def run(self) -> None:
        """Until all of them are done."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join(100)
            assert not thread.is_alive(), "an operator was never answered"

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        with requests.Session() as session:
            session.headers.update(self._headers)
            while time.monotonic() < self._until_s:
                self._one(session, chance)

    def _one(self, session: requests.Session, chance: random.Random) -> None:
        verb = chance.choice(("switch", "switch", "switch", "prepare", "rollback", "delete"))
        wanted, method, path = chance.choice(self._known), "POST", f"/v1/{verb}"
        body: dict[str, Any] = {}
        query: dict[str, Any] = {}
        if verb == "switch":
            body = chance.choice((wanted.body, {"version": wanted.version}))
            query = {"queue": "true"} if chance.random() < 0.3 else {}
        elif verb == "prepare":
            path, body = "/v1/versions", wanted.body
        elif verb == "delete":
            method, path, query = "DELETE", f"/v1/versions/{wanted.version}", {"deadline_s": chance.choice((0, 0.2))}
        answer = session.request(method, self._server.url + path, json=body, params=query, timeout=60)
        code = "" if answer.ok else answer.json()["error"]["code"]
        with self._lock:
            self.answers[verb, answer.status_code, code] += 1
            if code not in EXPECTED[verb]:
                self.unexpected.append(f"{verb} {wanted.name}: {answer.status_code} {answer.text}")


@dataclass(frozen=True, slots=True)
class Race:
    """For how long, and how many take part."""

    seconds: float
    operators: int = 10
    clients: int = 4
    streams: int = 4


@pytest.mark.parametrize("size", [small(Race(3)), full(Race(20))])
def test_operators_who_know_nothing_of_each_other(
    size: Race, tmp_path: Path, model_directory: Path, long_speech: Samples
) -> None:
    """Switches, rollbacks, preparations and removals at once: each is done, or told who was first; whoever uses the
    service notices nothing; and in the end all is consistent, over a restart too."""
    home = home_with(tmp_path / "home", model_directory)
    known, files = variants(home, model_directory, tmp_path), recordings(long_speech, 8, seconds=4)
    truth = Truth(known)
    lives = [Live(start_s=5.0 * number, speed=1 + number % 2) for number in range(size.streams)]
    with Server(home, max_resident=2, bake_s=0.5) as server:
        operators = Operators(server, known, threads=size.operators, seconds=size.seconds)
        with (
            FileClients(server, files, [{}], clients=size.clients) as clients,
            LiveStreams(server, lives, long_speech) as streams,
        ):
            until(lambda: streams.all(lambda heard: bool(heard.version)), "all streams are open")
            operators.run()
        assert not operators.unexpected, operators.unexpected[:5]
        for answer in clients.answers:
            truth.check_file(answer, files[answer.number])
        for heard in streams.heard:
            truth.check_stream(heard)
        until(lambda: is_at_rest(server), "nothing is under way, and nothing is held")
        status = server.status()
        with server.client() as client:
            rows = client.get("/v1/history", limit=1000)["entries"]
        assert [row["seq"] for row in rows] == list(range(rows[0]["seq"], rows[0]["seq"] - len(rows), -1))
        done = next(row for row in rows if row["kind"] == "done")
        assert (done["route_text"], done["epoch"]) == (status["route_text"], status["epoch"])
        assert server.terminate() == 0
        server.restart()
        again = server.status()
        assert (again["route_text"], again["back"]) == (status["route_text"], status["back"])
    report(
        f"{size.operators} operators for {size.seconds:g} s",
        requests=len(clients.answers),
        answers=dict(sorted(operators.answers.items())),
    )


def is_at_rest(server: Server) -> bool:
    status = server.status()
    return (
        status["under_way"] is None
        and not any(each["leases"] or each["streams"] for each in status["versions"])
        and status["requests"]["running"] == 0
        and status["journal"]["pending_rows"] == 0
        and {each["state"] for each in status["versions"]} <= {"ready", "closed", "new"}
    )
