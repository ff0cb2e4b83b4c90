"""What the drills of rollouts share: who uses the service meanwhile, and a rollout as whoever began it sees it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scripts.speech import Samples
from tests.e2e.drill import recordings
from tests.e2e.load import FileClients, Live, LiveStreams
from tests.e2e.server import START_S, Server, until
from tests.e2e.truth import Truth, all_history, check_journal
from tests.e2e.variants import Variant

POLICIES: Sequence[Mapping[str, str]] = ({}, {"policy": "at-silence"}, {"policy": "pin"}, {"probabilities": "true"})


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many use the service, and the share of a canary, in percent."""

    clients: int
    streams: int
    share: float


# -- who uses it ---------------------------------------------------------------------------------------------------


class Users:
    """File clients and live streams, and what they saw, held against the versions that they were told of."""

    def __init__(
        self,
        server: Server,
        crowd: Crowd,
        speech: Samples,
        versions: Sequence[Variant],
        *,
        seconds: float = 9,
        key: Callable[[int, int], str] | None = None,
    ) -> None:
        self.server = server
        self.truth = Truth(versions)
        self._files = recordings(speech, 8, seconds=seconds)
        self.clients = FileClients(server, self._files, ({},), clients=crowd.clients, key=key or conversation)
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
        return sum(version_of(answer.body) == version.version for answer in self.clients.answers)

    @property
    def slowest_s(self) -> float:
        """Of all answers."""
        return max(answer.ended_s - answer.began_s for answer in self.clients.answers)


def conversation(client: int, request: int) -> str:
    """Four requests of a client are of one conversation, which has a key; every third client sends none."""
    return f"caller {client}, conversation {request // 4}" if client % 3 else ""


def _lives(first: int, last: int) -> list[Live]:
    return [
        Live({"key": f"line-{n}", **POLICIES[n % len(POLICIES)]}, chunk_ms=(200, 100, 60)[n % 3], start_s=7.3 * n)
        for n in range(first, last)
    ]


def version_of(body: Any) -> str:
    return str(body["model"]["version"]) if isinstance(body, dict) and "model" in body else ""


# -- who releases --------------------------------------------------------------------------------------------------


class Release:
    """A rollout on the server."""

    def __init__(self, server: Server, wanted: Variant, plan: Mapping[str, object]) -> None:
        self._client = server.client("releaser")
        self.id = self._client.post("/v1/rollouts", wanted.body | {"plan": dict(plan)}, read_timeout_s=START_S)["id"]

    @classmethod
    def of(cls, server: Server, rollout_id: str) -> "Release":
        """One that was begun, on a server that was started again maybe."""
        release = cls.__new__(cls)
        release._client, release.id = server.client("releaser"), rollout_id
        return release

    @property
    def now(self) -> dict[str, Any]:
        """As it is reported."""
        found: dict[str, Any] = self._client.get(f"/v1/rollouts/{self.id}")
        return found

    def end(self, *, deadline_s: float) -> dict[str, Any]:
        """As it ends."""
        until(lambda: bool(self.now["is_over"]), f"{self.id} is over", deadline_s=deadline_s)
        return self.now


def ended_at(server: Server, rollout_id: str) -> float:
    """When the version before it served everyone again, seconds since 1970: the row of the journal."""
    rows = all_history(server)
    over = next(at for at, row in enumerate(rows) if row["verb"] == "end" and rollout_id in row["what"])
    return float(next(row["at"] for row in rows[over:] if row["kind"] == "done"))
