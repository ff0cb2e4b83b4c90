"""What the drills share: their two forms, the recordings, who switches, and what is reported of them."""

import io
import time
from collections.abc import Sequence
from typing import Any

import pytest
import soundfile

from scripts.speech import Samples
from segue.swap import VersionId
from tests.e2e.load import RATE
from tests.e2e.server import Server
from tests.e2e.truth import Switch
from tests.e2e.variants import Variant


def small(size: object, *, timeout_s: int = 120) -> Any:
    """The small form of a test, in ``make test``: seconds."""
    return pytest.param(size, marks=pytest.mark.timeout(timeout_s), id="small")


def full(size: object, *, timeout_s: int = 3600) -> Any:
    """Its full form, in ``make drills``: the same code with the numbers of docs/reliability.md."""
    return pytest.param(size, marks=[pytest.mark.drill, pytest.mark.timeout(timeout_s)], id="full")


def report(what: str, **figures: object) -> None:
    """A line for docs/reliability.md; pytest shows it with -s or -rP."""
    print(f"\n{what}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()), flush=True)


def recordings(track: Samples, count: int, *, seconds: float) -> list[bytes]:
    """As many WAV files from all over the track, of up to so many seconds, all different."""
    found = []
    for number in range(count):
        at, buffer = int(number * (len(track) - seconds * RATE) / count), io.BytesIO()
        samples = int(seconds * RATE * (1 - number % 5 / 10))
        soundfile.write(buffer, track[at : at + samples], RATE, format="WAV")
        found.append(buffer.getvalue())
    return found


class Operator:
    """Who changes what serves, and remembers when."""

    def __init__(self, server: Server) -> None:
        self.done: list[Switch] = []
        self._client = server.client("operator")

    @property
    def serving(self) -> VersionId:
        """What serves now."""
        return self.done[-1].version

    @property
    def took_ms(self) -> Sequence[float]:
        """How long each change took, in order of length."""
        return sorted(1000 * (switch.acknowledged_s - switch.asked_s) for switch in self.done)

    def switch(self, to: Variant) -> None:
        """To this version."""
        self._change("/v1/switch", to.body)
        assert self.serving == to.version

    def rollback(self) -> None:
        """To what served before."""
        self._change("/v1/rollback", {})

    def _change(self, path: str, body: dict[str, Any]) -> None:
        asked_s = time.time()
        version = VersionId(self._client.post(path, body, read_timeout_s=60)["version"])
        self.done.append(Switch(asked_s, time.time(), version))
