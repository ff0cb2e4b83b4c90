"""Versions are released on a real server under load: good ones get through by themselves, those at fault are taken
back, and nobody who uses the service notices.

Small forms run with the other tests; ``make drills`` runs the same code with the numbers of docs/reliability.md.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts.speech import Samples
from tests.e2e.drill import Operator, full, recordings, report
from tests.e2e.faulty import Command, at_fault, plugged
from tests.e2e.load import FileClients, Live, LiveStreams
from tests.e2e.server import START_S, Server, home_with, until
from tests.e2e.truth import Truth, all_history, check_journal
from tests.e2e.variants import Variant, isolated, patient, variant

STALL_S = 2.0
POLICIES: Sequence[Mapping[str, str]] = ({}, {"policy": "at-silence"}, {"policy": "pin"}, {"probabilities": "true"})


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    return home_with(tmp_path / "home", model_directory)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many use the service, and the share of a canary, in percent."""

    clients: int
    streams: int
    share: float


SMALL, FULL = Crowd(4, 6, 50), Crowd(16, 16, 10)


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, what is said when it is taken back for it, and how soon that is after the ``third`` time, or the first.

    ``within_s`` None: as soon as there is the evidence.
    """

    fault: str
    why: str
    within_s: float | None = None
    third: bool = True
    is_isolated: bool = False
    plan: Mapping[str, object] = field(default_factory=dict)


DEADLINES_S = 3 * STALL_S + 1
"""Three deadlines, which are of STALL_S at the most, and a second."""

CASES = {
    "raises": Case("raises", r"\d+ failures in a row on as many inputs that the primary answered", 5),
    "raises 1 in 10": Case("raises-1-in-10", r"worse by failures: failed|\d+ failures in a row"),
    "nan": Case("nan", "gave a malformed answer", 5),
    "hangs": Case("hangs", "passed its deadline", DEADLINES_S, third=False),
    "hangs, isolated": Case("hangs", "passed its deadline", DEADLINES_S, third=False, is_isolated=True),
    "slow": Case("slow", "worse by latency: latency"),
    "eats, isolated": Case("eats", r"took \d+ MB of memory", is_isolated=True),
    "dies, isolated": Case("dies", "its process was killed by SIGKILL", 5, third=False, is_isolated=True),
}


# -- who uses it ---------------------------------------------------------------------------------------------------


class Users:
    """File clients and live streams, and what they saw, held against the versions that they were told of."""

    def __init__(self, server: Server, crowd: Crowd, speech: Samples, versions: Sequence[Variant]) -> None:
        self.server = server
        self.truth = Truth(versions)
        self._files = recordings(speech, 8, seconds=9)
        self.clients = FileClients(server, self._files, ({},), clients=crowd.clients, key=_conversation)
        half = crowd.streams // 2
        self.early = LiveStreams(server, _lives(0, half), speech)
        self.late = LiveStreams(server, _lives(half, crowd.streams), speech)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """They use it for the length of the block, but for the ``late`` streams."""
        with self.clients, self.early:
            until(lambda: self.early.all(lambda heard: bool(heard.version)), "the first streams are open")
            self.are_answered(20)
            yield

    def are_answered(self, more: int) -> None:
        """Wait for so many answers more."""
        wanted = len(self.clients.answers) + more
        until(lambda: len(self.clients.answers) >= wanted, "clients are answered")

    def check(self, *, at_fault: Sequence[Variant] = ()) -> Mapping[str, object]:
        """No request has failed, no stream is broken, all that was answered is right, and all leases are back."""
        until(lambda: not self.server.status()["streams"]["open"], "all streams are closed")
        until(lambda: not any(each["leases"] for each in self.server.status()["versions"]), "all leases are back")
        for answer in self.clients.answers:
            self.truth.check_file(answer, self._files[answer.number])
        doomed = {each.version for each in at_fault}
        heard = [each for each in (*self.early.heard, *self.late.heard) if each.messages or each.failure]
        moves = sum(self.truth.check_stream(each, at_fault=doomed) for each in heard)
        check_journal(self.server.home / "journal.db")
        return {"files": len(self.clients.answers), "streams": len(heard), "changes_of_version_in_streams": moves}

    def by(self, version: Variant) -> int:
        """How many recordings it has answered."""
        return sum(_version(answer.body) == version.version for answer in self.clients.answers)

    @property
    def slowest_s(self) -> float:
        """Of all answers."""
        return max(answer.ended_s - answer.began_s for answer in self.clients.answers)


def _conversation(client: int, request: int) -> str:
    """Four requests of a client are of one conversation, which has a key; every third client sends none."""
    return f"caller {client}, conversation {request // 4}" if client % 3 else ""


def _lives(first: int, last: int) -> list[Live]:
    return [
        Live({"key": f"line-{n}", **POLICIES[n % len(POLICIES)]}, chunk_ms=(200, 100, 60)[n % 3], start_s=7.3 * n)
        for n in range(first, last)
    ]


def _version(body: Any) -> str:
    return str(body["model"]["version"]) if isinstance(body, dict) and "model" in body else ""


# -- who releases --------------------------------------------------------------------------------------------------


class Release:
    """A rollout on the server."""

    def __init__(self, server: Server, wanted: Variant, plan: Mapping[str, object]) -> None:
        self._client = server.client("releaser")
        self.id = self._client.post("/v1/rollouts", wanted.body | {"plan": dict(plan)}, read_timeout_s=START_S)["id"]

    @property
    def now(self) -> dict[str, Any]:
        """As it is reported."""
        found: dict[str, Any] = self._client.get(f"/v1/rollouts/{self.id}")
        return found

    def end(self, *, deadline_s: float) -> dict[str, Any]:
        """As it ends."""
        until(lambda: bool(self.now["is_over"]), f"{self.id} is over", deadline_s=deadline_s)
        return self.now


def _ended_at(server: Server, rollout_id: str) -> float:
    """When the version before it served everyone again, seconds since 1970: the row of the journal."""
    rows = all_history(server)
    over = next(at for at, row in enumerate(rows) if row["verb"] == "end" and rollout_id in row["what"])
    return float(next(row["at"] for row in rows[over:] if row["kind"] == "done"))


def _bad(case: Case, home: Path, model_directory: Path, directory: Path) -> tuple[Variant, Command]:
    """Other features and rules than the default's, so that it is seen who has answered; and at fault on command."""
    patient(model_directory, directory)
    command = at_fault(directory, case.fault)
    here = variant(case.fault, directory, home)
    return (isolated(here) if case.is_isolated else here), command


# -- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crowd", [pytest.param(SMALL, id="small"), full(FULL)])
@pytest.mark.parametrize("name", CASES)
def test_a_version_at_fault_is_taken_back_and_nobody_has_noticed(
    name: str, crowd: Crowd, home: Path, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """In the middle of its canary: no request fails, no stream breaks, all that was answered is right; it is taken
    back for the right reason, in time, and the history says so."""
    case, good = CASES[name], variant("default", "fsmn-vad", home)
    bad, command = _bad(case, home, model_directory, tmp_path / "bad")
    server = Server(home, stall_s=STALL_S, isolated_memory_bytes=400_000_000)
    server.environment.update(plugged(tmp_path / "site"))
    with server:
        Operator(server).switch(good)
        users = Users(server, crowd, long_speech, [good, bad])
        with users.at_work():
            release = Release(server, bad, {"canary": [crowd.share], "step": "1h", **case.plan})
            until(lambda: users.by(bad) > 3, "it has answered")
            usual_s = users.slowest_s
            with users.late:
                until(lambda: users.late.all(lambda heard: bool(heard.version)), "the other streams are open")
                command.give()
                ended = release.end(deadline_s=120)
                users.are_answered(20)
        figures = users.check(at_fault=[bad])
        times, back_at = command.times(), _ended_at(server, release.id)
        assert server.status()["route"]["primary"] == good.version
        assert (ended["phase"], bool(re.search(case.why, ended["outcome"]))) == ("taken back", True), ended["outcome"]
        assert all(
            _version(answer.body) == good.version for answer in users.clients.answers if answer.began_s > back_at
        )
    since_s = back_at - times[2 if case.third and len(times) > 2 else 0] if times else None
    if case.within_s is not None:
        assert since_s is not None
        assert since_s < case.within_s
    if case.fault == "hangs":
        assert users.slowest_s < usual_s + STALL_S + 1
    report(
        f"A version that {name}, at {crowd.share:g} %",
        seconds_from_the_third_failure_to_the_rollback="-" if since_s is None else f"{since_s:.2f}",
        failures=len(times),
        **figures,
        slowest_answer_s=f"{users.slowest_s:.2f} (before {usual_s:.2f})",
        why=ended["outcome"],
    )
