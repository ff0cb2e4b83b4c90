"""Versions are released on a real server under load: good ones get through by themselves, those at fault are taken
back, and nobody who uses the service notices.

Small forms run with the other tests; ``make drills`` runs the same code with the numbers of docs/reliability.md.
"""

import json
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scripts.speech import Samples
from segue.errors import ServerRefused
from tests.e2e.drill import Operator, full, recordings, report
from tests.e2e.faulty import Command, at_fault, plugged
from tests.e2e.releases import Crowd, Release, Users, ended_at, version_of
from tests.e2e.server import SEGUE, Server, home_with, until
from tests.e2e.truth import all_history
from tests.e2e.variants import Variant, isolated, mute, patient, variant

STALL_S = 2.0


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    return home_with(tmp_path / "home", model_directory)


SMALL, FULL = Crowd(4, 6, 50), Crowd(16, 16, 25)


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

BAKE: Mapping[str, object] = {"canary": [], "bake": "1h"}

CASES = {
    "raises": Case("raises", r"\d+ failures in a row on as many inputs that the primary answered", 5),
    "raises 1 in 10": Case("raises-1-in-10", r"worse by failures: failed|\d+ failures in a row"),
    "nan": Case("nan", "gave a malformed answer", 5),
    "hangs": Case("hangs", "passed its deadline", DEADLINES_S, third=False),
    "hangs, isolated": Case("hangs", "passed its deadline", DEADLINES_S, third=False, is_isolated=True),
    "slow": Case("slow", "worse by latency: latency"),
    "eats, isolated": Case("eats", r"took \d+ MB of memory", is_isolated=True),
    "dies, isolated": Case("dies", "its process was killed by SIGKILL", 5, third=False, is_isolated=True),
    "raises, in its bake time": Case("raises", r"\d+ failures in a row on as many inputs", 5, plan=BAKE),
    "hangs, in its bake time": Case("hangs", "passed its deadline", DEADLINES_S, third=False, plan=BAKE),
}


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
    """In the middle of its canary, or of its bake time: no request fails, no stream breaks, all that was answered is
    right; it is taken back for the right reason, in time, and the journal says when."""
    case, good = CASES[name], variant("default", "fsmn-vad", home)
    bad, command = _bad(case, home, model_directory, tmp_path / "bad")
    server = Server(home, stall_s=STALL_S, isolated_memory_bytes=400_000_000)
    server.environment.update(plugged(tmp_path / "site"))
    with server:
        Operator(server).switch(good)
        users = Users(server, crowd, long_speech, [good, bad])
        with users.at_work():
            release = Release(server, bad, {"canary": [crowd.share], "step": "1h", "bake": "1h", **case.plan})
            until(lambda: users.by(bad) > 3, "it has answered")
            usual_s = users.slowest_s
            with users.late:
                until(lambda: users.late.all(lambda heard: bool(heard.version)), "the other streams are open")
                command.give()
                ended = release.end(deadline_s=120)
                users.are_answered(20)
        figures = users.check(at_fault=[bad])
        times, back_at = command.times(), ended_at(server, release.id)
        assert server.status()["route"]["primary"] == good.version
        assert (ended["phase"], bool(re.search(case.why, ended["outcome"]))) == ("taken back", True), ended["outcome"]
        assert all(
            version_of(answer.body) == good.version for answer in users.clients.answers if answer.began_s > back_at
        )
    since_s = back_at - times[2 if case.third and len(times) > 2 else 0] if times else None
    if case.within_s is not None:
        assert since_s is not None
        assert since_s < case.within_s
    if case.fault == "hangs":
        assert users.slowest_s < usual_s + STALL_S + 1
    report(
        f"A version that {name}" + ("" if case.plan else f", at {crowd.share:g} %"),
        seconds_from_the_third_failure_to_the_rollback="-" if since_s is None else f"{since_s:.2f}",
        failures=len(times),
        **figures,
        slowest_answer_s=f"{users.slowest_s:.2f} (before {usual_s:.2f})",
        why=ended["outcome"],
    )


def test_what_was_switched_to_is_taken_back_alike(
    home: Path, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """A plain switch is watched for its bake time: a version that raises then is taken back, and nobody has noticed."""
    case, good = CASES["raises"], variant("default", "fsmn-vad", home)
    bad, command = _bad(case, home, model_directory, tmp_path / "bad")
    server = Server(home)
    server.environment.update(plugged(tmp_path / "site"))
    with server:
        for wanted in (good, bad):
            Operator(server).switch(wanted)
        users = Users(server, SMALL, long_speech, [good, bad])
        with users.at_work(), users.late:
            until(lambda: users.late.all(lambda heard: bool(heard.version)), "the other streams are open")
            command.give()
            until(lambda: server.status()["route"]["primary"] == good.version, "it is taken back", deadline_s=10)
            users.are_answered(20)
        users.check(at_fault=[bad])
        back = next(row for row in all_history(server) if row["kind"] == "done")
        assert (back["verb"], back["who"]) == ("rollback", "the watch over its bake time")
        assert re.search(case.why.partition(" that")[0], back["why"])
        assert back["at"] - command.times()[2] < 5


# -- what is never wrong enough to fail ----------------------------------------------------------------------------


def test_a_version_that_hears_no_speech_does_not_pass_golden_clips(
    home: Path, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """It is refused, with the figures, before it gets a single request; what serves goes on."""
    good, bad = variant("default", "fsmn-vad", home), variant("mute", mute(model_directory, tmp_path / "mute"), home)
    (tmp_path / "golden").mkdir()
    for number, recording in enumerate(recordings(long_speech, 3, seconds=9)):
        (tmp_path / "golden" / f"{number}.wav").write_bytes(recording)
    with Server(home) as server:
        Operator(server).switch(good)
        users = Users(server, SMALL, long_speech, [good, bad])
        with users.at_work():
            with pytest.raises(
                ServerRefused, match=r"worse by more than 0\.01 on 3 golden clips: F1 0\.000"
            ) as refused:
                Release(server, bad, {"golden": str(tmp_path / "golden"), "canary": [50]})
            users.are_answered(10)
        users.check()
        assert refused.value.code == "golden_failed"
        assert users.by(bad) == 0
        assert server.status()["rollout"] is None


@pytest.mark.parametrize("crowd", [pytest.param(SMALL, id="small"), full(FULL)])
def test_a_version_that_hears_no_speech_is_taken_back_where_a_bound_is_set(
    crowd: Crowd, home: Path, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """From the copies, before anybody was answered by it."""
    good, bad = variant("default", "fsmn-vad", home), variant("mute", mute(model_directory, tmp_path / "mute"), home)
    plan = {"shadow": 100, "canary": [crowd.share], "step": "1h", "min_requests": 20, "max_disagreement": 20}
    with Server(home) as server:
        Operator(server).switch(good)
        users = Users(server, crowd, long_speech, [good, bad])
        with users.at_work(), users.late:
            release = Release(server, bad, plan)
            ended = release.end(deadline_s=60)
            users.are_answered(10)
        figures = users.check()
        assert users.by(bad) == 0
    assert ended["phase"] == "taken back"
    assert re.search(r"mirrored requests differ in 100\.0% of their speech; the plan allows 20\.0%", ended["outcome"])
    report("A version that hears no speech, with a bound", seconds=f"{_took_s(ended):.1f}", **figures)


# -- good ones -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """Of a good version, to the end: who uses the service, and the plan."""

    crowd: Crowd
    plan: Mapping[str, object]
    deadline_s: float


QUICK = {"shadow": 100, "canary": [50], "step": "1s", "min_requests": 20, "bake": "2s"}
SLOWLY = {"shadow": 20, "canary": [10, 50], "step": "10s", "bake": "20s"}
WIDE = {"margin_failures": 0.25, "margin_latency": 3}
"""Margins with which a few requests are evidence enough."""


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(Way(Crowd(6, 4, 50), QUICK | WIDE, 60), id="small"),
        full(Way(Crowd(16, 16, 50), {**SLOWLY, "margin_latency": 1.5}, 900)),
    ],
)
def test_a_good_version_gets_through_by_itself(
    way: Way, home: Path, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """``segue rollout --wait`` ends with 0: through copies, the canary's shares and its bake time to everybody; a key
    that has been with it never goes back; and ``segue history`` tells the story."""
    good, new = variant("default", "fsmn-vad", home), variant("new", patient(model_directory, tmp_path / "new"), home)
    (tmp_path / "plan.json").write_text(json.dumps(way.plan), encoding="utf-8")
    with Server(home) as server:
        Operator(server).switch(good)
        users = Users(server, way.crowd, long_speech, [good, new], seconds=2, key=_short_conversation)
        with users.at_work(), users.late:
            command = [SEGUE, "rollout", new.model, "--plan", str(tmp_path / "plan.json"), "--wait", "--json"]
            began_s = time.time()
            ran = subprocess.run(
                command, env=server.environment, capture_output=True, text=True, check=False, timeout=way.deadline_s
            )
            users.are_answered(10)
        figures = users.check()
        assert ran.returncode == 0, ran.stdout + ran.stderr
        ended, history = json.loads(ran.stdout), _history(server)
        assert server.status()["route"]["primary"] == new.version
    assert [stage["phase"] for stage in ended["stages"]] == [
        *("shadow",),
        *("canary" for _ in way.plan["canary"]),  # type: ignore[attr-defined]  # it is a list
        *("bake", "done"),
    ]
    _check_keys(users, good, new)
    for stage in ended["stages"][:-1]:
        assert stage["why"][:30] in history, history
    report(
        f"A good version, by itself, under {way.crowd.clients} clients and {way.crowd.streams} streams",
        seconds=f"{time.time() - began_s:.0f}",
        steps="; ".join(f"{stage['at'] - began_s:.0f} s {stage['phase']} {stage['why']}" for stage in ended["stages"]),
        answered_by_it=users.by(new),
        **figures,
    )


def _short_conversation(client: int, request: int) -> str:
    """Two requests each; every second client sends no key."""
    return f"caller {client}, conversation {request // 2}" if client % 2 else ""


def _check_keys(users: Users, good: Variant, new: Variant) -> None:
    """The answers to a key come from the old version first, and from the new one from some moment on."""
    versions: dict[str, list[str]] = {}
    order: list[str] = [good.version, new.version]
    for answer in sorted(users.clients.answers, key=lambda answer: answer.began_s):
        if answer.key:
            versions.setdefault(answer.key, []).append(version_of(answer.body))
    for key, told in versions.items():
        assert told == sorted(told, key=order.index), f"{key} went back: {told}"


def _history(server: Server) -> str:
    command = [SEGUE, "history", "-n", "100"]
    ran = subprocess.run(command, env=server.environment, capture_output=True, text=True, check=True, timeout=30)
    return " ".join(ran.stdout.split())


def _took_s(ended: Mapping[str, Any]) -> float:
    return float(ended["stages"][-1]["at"] - ended["stages"][0]["at"])
