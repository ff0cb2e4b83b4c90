"""An hour, and nothing gives: half load, a change every ten seconds, a disk that fails, and processes killed.

``make soak`` (``SOAK_S=600 make soak`` for ten minutes); its small form runs with the other tests.
"""

import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from scripts.speech import Samples
from segue.errors import ServerRefused
from segue.swap import VersionId
from tests.e2e import disk
from tests.e2e.drill import full, recordings, report, small
from tests.e2e.load import RATE, FileClients, Heard, Live, LiveStreams
from tests.e2e.server import Server, home_with, until
from tests.e2e.truth import Truth, all_history, check_journal
from tests.e2e.variants import Variant, isolated, variant, variants
from tests.e2e.watch import Watch, isolated_processes

ASKS: Sequence[Mapping[str, str]] = (
    {},
    {"mode": "dynamic"},
    {"probabilities": "true"},
    {"max_end_silence_time": "600"},
)
POLICIES: Sequence[Mapping[str, str]] = (
    {},
    {"policy": "at-silence"},
    {"policy": "at-silence", "deadline_s": "2"},
    {"policy": "pin", "deadline_s": "20"},
    {"mode": "dynamic"},
    {"probabilities": "true"},
)


@dataclass(frozen=True, slots=True)
class Soak:
    """``seconds`` and ``steps`` are what it takes at the least, ``every_s`` from one change to the next, ``look_s`` of
    looks at the process; a crowd stays for ``stay_s``, after ``measured_s`` in which it is measured what the service
    bears; ``faults`` of the disk come one after the other each time."""

    seconds: float
    steps: int
    every_s: float
    look_s: float
    stay_s: float
    measured_s: float
    clients: int
    streams: int
    faults: int


LONG_S = float(os.environ.get("SOAK_S", "120"))
LONG = Soak(LONG_S, 24, every_s=10, look_s=10, stay_s=300, measured_s=8, clients=8, streams=12, faults=1)
SHORT = Soak(8, 6, every_s=0.5, look_s=0.5, stay_s=60, measured_s=0.5, clients=4, streams=6, faults=4)


@pytest.mark.parametrize("size", [small(SHORT, timeout_s=300), full(LONG, timeout_s=int(LONG_S) + 1800)])
def test_nothing_gives(size: Soak, tmp_path: Path, model_directory: Path, long_speech: Samples) -> None:
    """At half load, with a change every few seconds among versions here and in processes of their own, while the disk
    fails and such processes are killed: no request fails, no stream breaks, all is as the version that answered makes
    it, a change is refused only while the disk is at fault, and memory, descriptors and threads stay as they are."""
    home = tmp_path / "home"
    with disk.small_disk(home) as own_disk:
        versions = _versions(home_with(home, model_directory), model_directory, tmp_path)
        files, faults = recordings(long_speech, 12, seconds=9), disk.faults(own_disk=own_disk)
        with Server(home, max_resident=4, bake_s=3 * size.every_s) as server:
            operator = Operator(server, versions, faults, size)
            users = Users(server, size, files, Truth(versions), long_speech)
            with Watch(server, size.look_s) as watch:
                users.use(operator, watch)
            users.done()
            until(lambda: not any(each["leases"] for each in server.status()["versions"]), "all leases are back")
            until(lambda: not server.status()["journal"]["pending_rows"], "the journal is written")
            rows = all_history(server)
            check_journal(home / "journal.db")
            report(
                f"A soak of {size.seconds:g} s",
                **operator.figures,
                **users.figures,
                taken_back_by_itself=sum(row["verb"] == "fall back" and row["kind"] == "done" for row in rows),
                rows=len(rows),
            )
            watch.check()
            problems = [*operator.problems, *users.problems]
            assert not problems, f"{len(problems)} things went wrong, the first: " + "\n".join(problems[:5])
            assert operator.kills
            assert set(operator.faults_done) == set(faults)


def _versions(home: Path, model_directory: Path, folder: Path) -> list[Variant]:
    """Six that run in the server, and three in processes of their own."""
    six = variants(home, model_directory, folder)
    return [*six, *map(isolated, (six[0], six[3], variant("brisk", "fsmn-vad", home, max_end_silence_time=500)))]


# -- who changes what serves, and does harm ------------------------------------------------------------------------


class Operator:
    """Six steps, again and again: two plain changes, one while the disk is at fault, one to a process that is then
    killed, a plain one, a way back. In every second fault a process is killed too."""

    def __init__(
        self, server: Server, versions: Sequence[Variant], faults: Mapping[str, disk.Fault], size: Soak
    ) -> None:
        self.problems: list[str] = []
        self.faults_done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.kills = 0
        self.superseded = 0
        self._server = server
        self._client = server.client("operator")
        self._versions = versions
        self._faults = list(faults.items())
        self._size = size
        self._pause_s = size.every_s / 2
        self._chance = random.Random(0)
        self.steps = 0
        self._took_ms: list[float] = []

    @property
    def figures(self) -> Mapping[str, object]:
        """For the report."""
        took_ms = sorted(self._took_ms)
        return {
            "steps": self.steps,
            "changes": len(took_ms),
            "ms_of_a_change": f"{statistics.median(took_ms):.0f} (most {took_ms[-1]:.0f})",
            "faults": dict(self.faults_done),
            "refused_meanwhile": dict(self.refused),
            "processes_killed": self.kills,
            "changes_asked_for_again": self.superseded,
        }

    def step(self) -> None:
        """The next one. Never raises: what is not right is in ``problems``."""
        number, self.steps = self.steps, self.steps + 1
        try:
            match number % 6:
                case 1:
                    self._switch(is_isolated=True)
                case 2:
                    for count in range(self._size.faults):
                        self._while_at_fault(number // 6 * self._size.faults + count)
                case 3:
                    self._switch(is_isolated=True)
                    self._kill()
                case 5:
                    self._change("/v1/rollback", {})
                case _:
                    self._switch()
        except (AssertionError, ServerRefused) as error:
            self.problems.append(f"step {number} at {time.time():.1f}: {error!r}")

    def _while_at_fault(self, count: int) -> None:
        name, fault = self._faults[count % len(self._faults)]
        self.faults_done[name] += 1
        with fault(self._server.home):
            try:
                self._switch()
            except ServerRefused as refused:
                if refused.status == 500:
                    raise
                self.refused[f"{name}: {refused.code}"] += 1
            if count % 2:
                self._kill()
            time.sleep(self._pause_s)  # how long the fault lasts
        self._switch()

    def _switch(self, *, is_isolated: bool = False) -> None:
        """To another version."""
        serving = self._server.status()["route"]["primary"]
        others = [each for each in self._versions if each.version != serving]
        wanted = self._chance.choice([each for each in others if "isolate" in each.options or not is_isolated])
        self._change("/v1/switch", wanted.body)

    def _change(self, path: str, body: dict[str, object]) -> None:
        began_s = time.monotonic()
        try:
            self._client.post(path, body, read_timeout_s=60)
        except ServerRefused as refused:
            if refused.code != "superseded" or not self.kills:
                raise
            self.superseded += 1  # what serves was taken back meanwhile, for its process was killed: asked again
            self._client.post(path, body, read_timeout_s=60)
        self._took_ms.append(1000 * (time.monotonic() - began_s))

    def _kill(self) -> None:
        """kill -9 of a process that a version has for itself; it is gone, and its version known to have failed."""
        children = isolated_processes(self._server)
        if not children:
            return
        time.sleep(self._chance.uniform(0, self._pause_s / 2))  # at any moment
        failed = self._failed()
        with suppress(psutil.NoSuchProcess):  # closed in time
            self._chance.choice(children).kill()
            self.kills += 1
            until(lambda: self._failed() > failed or not isolated_processes(self._server), "it is known", deadline_s=20)

    def _failed(self) -> int:
        return sum(each["state"] == "failed" for each in self._server.status()["versions"])


# -- who uses it ---------------------------------------------------------------------------------------------------


class Users:
    """File clients and live streams, in crowds that come and go; each crowd is checked while the next is there."""

    def __init__(self, server: Server, size: Soak, files: Sequence[bytes], truth: Truth, speech: Samples) -> None:
        self.problems: list[str] = []
        self._server = server
        self._size = size
        self._files = files
        self._truth = truth
        self._speech = speech
        self._in_processes = {each for each, known in truth.variants.items() if "isolate" in known.options}
        self._took_s: list[float] = []
        self._rates: list[float] = []
        self._streams, self._heard_s, self._moves, self._by_processes = 0, 0.0, 0, 0
        self._checker = ThreadPoolExecutor(1)

    @property
    def figures(self) -> Mapping[str, object]:
        """For the report."""
        at = sorted(self._took_s)
        return {
            "files": len(at),
            "files_a_second": f"{min(self._rates):.1f} to {max(self._rates):.1f}",
            "of_which_by_a_process_of_its_own": self._by_processes,
            "ms_of_an_answer": f"{1000 * statistics.median(at):.0f} (p99 {1000 * at[int(0.99 * len(at))]:.0f}, most "
            f"{1000 * at[-1]:.0f})",
            "streams": self._streams,
            "seconds_of_audio_in_streams": round(self._heard_s),
            "changes_of_version_in_streams": self._moves,
        }

    def use(self, operator: Operator, watch: "Watch") -> None:
        """For the whole time, with a step of the operator at its times."""
        end_s = time.monotonic() + self._size.seconds
        with LiveStreams(self._server, self._lives(2), self._speech) as stayers:
            while time.monotonic() < end_s or operator.steps < self._size.steps:
                rate = self._half()
                leave_s = min(end_s, time.monotonic() + self._size.stay_s)
                with (
                    self._clients(self._size.clients, every_s=self._size.clients / rate) as clients,
                    LiveStreams(self._server, self._lives(self._size.streams), self._speech) as streams,
                ):
                    while time.monotonic() < leave_s or operator.steps < self._size.steps:
                        step_s = time.monotonic()
                        operator.step()
                        time.sleep(max(0, step_s + self._size.every_s - time.monotonic()))  # when the next one is due
                self._checker.submit(self._check, clients, streams.heard)
                wrong = [*operator.problems, *self.problems]
                report(
                    "So far",
                    problems=len(wrong),
                    the_last=wrong[-1:],
                    rate=f"{rate:.1f}",
                    **operator.figures,
                    **watch.last,
                )
        self._checker.submit(self._check, None, stayers.heard)

    def done(self) -> None:
        """Wait until all are checked."""
        self._checker.shutdown()

    def _half(self) -> float:
        """Requests a second: half of what it bears now."""
        with self._clients(4) as clients:
            time.sleep(self._size.measured_s)  # the length of the measurement
        self._checker.submit(self._check, clients, [])
        self._rates.append(max(1.0, len(clients.answers) / self._size.measured_s / 2))
        return self._rates[-1]

    def _clients(self, count: int, *, every_s: float = 0) -> FileClients:
        return FileClients(self._server, self._files, ASKS, clients=count, every_s=every_s)

    def _lives(self, count: int) -> list[Live]:
        return [
            Live(
                POLICIES[number % len(POLICIES)],
                chunk_ms=(200, 100, 37, 1000)[number % 4],
                rate=(RATE, RATE, 8_000, RATE, 44_100)[number % 5],
                encoding="float32" if number % 4 == 3 else "pcm16",
                start_s=number * 4.3,
            )
            for number in range(count)
        ]

    def _check(self, clients: FileClients | None, streams: Sequence[Heard]) -> None:
        for answer in clients.answers if clients else ():
            self._took_s.append(answer.ended_s - answer.began_s)
            try:
                self._truth.check_file(answer, self._files[answer.number])
                self._by_processes += VersionId(answer.body["model"]["version"]) in self._in_processes
            except Exception as error:  # noqa: BLE001 -- all that went wrong is told in the end
                self.problems.append(f"a file sent at {answer.began_s:.1f}: {error!r}")
        for heard in streams:
            self._streams += 1
            self._heard_s += heard.sent_samples / heard.live.rate
            try:
                self._moves += self._truth.check_stream(heard, at_fault=self._in_processes)
            except Exception as error:  # noqa: BLE001
                self.problems.append(f"a stream: {str(error)[:2000]}")
