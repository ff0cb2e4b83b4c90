"""A hub's own client, driven in a child process under our deadlines.

A child process and not a thread: the clients retry for 7 to 30 s and more on their own terms, and a thread cannot be
ended. Killed, the child leaves only files in the staging directory, which is thrown away with it.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segue.errors import DigestMismatch, ModelError, ModelNotFound, OriginUnavailable, StoreError
from segue.hub.layout import Layout
from segue.hub.names import MOVING_NAMES, is_revision
from segue.hub.origin import Fetched, HubRepo, Listing, Progress, said

ANSWER_FACTOR = 10  # a server that took the connection has ten times as long for its first answer

_ROOT = str(Path(__file__).parents[2])  # where ``segue`` is, should the child not find it by itself
_STARTING_S = 1.0  # what a busy machine may add to the connection's deadline
_POLL_S = 3600.0  # poll counts milliseconds in 32 bits
_COUNT_S = 1.0  # how often a download says how far it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """What is to be known of a hub to drive its client."""

    name: str
    module: str  # of this package: what runs in the child (child_events.py says how)
    package: str  # the client's
    extra: str  # of Segue's: what installs the package; empty if the base does
    login: str  # what to do where access is refused
    environment: Callable[[Path, float], Mapping[str, str]]  # of (a scratch directory, the connection's limit in s)

    @property
    def command(self) -> list[str]:
        """What starts the child."""
        script = f"import sys; sys.path.append({_ROOT!r}); from segue.hub import {self.module} as it; it.main()"
        return [sys.executable, "-P", "-c", script]  # -P: nothing of the working directory hides a module


def fetch(
    hub: Hub,
    repo: HubRepo,
    destination: Path,
    *,
    layout: Layout,
    pins: Mapping[str, str],
    connect_timeout_s: float,
    fetch_timeout_s: float,
    progress: Progress,
) -> Fetched:
    """Download the files that matter into ``destination``, an empty directory.

    Raises ModelNotFound (ID or revision), OriginUnavailable, DigestMismatch, ModelIncomplete, StoreError (disk).
    """
    deadline_s = time.monotonic() + fetch_timeout_s
    with _Child(hub, repo, destination, connect_timeout_s=connect_timeout_s) as child:
        endpoint, listing = child.listing(
            repo, destination, names=layout.names, ask_moving=not pins, deadline_s=deadline_s
        )
        files: dict[str, str | None] = listing["files"]
        names = layout.choose(files, pins=pins, where=str(repo))
        total_bytes = sum(listing["sizes"].get(name, 0) for name in names)
        counted = _Count(destination, total_bytes, progress)
        counted.say(f"downloading {', '.join(names)} ({total_bytes / 1e6:.1f} MB) from {repo}")
        child.tell(names)
        for _ in names:
            child.expect("file", repo, deadline_s=deadline_s, waiting=counted)
        child.expect("done", repo, deadline_s=deadline_s)
    return Fetched(
        origin=f"{hub.name} ({endpoint})",
        promised={name: sha256 for name in names if (sha256 := files[name])},
        moving=_is_moving(repo, listing),
        commit=listing["commit"],
    )


def look(
    hub: Hub, repo: HubRepo, scratch: Path, *, layout: Layout, connect_timeout_s: float, timeout_s: float
) -> Listing:
    """What a revision holds now, without any of its files; ``scratch`` is an empty directory. Raises as ``fetch``."""
    deadline_s = time.monotonic() + timeout_s
    with _Child(hub, repo, scratch, connect_timeout_s=connect_timeout_s) as child:
        _, listing = child.listing(repo, scratch, names=layout.names, ask_moving=True, deadline_s=deadline_s)
    files: dict[str, str | None] = listing["files"]
    names = layout.choose(files, pins={}, where=str(repo))
    return Listing({name: files[name] for name in names}, moving=_is_moving(repo, listing), commit=listing["commit"])


def _is_moving(repo: HubRepo, listing: Mapping[str, Any]) -> bool:
    """Whether the revision is a branch; by its name where the hub does not say."""
    moving: bool | None = listing["moving"]
    return repo.revision in MOVING_NAMES if moving is None else moving


class _Count:
    """Says how much of a download is here; the same again when it stands still, for whoever listens may end it."""

    def __init__(self, destination: Path, total_bytes: int, progress: Progress) -> None:
        self._destination = destination
        self._total_bytes = total_bytes
        self._progress = progress
        self._here = 0
        self._line = ""

    def say(self, line: str) -> None:
        """Say it now, and again while nothing else is to be said."""
        self._line = line
        self._progress(line)

    def __call__(self) -> None:
        here = 0
        for path in self._destination.rglob("*"):
            with suppress(OSError):  # moved or gone just now
                here += path.stat().st_size if path.is_file() else 0
        here = min(here, self._total_bytes)
        if here != self._here:
            self._here = here
            self._line = f"{here / 1e6:.1f} of {self._total_bytes / 1e6:.1f} MB"
        self._progress(self._line)


class _Child:
    """The process of a hub's client. Leaving the ``with`` kills it, whatever it does."""

    def __init__(self, hub: Hub, repo: HubRepo, destination: Path, *, connect_timeout_s: float) -> None:
        """Raises OriginUnavailable when the hub's client is not installed."""
        if find_spec(hub.package) is None:
            raise OriginUnavailable(f"{repo}: {hub.name}'s client is not installed: pip install 'segue[{hub.extra}]'")
        self._hub = hub
        self._connect_timeout_s = connect_timeout_s
        self._log = destination / ".client.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                hub.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**hub.environment(destination / ".client", connect_timeout_s), "PYTHONWARNINGS": "ignore"},
            )
        assert self._process.stdout is not None
        self._readable = select.poll()  # not select.select: that takes no descriptor from 1,024 on
        self._readable.register(self._process.stdout, select.POLLIN)
        self._unread = b""

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def listing(
        self, repo: HubRepo, destination: Path, *, names: tuple[str, ...], ask_moving: bool, deadline_s: float
    ) -> tuple[str, dict[str, Any]]:
        """(endpoint, the facts of the listing) of a revision."""
        self.expect("ready", repo, deadline_s=deadline_s)
        self.ask(repo, destination, names=names, ask_moving=ask_moving)  # pinned bytes cannot move
        connected_s = time.monotonic() + self._connect_timeout_s + _STARTING_S
        endpoint = self.expect("connected", repo, deadline_s=min(deadline_s, connected_s))["endpoint"]
        answered_s = time.monotonic() + self._connect_timeout_s * ANSWER_FACTOR
        return endpoint, self.expect("listing", repo, deadline_s=min(deadline_s, answered_s))

    def ask(self, repo: HubRepo, destination: Path, *, names: tuple[str, ...], ask_moving: bool) -> None:
        """Send the request. ``ask_moving``: whether the revision is a branch matters."""
        self.tell(
            {
                "model_id": repo.model_id,
                "revision": repo.revision,
                "names": names,
                "destination": str(destination),
                "connect_timeout_s": self._connect_timeout_s,
                "ask_moving": ask_moving,
            }
        )

    def tell(self, request: object) -> None:
        """Send one line. That nobody reads it shows in the next ``expect``."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def expect(
        self, event: str, repo: HubRepo, *, deadline_s: float, waiting: Callable[[], None] | None = None
    ) -> dict[str, Any]:
        """The next event, which has to be this one; ``waiting`` is called once a second until it comes.

        Raises what a ``failed`` event, silence or a crash means.
        """
        line = self._read_line(deadline_s, waiting)
        if line is None:
            raise OriginUnavailable(f"{repo}: no answer in time (waiting for: {event})")
        if not line:
            last = self._log.read_text(errors="replace").strip().rpartition("\n")[2] or "it said nothing"
            raise OriginUnavailable(f"{repo}: {self._hub.name}'s client could not run: {said(last)}")
        facts: dict[str, Any] = json.loads(line)
        if facts["event"] == "failed":
            raise _failure(self._hub, repo, facts)
        if facts["event"] != event:
            raise OriginUnavailable(f"{repo}: {self._hub.name}'s client said {facts['event']} before {event}")
        return facts

    def _read_line(self, deadline_s: float, waiting: Callable[[], None] | None) -> bytes | None:
        """One line, or None at the deadline, or empty at the end of the process."""
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return None
            if not self._readable.poll(min(left_s, _COUNT_S if waiting else _POLL_S) * 1000):
                if waiting:
                    waiting()
                continue
            more = os.read(self._process.stdout.fileno(), 65536)
            if not more:
                return b""
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line


def _failure(hub: Hub, repo: HubRepo, facts: Mapping[str, Any]) -> ModelError | StoreError:
    reason = said(facts["reason"])
    match facts["kind"]:
        case "model":
            return ModelNotFound(f"{hub.name} has no model {repo.model_id}, or it is private ({hub.login}): {reason}")
        case "revision":
            has = said(", ".join(filter(is_revision, facts["revisions"])) or "none that could be named")
            return ModelNotFound(f"{repo.model_id} has no revision {repo.revision!r} on {hub.name}; it has: {has}")
        case "denied":
            return OriginUnavailable(f"{repo}: access refused ({reason}); {hub.login}")
        case "mismatch":
            return DigestMismatch(f"{repo}: the bytes are not what {hub.name} lists: {reason}")
        case "disk":
            return StoreError(f"the model store cannot take the download: {reason}; free space or set SEGUE_HOME")
        case _:
            return OriginUnavailable(f"{repo}: {reason}")
