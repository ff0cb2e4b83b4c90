"""The files of a running service in ``SEGUE_HOME``: its lock, its address, its token."""

import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from segue.errors import ServerRunning, StoreError


class Home:
    """One server a home. Raises StoreError when the directory cannot be used."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server = directory / "server.json"

    @property
    def journal(self) -> Path:
        """Where the journal is."""
        return self.directory / "journal.db"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have this home alone, for the length of a block. Raises ServerRunning, naming who has it."""
        with _translated(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.directory / "server.lock", thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise ServerRunning(self._who_has_it()) from None
        try:
            yield
        finally:
            with suppress(OSError):
                self._server.unlink(missing_ok=True)
            lock.release()

    def announce(self, url: str) -> None:
        """Say where the service answers, for the commands on this machine."""
        facts = {"pid": os.getpid(), "url": url, "started_at": time.time()}
        with _translated(self.directory):
            temporary = self._server.with_suffix(".new")
            temporary.write_text(json.dumps(facts) + "\n", encoding="utf-8")
            temporary.replace(self._server)

    def token(self) -> str:
        """The bearer token, made at first use; the file is its owner's alone."""
        path = self.directory / "token"
        with _translated(self.directory):
            if not path.exists():
                _make_token(path)
            token = path.read_text(encoding="utf-8", errors="replace").strip()
        if len(token) < 16:
            raise StoreError(f"{path} holds no token of 16 characters or more: delete it, and another is made")
        return token

    def _who_has_it(self) -> str:
        facts: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            facts = json.loads(self._server.read_text(encoding="utf-8"))
        who = f"process {facts['pid']} at {facts['url']}" if {"pid", "url"} <= facts.keys() else "another process"
        return (
            f"{self.directory} is in use: {who} serves from it; stop that one (segue status shows it), "
            "or set SEGUE_HOME to another directory"
        )


def same(given: str | None, token: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest((given or "").encode(errors="surrogatepass"), token.encode())


def _make_token(path: Path) -> None:
    """There whole or not at all, and the first of those who make it at once is the one that stays."""
    handle, temporary = tempfile.mkstemp(prefix=".token-", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except ServerRunning:
        raise
    except OSError as error:
        raise StoreError(
            f"{directory} cannot be used ({error.strerror or error}): check its rights and the disk, or set SEGUE_HOME"
        ) from error
