"""The real ``segue serve``, in a process and a ``SEGUE_HOME`` of its own: started, asked, killed, started again."""

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from segue.client import Client
from segue.errors import ServerRefused, ServerUnreachable
from segue.settings import read_settings

SEGUE = str(Path(sysconfig.get_path("scripts")) / "segue")
START_S = 60.0
STOP_S = 45.0
FAULTS = ("Traceback", "a fault in Segue")


def until(condition: Callable[[], bool], what: str, *, deadline_s: float = START_S) -> None:
    """Wait until it holds; AssertionError, saying what did not happen, after the deadline."""
    give_up_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < give_up_s, f"within {deadline_s:g} s it did not happen: {what}"
        time.sleep(0.005)


def home_with(home: Path, model_directory: Path) -> Path:
    """A new ``SEGUE_HOME`` with nothing but a copy of the store that ``model_directory`` is in: no network needed."""
    store = model_directory.parents[1]
    shutil.copytree(store, home / "models", ignore=shutil.ignore_patterns("locks", "staging"))
    return home


class Server:
    """``segue serve --port 0`` on a home; a context manager: ready when entered, stopped by SIGTERM when left.

    ``settings`` such as ``bake_s=1`` go by the environment, and ``arguments`` on the command line. When the block was
    left without an error, the status must have been 0 and the log (of all its processes) without a traceback.
    """

    def __init__(self, home: Path, *arguments: str, **settings: object) -> None:
        self.home = home
        self.log_path = home.with_name(f"{home.name}.log")
        self.url = ""
        self.ready_s = 0.0
        """How long its last start took, from the process to the first 200 of ``/readyz``."""
        self._arguments: Sequence[str] = arguments
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
        wanted = {"page": False, **settings}  # which takes seconds to load: its own tests want it
        given = {f"SEGUE_{name.upper()}": str(value) for name, value in wanted.items()}
        self.environment = inherited | given | {"SEGUE_HOME": str(home)}
        """Of its process, and of commands that are to find it."""
        self._process: subprocess.Popen[bytes] | None = None
        self._began_s = 0.0

    def __repr__(self) -> str:
        return f"<Server {self.url or 'not started'} on {self.home}>"

    # -- its process -----------------------------------------------------------------------------------------------

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """That of the last start."""
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def pid(self) -> int:
        """Of the last start."""
        return self.process.pid

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it listens and is ready. Without ``wait`` it is only begun; see ``wait_ready``."""
        self._began_s = time.monotonic()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [SEGUE, "serve", "--port", "0", *self._arguments], stdout=log, stderr=log, env=self.environment
            )
        if wait:
            self.wait_ready()

    def wait_listening(self) -> None:
        """Wait until it answers, ready or not."""
        until(lambda: self._announced() and self._get("/livez") == 200, f"{self.home} listens")

    def wait_ready(self) -> None:
        """Wait until it is ready."""
        self.wait_listening()
        until(lambda: self._get("/readyz") == 200, f"{self.home} is ready")
        self.ready_s = time.monotonic() - self._began_s

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait(STOP_S)

    def terminate(self) -> int:
        """SIGTERM, and wait until it has ended in order; its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def restart(self) -> None:
        """Start it again on the same home, after ``kill`` or ``terminate``."""
        assert self.process.poll() is not None, "it still runs"
        self.start()

    @property
    def log(self) -> str:
        """What all its processes have said so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def check_log(self) -> None:
        """Assert that no traceback was logged."""
        faults = [line for line in self.log.splitlines() if any(fault in line for fault in FAULTS)]
        assert not faults, f"the log has {faults[0]!r}:\n{self._last_words()}"

    def __enter__(self) -> "Server":
        try:
            self.start()
        except BaseException:
            self._end_now()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            error.add_note(f"the server's last words:\n{self._last_words()}")
            self._end_now()
            return
        try:
            if self.process.poll() is None:
                assert self.terminate() == 0, f"SIGTERM ended it with {self.process.returncode}:\n{self._last_words()}"
        finally:
            self._end_now()
        self.check_log()

    # -- asking it -------------------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """Its bearer token."""
        return (self.home / "token").read_text(encoding="utf-8").strip()

    def client(self, who: str = "test") -> Client:
        """A client with its token; the caller closes it, or not."""
        return Client(self.url, settings=read_settings(), token=self.token, who=who)

    def status(self) -> dict[str, Any]:
        """``GET /v1/status``."""
        with self.client() as client:
            return client.get("/v1/status")

    def switch(self, body: dict[str, Any], **query: object) -> dict[str, Any]:
        """``POST /v1/switch``, waiting for as long as it takes."""
        with self.client() as client:
            return client.post("/v1/switch", body, read_timeout_s=START_S, **query)

    def websocket_url(self, **query: object) -> str:
        """That of ``/v1/stream``."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return f"{self.url.replace('http', 'ws', 1)}/v1/stream?{asked}"

    def _announced(self) -> bool:
        """Whether server.json is of this process; then its address is known."""
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self._last_words()}"
        try:
            said = json.loads((self.home / "server.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if said["pid"] != self.pid:
            return False
        self.url = said["url"]
        return True

    def _get(self, path: str) -> int:
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self._last_words()}"
        try:
            return requests.get(self.url + path, timeout=5).status_code
        except requests.RequestException:
            return 0

    def _last_words(self) -> str:
        return "\n".join(self.log.splitlines()[-40:]) if self.log_path.exists() else "(none)"

    def _end_now(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


__all__ = ["SEGUE", "Server", "ServerRefused", "ServerUnreachable", "home_with", "until"]
