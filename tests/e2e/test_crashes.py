"""kill -9 at any moment: what was acknowledged serves again."""

import random
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.speech import Samples
from segue.errors import ServerUnreachable
from segue.swap import VersionId
from tests.e2e.drill import Operator, full, recordings, report, small
from tests.e2e.load import Answered
from tests.e2e.server import Server, home_with, until
from tests.e2e.truth import Truth, check_journal
from tests.e2e.variants import Variant, variants


@pytest.fixture
def home(tmp_path: Path, model_directory: Path) -> Path:
    return home_with(tmp_path / "home", model_directory)


@dataclass(frozen=True, slots=True)
class Kills:
    """How often it is killed inside of a switch, after one, and while it starts again after that; and how soon it must
    be ready each time that it may start."""

    inside: int
    after: int
    starting: int
    ready_s: float


@pytest.mark.parametrize("size", [small(Kills(2, 1, 1, ready_s=6)), full(Kills(25, 15, 10, ready_s=3))])
def test_what_was_acknowledged_serves_again(
    size: Kills, home: Path, model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """A server that is killed at random moments, half of them inside of a switch, some while it starts: it serves the
    route that was acknowledged last, or the one being installed, and answers with it; the journal is whole; it is soon
    ready again."""
    six, chance = variants(home, model_directory, tmp_path), random.Random(0)
    truth, (recording,) = Truth(six), recordings(long_speech, 1, seconds=9)
    inside, after, starting, new, ready_s = 0, 0, 0, 0, list[float]()
    with Server(home, max_resident=3) as server:
        Operator(server).switch(six[0])
        serving = six[0]
        while inside < size.inside or after < size.after:
            wanted = chance.choice([each for each in six if each != serving])
            moment = _MOMENTS[inside % 2] if inside < size.inside else _after
            is_inside = not _switch_and_kill(server, wanted, moment, chance)
            inside, after = inside + is_inside, after + (not is_inside)
            if starting < size.starting:
                starting += 1
                server.start(wait=False)
                time.sleep(chance.uniform(0, 1.5))
                server.kill()
            server.restart()
            ready_s.append(server.ready_s)
            serving = _check(server, truth, recording, [serving, wanted] if is_inside else [wanted])
            new += is_inside and serving is wanted
    report(
        f"kill -9 at {inside + after + starting} moments",
        inside_of_a_switch=inside,
        of_which_the_new_route_served=new,
        after_a_switch=after,
        while_it_started=starting,
        seconds_until_ready=f"{statistics.median(ready_s):.2f} (most {max(ready_s):.2f})",
    )
    assert max(ready_s) < size.ready_s


class _Asked:
    """A switch that was asked for, in a thread of its own."""

    def __init__(self, server: Server, wanted: Variant) -> None:
        self.server = server
        self.is_acknowledged = False
        self.loaded = f"{wanted.version}: warming -> ready"
        self.loaded_before = server.log.count(self.loaded)
        self._operator = Operator(server)
        self._thread = threading.Thread(target=self._run, args=(wanted,))
        self._thread.start()

    def wait(self) -> None:
        """Until it is acknowledged, or the server is gone."""
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self, wanted: Variant) -> None:
        with suppress(ServerUnreachable):
            self._operator.switch(wanted)
            self.is_acknowledged = True


def _while_it_is_prepared(_: _Asked, chance: random.Random) -> None:
    time.sleep(chance.uniform(0, 0.06))  # the random moment is the test itself, here and below


def _while_it_is_installed(asked: _Asked, chance: random.Random) -> None:
    until(lambda: asked.server.log.count(asked.loaded) > asked.loaded_before, "it is loaded")
    time.sleep(chance.uniform(0, 0.001))


def _after(asked: _Asked, chance: random.Random) -> None:
    asked.wait()
    time.sleep(chance.uniform(0, 0.3))


_MOMENTS = (_while_it_is_prepared, _while_it_is_installed)


def _switch_and_kill(
    server: Server, wanted: Variant, moment: Callable[[_Asked, random.Random], None], chance: random.Random
) -> bool:
    """Whether the switch was acknowledged before the end."""
    asked = _Asked(server, wanted)
    moment(asked, chance)
    server.kill()
    asked.wait()
    return asked.is_acknowledged


def _check(server: Server, truth: Truth, recording: bytes, possible: Sequence[Variant]) -> Variant:
    """What serves is one of these, ready, and answers right; the journal is whole."""
    status = server.status()
    primary = VersionId(status["route"]["primary"])
    served = {each.version: each for each in possible}
    assert primary in served, f"{primary} serves, and not {' or '.join(served)}"
    (state,) = {each["state"] for each in status["versions"] if each["role"] == "primary"}
    assert state == "ready"
    assert status["journal"]["notice"] == ""
    with server.client() as client:
        body = client.detect(recording)
    truth.check_file(Answered(0, {}, 0, 0, 200, body), recording)
    assert body["model"]["version"] == primary
    check_journal(server.home / "journal.db")
    return served[primary]
