"""A stand-in for a running service: it speaks as one does, and what it says is set by the test."""

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from click import unstyle
from click.testing import CliRunner, Result

from segue.edges.cli import root
from tests.client.loopback import Asked, Loopback, Says, refusal

TOKEN = "token-of-the-stand-in"
FSMN = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"
FIRST, SECOND, TUNED = "v6cadc83c", "v0f9a2b7e", "v6cadc83c-1f09b2"


def version(name: str = FIRST, **other: Any) -> dict[str, Any]:
    """A version that serves, unless ``other`` says otherwise."""
    return {
        "version": name,
        "model": {"id": FSMN, "revision": "v2.0.4", "digest": name[1:] + "0" * 56},
        "options": {},
        "state": "ready",
        "role": "",
        "share": 0.0,
        "leases": 0,
        "streams": 0,
        "stranded": 0,
        "bake_left_s": None,
        "failure": "",
        "incarnation": 1,
        "memory_bytes": None,
        "rate_per_s": 0.0,
        "p50_ms": None,
        "p99_ms": None,
        "errors": 0,
        "requests": 0,
        **other,
    }


def primary(name: str = FIRST, **other: Any) -> dict[str, Any]:
    """One that serves, with figures as they are."""
    of_it = {"role": "primary", "share": 1.0, "leases": 3, "streams": 12, "memory_bytes": 120_400_000, "requests": 1234}
    return version(name, **{**of_it, "rate_per_s": 8.31, "p50_ms": 12.3, "p99_ms": 40.08, **other})


def status(*versions: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    """Of a service at peace."""
    return {
        "segue": "0.1.0",
        "pid": 4242,
        "started_at": 1_760_000_000.0,
        "uptime_s": 11_520.0,
        "ready": True,
        "epoch": 7,
        "route": {"primary": FIRST, "canary": None, "canary_share": 0.0, "shadow": None},
        "route_text": FIRST,
        "back": [],
        "under_way": None,
        "memory_bytes": 312_000_000,
        "journal": {"path": "journal.db", "pending_rows": 0, "notice": ""},
        "streams": {"open": 12, "elsewhere": 0},
        "requests": {"running": 3, "waiting": 0, "refused": 0},
        "versions": list(versions or (primary(),)),
        **other,
    }


def change(verb: str = "switch", *, at: int = 0, **other: Any) -> dict[str, Any]:
    """A change that has come so far: ``at`` steps, and running."""
    steps = [
        {"step": "fetch", "detail": "", "at_s": 0.0},
        {"step": "fetch", "detail": f"installed {FSMN}@v2.0.4 from modelscope.cn", "at_s": 0.5},
        {"step": "load", "detail": "", "at_s": 1.5},
        {"step": "warm", "detail": "", "at_s": 2.0},
        {"step": "switch", "detail": "", "at_s": 2.25},
    ]
    return {
        "id": "c0ffee",
        "verb": verb,
        "what": f"{FSMN}@v2.0.4",
        "who": "ada@home",
        "why": "",
        "state": "running",
        "began_at": 1_760_000_000.0,
        "took_s": 2.5,
        "steps": steps[:at],
        "answer": None,
        "error": None,
        **other,
    }


def answer(now: str = SECOND, before: str | None = FIRST, **other: Any) -> dict[str, Any]:
    """Of a change that is done."""
    return {
        "version": now,
        "previous": before,
        "epoch": 8,
        "changed": True,
        "recorded": True,
        "prepared": [],
        **other,
    }


def done(verb: str = "switch", *, at: int = 5, **of_the_answer: Any) -> dict[str, Any]:
    """A change that is over."""
    return change(verb, at=at, state="done", answer=answer(**of_the_answer))


def failed(code: str, message: str, *, verb: str = "switch", at: int = 3) -> dict[str, Any]:
    """A change that ended in an error."""
    return change(verb, at=at, state="failed", error={"code": code, "message": message})


def entry(seq: int, kind: str, **other: Any) -> dict[str, Any]:
    """A row of the journal."""
    return {
        "seq": seq,
        "at": 1_760_000_000.0 + seq,
        "kind": kind,
        "verb": "",
        "what": "",
        "who": "",
        "why": "",
        "outcome": "",
        "epoch": 0,
        "route_text": None,
        "versions": {},
        "evidence": {},
        "of": None,
        **other,
    }


class Standin(Loopback):
    """What it says: ``status``, ``entries``, ``closed``, ``prepared``; of a change one of ``course`` each time.

    ``refuses`` is what every control request gets instead. ``bodies`` is what was posted.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.status = status()
        self.entries: list[dict[str, Any]] = []
        self.course: Sequence[Mapping[str, Any]] = [done()]
        self.prepared = version(SECOND)
        self.closed: dict[str, Any] = {"version": SECOND, "closed": True, "memory_returned_bytes": 25_300_000}
        self.refuses: Says | None = None
        self._said = 0

    def _answer(self, asked: Asked) -> Says:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(401, "unauthorized", "the token is missing or wrong")
        if self.refuses:
            return self.refuses
        match asked.method, asked.path:
            case "GET", "/v1/status":
                return Says(copy.deepcopy(self.status))
            case "GET", "/v1/versions":
                return Says({"versions": self.status["versions"]})
            case "POST", "/v1/versions":
                return Says(self.prepared)
            case "POST", "/v1/switch" | "/v1/rollback" if asked.query.get("wait") == "false":
                return Says(self._next(), 202)
            case "GET", "/v1/changes/c0ffee":
                return Says(self._next())
            case "DELETE", path if re.fullmatch("/v1/versions/[^/]+", path):
                return Says(self.closed)
            case "GET", "/v1/history":
                before = int(asked.query.get("before", 10**9))
                rows = [row for row in self.entries if row["seq"] < before]
                return Says({"entries": rows[: int(asked.query["limit"])]})
        return refusal(404, "not_found", f"there is no {asked.method} {asked.path}")

    def _next(self) -> Mapping[str, Any]:
        said = self.course[min(self._said, len(self.course) - 1)]
        self._said += 1
        return said

    @property
    def last(self) -> Asked:
        """The last request that was meant to do something."""
        return [asked for asked in self.asked if asked.method != "GET"][-1]


def run(*arguments: str, columns: int | None = None) -> Result:
    """A command line, as ``segue`` runs it. ``columns``: standard output is a terminal so wide; else a pipe."""
    on_terminal = {"COLUMNS": str(columns), "FORCE_COLOR": "1", "TERM": "xterm"}
    return CliRunner().invoke(root, arguments, env=on_terminal if columns else {}, standalone_mode=False)


def lines(result: Result) -> list[str]:
    """What was printed on standard output, without colours and trailing spaces. Raises what the command raised."""
    if result.exception:
        raise result.exception
    return [line.rstrip() for line in unstyle(result.stdout).splitlines()]


def home_with_token(home: Path) -> Path:
    """A ``SEGUE_HOME`` whose token the stand-in takes."""
    (home / "token").write_text(TOKEN + "\n")
    return home
