"""The engines that are loaded: what they take, what came back of those that were, and which are dead."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from segue.errors import VersionNotReady
from segue.service.engine import Engine
from segue.swap import VersionId


class Residents:
    """Engines by version, from their loading to their closing. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below
        self._engines: dict[VersionId, Engine] = {}
        self._returned: dict[VersionId, int] = {}
        self._took: dict[VersionId, int] = {}

    def add(self, engine: Engine) -> Engine:
        """It is loaded; another life of its version may still be."""
        with self._lock:
            self._engines[_version(engine)] = engine
            self._took[_version(engine)] = engine.memory_bytes
        return engine

    def close(self, engine: Engine) -> int:
        """Close it; the bytes that came back."""
        with self._lock:
            if self._engines.get(_version(engine)) is engine:
                del self._engines[_version(engine)]
        returned = engine.close()
        with self._lock:
            self._returned[_version(engine)] = returned
        return returned

    def memory_bytes(self, version: VersionId) -> int | None:
        """What a version takes; None when it is not loaded."""
        with self._lock:
            engine = self._engines.get(version)
        return engine.memory_bytes if engine else None

    def last_bytes(self, version: VersionId) -> int | None:
        """What the last loading of a version took; None when it was never loaded."""
        with self._lock:
            return self._took.get(version)

    def returned_bytes(self, version: VersionId) -> int | None:
        """What the last closing of a version gave back; None when it was never closed."""
        with self._lock:
            return self._returned.get(version)

    def dead(self) -> Mapping[VersionId, str]:
        """Those whose process is over, though nobody closed them, and what became of it."""
        with self._lock:
            engines = dict(self._engines)
        return {version: engine.fate for version, engine in engines.items() if engine.fate}

    def bury(self, fail: Callable[[VersionId, str], object]) -> None:
        """Declare each of the dead failed, so that nobody is sent to it any more; ``Switchboard.fail`` does that."""
        for version, fate in self.dead().items():
            with suppress(VersionNotReady):  # whoever prepares it finds out, or it has failed already
                fail(version, fate)


def _version(engine: Engine) -> VersionId:
    return VersionId(engine.model.version or engine.model.digest)
