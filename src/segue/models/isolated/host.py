"""Any object in a process of its own: named, made there, and called from here by any number of threads."""

import os
import sys
import weakref
from typing import Any

import segue.errors
from segue.errors import InferenceFailed, ModelDied, ModelInvalid, SegueError, one_line
from segue.models.isolated import wire
from segue.models.isolated.process import Process

START_S = 120.0
"""For the process to begin and to load: whole pipelines import a framework, from a cold disk."""

_MOST_ANSWER_BYTES = 2**28
_MOST_LINES = 16


class Host:
    """An object in a process of its own. Safe for threads: as many calls at once as ``lines``, others wait.

    ``loader``: ``module:attribute``, imported there and called with ``arguments``; what it answers is the object.
    Arguments and answers are data (see ``wire.Value``). ``name``: what errors call it. ``most_memory_bytes``: it is
    killed when it takes more. ``start_s``: longest time until it has loaded. Raises ModelInvalid, also when it dies of
    loading; what of our own errors the loader raises; ModelDied where no process can begin. Without ``close`` it ends
    when this object is collected, or this process ends.
    """

    def __init__(
        self,
        loader: str,
        *arguments: wire.Value,
        name: str = "",
        lines: int | None = None,
        most_memory_bytes: int | None = None,
        start_s: float = START_S,
    ) -> None:
        self.name = name or loader
        order = wire.pack({"path": sys.path, "loader": loader, "arguments": arguments})
        lines = lines or min(_MOST_LINES, 2 * (os.cpu_count() or 1) + 2)  # recordings and streams: a thread a core each
        self.process = Process(self.name, lines=lines, most_memory_bytes=most_memory_bytes)
        weakref.finalize(self, self.process.kill, "was let go of")
        try:
            self._load(order, start_s)
        except ModelDied as death:  # of itself: not the loss of a model that worked
            raise ModelInvalid(f"{self.name} cannot be loaded: its process {self.process.fate}") from death
        except BaseException:
            self.process.end()
            raise

    def __repr__(self) -> str:
        return f"<Host {self.name}, {self.process}>"

    def call(self, method: str, /, *arguments: wire.Value, **named: wire.Value) -> wire.Value:
        """``object.method(*arguments, **named)``, there; waits for it without limit, ``process.kill`` ends it.

        Raises ModelDied when the process is over or ends meanwhile, at once; what of our own errors the method raises;
        InferenceFailed for all others; TypeError, ValueError for what cannot be sent.
        """
        packed = wire.pack({"name": method, "arguments": arguments, "named": named})
        line = self.process.take()
        try:
            wire.send(line, packed)
            answer = wire.receive(line, most_body_bytes=_MOST_ANSWER_BYTES)
        except (EOFError, OSError):
            raise self.process.death() from None
        except wire.MalformedFrame as error:
            self.process.kill(f"was killed: it answered {error}")
            raise self.process.death() from None
        except BaseException:  # interrupted: the answer would be taken for that of the next call
            self.process.kill("was killed: a call was interrupted")
            raise
        finally:
            self.process.give(line)
        return self._value(answer, InferenceFailed)

    def close(self) -> int:
        """End the process, and wait until it is gone; how many bytes came back. Calls under way raise ModelDied."""
        returned = self.process.own_bytes
        self.process.end()
        return returned

    def _load(self, order: wire.Packed, start_s: float) -> None:
        control = self.process.control
        control.settimeout(start_s)
        try:
            wire.send(control, order)
            answer = wire.receive(control, most_body_bytes=0)
        except TimeoutError:
            self.process.kill(f"was killed: it had not loaded after {start_s:g} s")
            raise self.process.death() from None
        except (EOFError, OSError):
            raise self.process.death() from None
        except wire.MalformedFrame as error:
            self.process.kill(f"was killed: it answered {error}")
            raise self.process.death() from None
        self._value(answer, ModelInvalid)

    def _value(self, answer: Any, other: type[SegueError]) -> wire.Value:
        """The value of an answer, or the error in it: ours by its name, any else as ``other``."""
        if not isinstance(answer, dict) or not answer.keys() & {"value", "error"}:
            self.process.kill("was killed: it answered what is no answer")
            raise self.process.death()
        if "value" in answer:
            return answer["value"]
        kind, said = one_line(answer["error"])[:80], one_line(answer.get("said", ""))
        ours = getattr(segue.errors, kind, None) if answer.get("ours") else None
        if isinstance(ours, type) and issubclass(ours, SegueError) and not _has_facts(ours):
            raise ours(said)
        raise other(f"{self.name}: {kind}: {said}")


def _has_facts(error: type[SegueError]) -> bool:
    """Whether there is more to such an error than its text."""
    return any("__init__" in vars(base) for base in error.__mro__ if issubclass(base, SegueError))
