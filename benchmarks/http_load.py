"""Clients of a file service, threads of a process of their own, each on one connection that it keeps.

python -m benchmarks.http_load < order.json > sent.json; from Python ``Load(order).result()``.
"""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, count, takewhile

from benchmarks.table import ROOT

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to send. With a ``rate`` (requests a second of all clients together) at random moments, as independent
    callers do; without, each client sends the next as soon as it is answered."""

    port: int
    path: str
    bodies: Sequence[str]
    """Paths of files, sent in turn."""
    clients: int
    seconds: float
    rate: float | None = None
    seed: int = 0

    def due(self) -> Iterator[float]:
        """When each request is due, in seconds from the start; all at once where there is no rate."""
        if self.rate is None:
            return iter(lambda: 0.0, None)
        chance = random.Random(self.seed)
        gaps = (chance.expovariate(self.rate) for _ in count())
        return takewhile(lambda due_s: due_s < self.seconds, accumulate(gaps))


@dataclass(frozen=True, slots=True)
class Sent:
    """One request; seconds on ``time.monotonic``, which is one clock for all processes."""

    number: int
    """Which it was: it had body ``number`` modulo their count."""
    due_s: float
    """When it ought to have been sent; ``sent_s`` where no rate is kept."""
    sent_s: float
    answered_s: float
    status: int
    """0 when the connection broke."""
    answer: str
    """Kept of the first with each body, and of every one that is not 200."""

    @property
    def latency_s(self) -> float:
        """As the caller saw it: a client that was not free is waited for too."""
        return self.answered_s - self.due_s


class Load:
    """The process that sends."""

    def __init__(self, order: Order) -> None:
        command = [sys.executable, "-m", "benchmarks.http_load"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asdict(order)))
        self._process.stdin.close()
        self._process.stdin = None

    def result(self) -> list[Sent]:
        """All requests, when it is done."""
        said, _ = self._process.communicate()
        if self._process.returncode:
            raise subprocess.CalledProcessError(self._process.returncode, self._process.args)
        return [Sent(*fields) for fields in json.loads(said)]


class Clients:
    """The threads: what is due next, and what was sent, under one lock."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._bodies = [_read(path) for path in order.bodies]
        self._turns = enumerate(order.due())
        self._sent: list[Sent] = []
        self._lock = threading.Lock()  # guards _turns and _sent

    def run(self) -> list[Sent]:
        """Send for so long."""
        self._start_s = time.monotonic()
        threads = [threading.Thread(target=self._client) for _ in range(self._order.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self._sent

    def _client(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._order.port, timeout=TIMEOUT_S)
        while time.monotonic() < self._start_s + self._order.seconds:
            with self._lock:
                number, due_s = next(self._turns, (None, 0.0))
            if number is None:
                break
            time.sleep(max(0.0, self._start_s + due_s - time.monotonic()))
            sent = self._send(connection, number, self._start_s + due_s)
            with self._lock:
                self._sent.append(sent)
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, number: int, due_s: float) -> Sent:
        sent_s = time.monotonic()
        try:
            connection.request("POST", self._order.path, self._bodies[number % len(self._bodies)])
            answer = connection.getresponse()
            status, text = answer.status, answer.read().decode()
        except OSError as error:
            status, text = 0, repr(error)
            connection.close()  # the next request opens it again
        first = number < len(self._bodies) or status != 200
        due_s = sent_s if self._order.rate is None else due_s
        return Sent(number, due_s, sent_s, time.monotonic(), status, text if first else "")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def main() -> None:
    """See the top of the file."""
    sent = Clients(Order(**json.load(sys.stdin))).run()
    json.dump([list(asdict(each).values()) for each in sent], sys.stdout)


if __name__ == "__main__":
    main()
