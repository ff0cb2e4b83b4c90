"""The process that a model has for itself, as seen from outside: how it begins, what it takes, how it ends and why.

Spawned, never forked: nothing of the service is in it, neither memory nor descriptors. It ends with the service,
however that ends: the system kills it (``PR_SET_PDEATHSIG``), and the end of its connections says the same where that
is not known. Signals for the service do not reach it: it has a session of its own, and what it starts goes with it.
"""

import logging
import os
import selectors
import signal
import socket
import threading
import time
from contextlib import suppress

import psutil

from segue.errors import ModelDied
from segue.models.isolated.output import Output
from segue.models.isolated.spawning import spawn

_LOG = logging.getLogger(__name__)

_TICK_S = 0.05
"""How often its memory, and whether it lives, is looked at. Calls under way notice its death by themselves, at once."""

_BURIED_S = 2.0
"""Within which a killed process is gone."""

_POLITE_S = 0.5
"""For a process to end by itself when its connections have; then it is killed."""

_OURS = ("was closed", "was let go of")
"""Ends that nobody need worry about."""


class Process:
    """One process and its lines. Safe for threads. It begins with this object, and ends with ``end`` or ``kill``.

    ``name``: what the log and errors call it. ``lines``: how many calls at once. ``most_memory_bytes``: it is killed
    when it takes more. Raises ModelDied when it cannot begin.
    """

    def __init__(self, name: str, *, lines: int, most_memory_bytes: int | None = None) -> None:
        self.name = name
        self._most_memory_bytes = most_memory_bytes
        # Guards all below; re-entrant because the collector of garbage may come by and kill another, or this.
        self._changed = threading.Condition(threading.RLock())
        self._why = ""  # it ends; the first reason counts
        self._is_over = False  # and was reaped: its ID may be another's by now
        self.control, *self._free = self._begin(lines)
        self._lines = tuple(self._free)
        self._warden = threading.Thread(target=self._watch, name=f"warden of {name}", daemon=True)
        self._warden.start()

    def __repr__(self) -> str:
        return f"<Process {self.pid} of {self.name}: {self.fate or 'alive'}>"

    @property
    def pid(self) -> int:
        """Its ID."""
        return self._child.pid

    @property
    def fate(self) -> str:
        """What became of it, as the rest of a sentence; empty while it lives."""
        return self._why

    @property
    def calls(self) -> int:
        """How many are under way."""
        return len(self._lines) - len(self._free)

    @property
    def resident_bytes(self) -> int:
        """Its memory now; 0 when it is over."""
        with suppress(psutil.Error):
            return 0 if self._is_over else int(psutil.Process(self.pid).memory_info().rss)
        return 0

    @property
    def own_bytes(self) -> int:
        """Of that, what nobody shares: what comes back when it ends."""
        with suppress(psutil.Error):
            return 0 if self._is_over else int(psutil.Process(self.pid).memory_full_info().uss)
        return self.resident_bytes

    # -- lines -----------------------------------------------------------------------------------------------------

    def take(self) -> socket.socket:
        """A line for one call, waiting until one is free. Raises ModelDied."""
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._why)
            if self._why:
                raise self.death()
            return self._free.pop()  # the last one used: its thread is warm

    def give(self, line: socket.socket) -> None:
        """Give it back, the answer read."""
        with self._changed:
            if self._is_over:
                line.close()
            else:
                self._free.append(line)
                self._changed.notify()

    # -- its end ---------------------------------------------------------------------------------------------------

    def death(self) -> ModelDied:
        """The error that says what became of it; a line has ended, or will not be had."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_over, _POLITE_S):
                self.kill("has left its connections")
                self._changed.wait_for(lambda: self._is_over, _BURIED_S)
            return ModelDied(
                f"{self.name}: its process (pid {self.pid}) {self._why}; what it was asked is not answered: "
                "prepare the model again, or use another"
            )

    def kill(self, why: str) -> None:
        """End it now: calls under way raise. Never waits; once is enough."""
        with self._changed:
            self._why = self._why or why
            if not self._is_over:
                with suppress(ProcessLookupError, PermissionError):  # it is ending already
                    os.killpg(self.pid, signal.SIGKILL)
            self._changed.notify_all()

    def end(self) -> None:
        """End it in order, or else by force, and wait until it is gone."""
        with self._changed:
            self._why = self._why or "was closed"
            self._hang_up()
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._is_over, _POLITE_S):
                self.kill("was closed")
                self._changed.wait_for(lambda: self._is_over, _BURIED_S)
        if threading.current_thread() is not self._warden:
            self._warden.join(_BURIED_S)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _begin(self, lines: int) -> list[socket.socket]:
        """The connections of a process that has begun, the control first."""
        pairs = [socket.socketpair() for _ in range(1 + lines)]
        ours, theirs = [mine for mine, _ in pairs], [its for _, its in pairs]
        self._output, output = os.pipe()
        try:
            self._child = spawn([its.fileno() for its in theirs], output)
        except (OSError, RuntimeError) as error:  # no memory, no descriptors; the interpreter ends
            os.close(self._output)
            for connection in ours:
                connection.close()
            raise ModelDied(f"{self.name}: no process can begin: {error}") from error
        finally:
            os.close(output)
            for connection in theirs:
                connection.close()
        return ours

    def _watch(self) -> None:
        """In a thread of its own: hear what it prints, look at its memory, and bury it."""
        output = Output(f"{self.name} (pid {self.pid})", _LOG)
        os.set_blocking(self._output, False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            look_at_s = 0.0
            while True:
                if not selector.get_map():
                    time.sleep(_TICK_S)
                elif selector.select(_TICK_S) and not self._hear(output):
                    selector.unregister(self._output)
                if self._has_ended():
                    break
                if self._most_memory_bytes and time.monotonic() >= look_at_s:
                    self._check_memory(self._most_memory_bytes)
                    look_at_s = time.monotonic() + _TICK_S / 2
        self._bury()
        self._hear(output)
        output.end()
        os.close(self._output)

    def _has_ended(self) -> bool:
        """Without reaping it: until then its ID is nobody else's."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        except ChildProcessError:  # somebody in this process reaps whatever ends
            return True

    def _hear(self, output: Output) -> bool:
        """Read what it printed; whether more may follow."""
        try:
            data = os.read(self._output, 2**16)
        except BlockingIOError:
            return True
        output.take(data)
        return bool(data)

    def _check_memory(self, most_bytes: int) -> None:
        taken = self.resident_bytes
        if taken > most_bytes:
            self.kill(f"was killed: it took {taken / 1e6:.0f} MB of memory, and may take {most_bytes / 1e6:.0f} MB")

    def _bury(self) -> None:
        """It has ended: what it started ends too, and whoever waits for it is woken."""
        with self._changed:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            status = self._child.wait()
            self._why = self._why or _fate(status)
            self._is_over = True
            self._hang_up()
            for connection in (self.control, *self._free):  # those in use are closed when they are given back
                connection.close()
            self._free.clear()
            self._changed.notify_all()
        level = logging.INFO if self._why in _OURS else logging.ERROR
        _LOG.log(level, "%s: its process (pid %d) %s", self.name, self.pid, self._why)

    def _hang_up(self) -> None:
        """Whoever waits for an answer gets the end of the connection."""
        for connection in (self.control, *self._lines):
            with suppress(OSError):  # closed, or not connected any more
                connection.shutdown(socket.SHUT_RDWR)


def _fate(status: int) -> str:
    if status >= 0:
        return f"ended by itself, with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}" + (" (by the system, out of memory, or by hand)" if name == "SIGKILL" else "")
