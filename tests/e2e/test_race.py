"""Many operators at once, who know nothing of each other, beside people who use the service."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.speech import Samples
from tests.e2e.drill import full, recordings, report, small
from tests.e2e.load import FileClients, Live, LiveStreams
from tests.e2e.server import Server, home_with, until
from tests.e2e.truth import Truth, all_history, check_journal
from tests.e2e.variants import Variant, variants

EXPECTED = {
    "switch": {"", "busy", "superseded", "unknown_version", "version_not_ready"},
    "prepare": {"", "busy"},
    "rollback": {"", "busy", "nothing_to_roll_back", "superseded"},
    "delete": {"", "unknown_version", "version_in_use", "illegal_transition"},
    "rollout": {"", "busy", "superseded", "version_not_ready", "unknown_version"},
    "switch instead": {"", "busy", "superseded", "unknown_version", "version_not_ready"},
    "canary": {"", "unknown_rollout", "superseded", "version_not_ready"},
    "promote": {"", "unknown_rollout", "superseded", "version_not_ready"},
    "abort": {"", "unknown_rollout", "superseded", "busy"},
    "pause": {"", "unknown_rollout"},
    "resume": {"", "unknown_rollout"},
}
"""Of each verb: no error, or that somebody else was there first."""

CHANGES = ("switch", "switch", "switch", "prepare", "rollback", "delete")
ROLLOUTS = (
    *("rollout",) * 12,
    *("canary",) * 12,
    *("promote", "abort", "pause", "resume", "resume"),
    *("switch", "switch instead", "rollback", "delete"),
)
PLANS: Sequence[Mapping[str, object]] = (
    {"canary": [50], "step": "1h", "bake": "1h"},
    {"shadow": 50, "canary": [10, 90], "step": 0, "bake": 0.1, "min_requests": 1},
    {"canary": [], "bake": 0.3},
)


class Operators:
    """Threads of which each does what comes to its mind, of these ``verbs``, until the time is over.

    Between two each thinks for up to ``pause_s``. ``answers`` counts what came of it.
    """

    def __init__(
        self,
        server: Server,
        known: list[Variant],
        *,
        threads: int,
        seconds: float,
        verbs: Sequence[str] = CHANGES,
        pause_s: float = 0.0,
    ) -> None:
        self.answers: Counter[tuple[str, int, str]] = Counter()
        self.unexpected: list[str] = []
        self._server = server
        self._known = known
        self._verbs = verbs
        self._pause_s = pause_s
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
                time.sleep(self._pause_s * chance.random())

    def _one(self, session: requests.Session, chance: random.Random) -> None:
        verb = chance.choice(self._verbs)
        wanted, method, path = chance.choice(self._known), "POST", f"/v1/{verb}"
        body: dict[str, Any] = {}
        query: dict[str, Any] = {}
        if verb == "switch":
            body = chance.choice((wanted.body, {"version": wanted.version}))
            may_wait = "rollout" not in self._verbs  # for one that nobody ends it would wait an hour
            query = {"queue": "true"} if may_wait and chance.random() < 0.3 else {}
        elif verb == "prepare":
            path, body = "/v1/versions", wanted.body
        elif verb == "delete":
            method, path, query = "DELETE", f"/v1/versions/{wanted.version}", {"deadline_s": chance.choice((0, 0.2))}
        elif verb == "switch instead":
            path, body, query = "/v1/switch", wanted.body, {"abort_rollout": "true"}
        elif verb == "rollout":
            path, body = "/v1/rollouts", wanted.body | {"plan": chance.choice(PLANS)}
        elif verb != "rollback":
            path = f"/v1/rollouts/current/{verb}"
            body = {"percent": chance.randrange(101)} if verb == "canary" else {}
        try:
            answer = session.request(method, self._server.url + path, json=body, params=query, timeout=60)
        except requests.RequestException as error:
            with self._lock:
                self.unexpected.append(f"{verb} {wanted.name}: {error!r}")
            return
        code = "" if answer.ok else answer.json()["error"]["code"]
        with self._lock:
            self.answers[verb, answer.status_code, code] += 1
            if code not in EXPECTED[verb]:
                self.unexpected.append(f"{verb} {wanted.name}: {answer.status_code} {code} {answer.text}")


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


@pytest.mark.parametrize("size", [small(Race(5, operators=6)), full(Race(60, clients=16, streams=16))])
def test_operators_of_rollouts(size: Race, tmp_path: Path, model_directory: Path, long_speech: Samples) -> None:
    """Rollouts are begun, led, ended and passed over at random: whoever uses the service notices nothing; there are
    never two at once; in the end each is over, no lease is out, and the right to change the route is free."""
    home = home_with(tmp_path / "home", model_directory)
    known, files = variants(home, model_directory, tmp_path), recordings(long_speech, 8, seconds=4)
    truth = Truth(known)
    lives = [Live({"key": f"line-{n}"}, start_s=5.0 * n, speed=1 + n % 2) for n in range(size.streams)]
    with Server(home, max_resident=6, bake_s=5) as server:
        operators = Operators(server, known, threads=size.operators, seconds=size.seconds, verbs=ROLLOUTS, pause_s=0.2)
        with (
            FileClients(server, files, [{}], clients=size.clients, key=lambda who, n: f"{who}/{n}") as clients,
            LiveStreams(server, lives, long_speech) as streams,
        ):
            until(lambda: streams.all(lambda heard: bool(heard.version)), "all streams are open")
            operators.run()
        assert not operators.unexpected, [text[:80] for text in operators.unexpected]
        for answer in clients.answers:
            truth.check_file(answer, files[answer.number])
        moves = sum(truth.check_stream(heard) for heard in streams.heard)
        with server.client() as client:
            if server.status()["rollout"]:
                client.post("/v1/rollouts/current/abort")
            until(lambda: is_at_rest(server), "nothing is under way, and nothing is held")
            wanted = next(each for each in known if each.version != server.status()["route"]["primary"])
            begun = client.post("/v1/rollouts", wanted.body | {"plan": PLANS[0]}, read_timeout_s=60)
            client.post(f"/v1/rollouts/{begun['id']}/abort")
        count = _one_after_the_other(server)
        check_journal(home / "journal.db")
    report(
        f"{size.operators} operators of rollouts for {size.seconds:g} s",
        requests=len(clients.answers),
        changes_of_version_in_streams=moves,
        rollouts=count,
        answers=dict(sorted(operators.answers.items())),
    )


def _one_after_the_other(server: Server) -> int:
    """By the journal there are never two trials at once, and each rollout ends once and does nothing after that.

    One that bakes is ended by the first step of the next. How many there were.
    """
    under_way, over = dict[str, str](), set[str]()
    for row in reversed(all_history(server)):
        known = row["evidence"].get("rollout", {}) if row["kind"] in ("done", "note") else {}
        name = known.get("id", "")
        if row["kind"] == "note" and row["verb"] == "end":
            assert name in under_way, f"{name} ends, and was not under way: {row}"
            del under_way[name]
            over.add(name)
        elif name and "plan" in known:
            assert name not in over, f"{name} goes on after its end: {row}"
            others = {phase for other, phase in under_way.items() if other != name}
            assert others <= {"bake"}, f"{name} steps while others are on trial: {under_way}, {row}"
            under_way[name] = known["phase"]
    assert not under_way
    return len(over)


def is_at_rest(server: Server) -> bool:
    status = server.status()
    return (
        status["under_way"] is None
        and not any(each["leases"] or each["streams"] for each in status["versions"])
        and status["requests"]["running"] == 0
        and status["journal"]["pending_rows"] == 0
        and {each["state"] for each in status["versions"]} <= {"ready", "closed", "new"}
    )
