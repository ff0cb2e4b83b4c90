"""The servers that are measured, each a process of its own: Segue's, and the usual design's."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from segue.settings import read_settings

START_S = 60.0
STOP_S = 30.0
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Server:
    """One that listens on this machine."""

    process: subprocess.Popen[bytes]
    port: int
    token: str = ""

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status and the JSON of an answer, with the token, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def cpu_s(self) -> float:
        """CPU seconds so far, those of its children too."""
        process = psutil.Process(self.process.pid)
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        return sum(time.user + time.system for time in times)


def new_home(folder: Path) -> Path:
    """A ``SEGUE_HOME`` in which nothing is but the models that are here already."""
    shutil.copytree(read_settings().home / "models", folder / "models", symlinks=True)
    return folder


def segue_command() -> list[str]:
    """``segue serve`` of this environment, on a port that is free."""
    return [str(Path(sys.executable).with_name("segue")), "serve", "--port", "0"]


@contextmanager
def segue_server(home: Path, **settings: object) -> Iterator[Server]:
    """``segue serve``, ready; ``settings`` such as ``bake_s`` go by the environment."""
    (home / "server.json").unlink(missing_ok=True)  # of the server before
    given = {"SEGUE_HOME": str(home), **{f"SEGUE_{name.upper()}": str(value) for name, value in settings.items()}}
    with _running(segue_command(), home / "serve.log", given) as process:
        yield _started(process, home / "serve.log", lambda: _ready_segue(process, home))


@contextmanager
def usual_design(directory: Path, log: Path, *, ncpu: int | None) -> Iterator[Server]:
    """``benchmarks/peers/usual_design.py``, loaded."""
    script = Path(__file__).with_name("peers") / "usual_design.py"
    command = [sys.executable, "-P", str(script), str(directory), *(("--ncpu", str(ncpu)) if ncpu else ())]
    with _running(command, log, {}) as process:
        yield _started(process, log, lambda: _ready_usual_design(process, log))


@contextmanager
def _running(command: Sequence[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Ended when left. Without this package's limits of threads: a service is measured as it comes."""
    inherited = {name: value for name, value in os.environ.items() if name not in THREADS}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=inherited | environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _started(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], Server | None]) -> Server:
    """Wait until it is ready. Raises RuntimeError, with its last words, when it never is."""
    give_up_s = time.monotonic() + START_S
    while time.monotonic() < give_up_s and process.poll() is None:
        try:
            if server := ready():
                return server
        except (OSError, ValueError, http.client.HTTPException):  # not there yet, or half written
            pass
        time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} is not ready:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _ready_segue(process: subprocess.Popen[bytes], home: Path) -> Server | None:
    said = json.loads((home / "server.json").read_text(encoding="utf-8"))
    token = (home / "token").read_text(encoding="utf-8").strip()
    server = Server(process, urlsplit(said["url"]).port or 0, token)
    return server if server.ask("GET", "/readyz")[0] == 200 else None


def _ready_usual_design(process: subprocess.Popen[bytes], log: Path) -> Server | None:
    said = re.search(r"^http://127\.0\.0\.1:(\d+)$", log.read_text(encoding="utf-8"), re.MULTILINE)
    return Server(process, int(said[1])) if said else None
