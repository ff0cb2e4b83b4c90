"""What somebody does on the tab -> what the service is asked to do. All of it was let in already."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from segue.edges.ui.models.figures import megabytes
from segue.edges.ui.models.wanted import percent_of, plan_of, text_of, wanted_of
from segue.edges.ui.words import Words
from segue.errors import RequestInvalid, Superseded
from segue.service import Operation
from segue.swap import VersionId

if TYPE_CHECKING:
    from segue.service import Service

_CLOSE_S = 2.0
"""How long somebody waits for the answer; after it the version closes by itself."""


class Acts:
    """Of one service, told in one language. Safe for threads. Each act raises as the service does.

    The answer is ``change``, the ID of a change that has begun, or ``said``, what came of it.
    """

    def __init__(self, service: "Service", words: Words) -> None:
        self._service = service
        self._words = words
        self._known: Mapping[str, Callable[[Mapping[str, object], str], dict[str, str]]] = {
            "switch": self._switch,
            "rollout": self._rollout,
            "rollback": self._rollback,
            "cancel": self._cancel,
            "close": self._close,
            "canary": self._canary,
            "pause": self._pause,
            "resume": self._resume,
            "promote": self._promote,
            "abort": self._abort,
        }

    def do(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        """Do ``said["act"]``. Raises RequestInvalid for what is none, and as the service does."""
        act = self._known.get(text_of(said, "act"))
        if act is None:
            raise RequestInvalid(f"act={said.get('act')!r}: one of {', '.join(self._known)}")
        return act(said, who)

    def _switch(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        return _begun(self._service.switch(wanted_of(said), who=who, why=text_of(said, "why")))

    def _rollout(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        return _begun(self._service.rollout(wanted_of(said), plan_of(said), who=who, why=text_of(said, "why")))

    def _rollback(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        return _begun(self._service.rollback(who=who, why=text_of(said, "why")))

    def _cancel(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        """What is being prepared; not a rollback, and not what is over: the next change may be another's."""
        operation = self._service.operation(text_of(said, "change"))
        if operation.future.done() or operation.verb == "rollback" or operation is not self._under_way:
            raise Superseded(f"{operation.verb} {operation.what} is over, or cannot be cancelled any more")
        self._service.board.cancel(who=who)
        return {"change": operation.id}

    @property
    def _under_way(self) -> Operation | None:
        return self._service.status().under_way

    def _close(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        version = VersionId(text_of(said, "version"))
        removed = self._service.remove(version, deadline_s=_CLOSE_S, who=who)
        if not removed.closed:
            return {"said": self._words("closes_later", version=version)}
        return {"said": self._words("closed_now", version=version, mb=megabytes(removed.memory_returned_bytes))}

    def _canary(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        percent = percent_of(said)
        self._service.rollouts.canary(percent / 100, text_of(said, "rollout"), who=who)
        return {"said": self._words("share_set", percent=f"{percent:g}")}

    def _pause(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        self._service.rollouts.pause(text_of(said, "rollout"), who=who)
        return {"said": self._words("is_paused")}

    def _resume(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        self._service.rollouts.resume_by_hand(text_of(said, "rollout"), who=who)
        return {"said": self._words("is_resumed")}

    def _promote(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        report = self._service.rollouts.promote(text_of(said, "rollout"), who=who)
        return {"said": self._words("is_promoted", version=report.version)}

    def _abort(self, said: Mapping[str, object], who: str) -> dict[str, str]:
        report = self._service.rollouts.abort(text_of(said, "rollout"), who=who, why=text_of(said, "why"))
        return {"said": self._words("is_aborted", version=report.instead)}


def _begun(operation: Operation) -> dict[str, str]:
    return {"change": operation.id}
