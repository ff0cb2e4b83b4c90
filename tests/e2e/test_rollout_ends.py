"""How a rollout ends on a real server: what ``segue rollout --wait`` says of it, and what a kill in the middle does."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.speech import Samples
from segue.errors import ServerRefused
from segue.swap import VersionId
from tests.e2e.drill import Operator, recordings
from tests.e2e.faulty import at_fault, plugged
from tests.e2e.load import Answered
from tests.e2e.releases import Crowd, Release, Users, version_of
from tests.e2e.server import SEGUE, Server, home_with, until
from tests.e2e.truth import Truth, all_history, check_journal
from tests.e2e.variants import Variant, patient, variant

FEW = Crowd(4, 4, 50)


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    return home_with(tmp_path / "home", model_directory)


@pytest.fixture
def good(home: Path) -> Variant:
    return variant("default", "fsmn-vad", home)


def segue(server: Server, *arguments: str) -> "subprocess.Popen[str]":
    """The command line, on this server."""
    return subprocess.Popen(
        [SEGUE, *arguments], env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# -- exit statuses -------------------------------------------------------------------------------------------------


def test_the_exit_status_says_how_it_ended(
    home: Path, good: Variant, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """``segue rollout --wait``: 1 when somebody aborts it, 3 when it is taken back by itself, 0 when it serves all,
    and 1 again for a model that there is not; each says on standard error and output what has happened."""
    directory = patient(model_directory, tmp_path / "bad")
    command = at_fault(directory, "raises")
    bad = variant("raises", directory, home)
    server = Server(home)
    server.environment.update(plugged(tmp_path / "site"))
    with server:
        Operator(server).switch(good)
        users = Users(server, FEW, long_speech, [good, bad])
        with users.at_work():
            begin = ("rollout", bad.model, "--canary", "50", "--wait")
            waiting = segue(server, *begin, "--manual", "--why", "to see")
            until(lambda: users.by(bad) > 0, "it answers")
            aborting = segue(server, "rollout", "abort", "--why", "enough")
            assert "aborted" in aborting.communicate(timeout=30)[0]
            assert aborting.returncode == 0
            out, told = waiting.communicate(timeout=30)
            assert (waiting.returncode, "aborted" in out, "canary 50%: to see; it is ready" in told) == (
                1,
                True,
                True,
            ), told
            waiting = segue(server, *begin)
            until(lambda: bool((server.status()["rollout"] or {}).get("requests")), "it answers again")
            command.give()
            out, told = waiting.communicate(timeout=60)
            assert (waiting.returncode, "taken back" in out) == (3, True), out
            assert "failures in a row on as many inputs that the primary answered" in told
            command.path.unlink()
            quick = ("--step", "0s", "--min-requests", "1", "--bake", "0.5s", "--canary", "")
            waiting = segue(server, *begin, *quick)
            out, told = waiting.communicate(timeout=60)
            assert (waiting.returncode, "done: nothing spoke against it" in told) == (0, True), out + told
            waiting = segue(server, "rollout", str(tmp_path / "nothing"), "--wait")
            out, told = waiting.communicate(timeout=60)
            assert (waiting.returncode, out) == (1, ""), out
            assert len(told.strip().splitlines()) <= 3, told
        users.check(at_fault=[bad])
        assert server.status()["route"]["primary"] == bad.version


# -- kill -9 -------------------------------------------------------------------------------------------------------


def ask(server: Server, truth: Truth, recording: bytes, key: str) -> str:
    """What answers this key; checked."""
    answer = requests.post(f"{server.url}/v1/detect", recording, headers={"X-Segue-Key": key}, timeout=60)
    body: Any = answer.json()
    truth.check_file(Answered(0, {}, 0, 0, answer.status_code, body), recording)
    return version_of(body)


def sides(server: Server, truth: Truth, recording: bytes) -> list[str]:
    """What answers each of twenty keys."""
    return [ask(server, truth, recording, f"caller {number}") for number in range(20)]


@pytest.mark.parametrize("step", ["canary", "bake"])
def test_it_goes_on_at_its_step_after_a_kill_and_is_taken_back_at_the_second(
    step: str, home: Path, good: Variant, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """The first kill -9 costs it its evidence and nothing else: each key keeps its side. The second within ten minutes
    of taking traffic is one too many: at start what served before serves everyone, the history says why, and the third
    changes nothing; another rollout may begin."""
    new = variant("new", patient(model_directory, tmp_path / "new"), home)
    (recording,) = recordings(long_speech, 1, seconds=5)
    truth = Truth([good, new])
    with Server(home) as server:
        Operator(server).switch(good)
        release = Release(server, new, {"canary": [50], "step": "1h", "bake": "1h"})
        if step == "bake":
            with server.client() as client:
                client.post("/v1/rollouts/current/promote")
        before = sides(server, truth, recording)
        assert set(before) == ({good.version, new.version} if step == "canary" else {new.version})
        server.kill()
        server.restart()
        found = Release.of(server, release.id).now
        assert (found["phase"], found["share"], found["is_over"]) == (step, 0.5 if step == "canary" else 0.0, False)
        assert found["requests"] == 0
        assert sides(server, truth, recording) == before
        if step == "canary":
            with pytest.raises(ServerRefused, match="is under way"):
                Release(server, new, {})
        server.kill()
        server.restart()
        status = server.status()
        assert (status["route"]["primary"], status["route"]["canary"], status["rollout"]) == (good.version, None, None)
        assert set(sides(server, truth, recording)) == {good.version}
        told = segue(server, "history").communicate(timeout=30)[0]
        assert "ended twice soon after it took traffic" in " ".join(told.split()), told
        check_journal(home / "journal.db")
        server.kill()
        server.restart()
        assert VersionId(server.status()["route"]["primary"]) == good.version
        assert Release(server, new, {"canary": [50]}).now["phase"] == "canary"


def test_a_clean_end_is_no_crash(
    home: Path, good: Variant, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """Killed once, and then ended in order again and again: the rollout goes on at its step each time."""
    new = variant("new", patient(model_directory, tmp_path / "new"), home)
    (recording,) = recordings(long_speech, 1, seconds=5)
    with Server(home) as server:
        Operator(server).switch(good)
        release = Release(server, new, {"canary": [50], "step": "1h"})
        before = sides(server, Truth([good, new]), recording)
        server.kill()
        server.restart()
        for _ in range(2):
            assert server.terminate() == 0
            server.restart()
            assert Release.of(server, release.id).now["phase"] == "canary"
        assert sides(server, Truth([good, new]), recording) == before
        numbers = [row["seq"] for row in all_history(server)]
        assert numbers == list(range(len(numbers), 0, -1))
