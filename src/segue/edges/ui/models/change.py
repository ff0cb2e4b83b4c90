"""A change, step by step as it happens, and what came of it."""

from dataclasses import dataclass

from segue.edges.ui.markup import Markup, joined, tag
from segue.edges.ui.models.figures import duration
from segue.edges.ui.models.reasons import detail
from segue.edges.ui.room import Room
from segue.edges.ui.words import Words
from segue.errors import SegueError
from segue.service import Operation
from segue.service.status import Status
from segue.speech.names import printable
from segue.swap import RolloutReport, Switched

_STEPS = frozenset({"wait", "fetch", "verify", "load", "warm", "switch", "golden", "begin", "abort"})
_VERBS = frozenset({"switch", "rollback", "rollout", "prepare", "restore"})


@dataclass(frozen=True, slots=True)
class Line:
    """One step: the last word that was said of it, and how long it took; None while it is under way."""

    step: str
    detail: str
    took_s: float | None


def change(operation: Operation | None, status: Status, room: Room) -> Markup:
    """The part "change"."""
    if operation is None:
        return Markup("")
    words, state = room.words, operation.state
    head = tag("h4", words("verb_" + (operation.verb if operation.verb in _VERBS else "other"), what=operation.what))
    by = tag("p", " · ".join(filter(None, (words("by", who=operation.who), operation.why))), class_="dim")
    items = [_item(line, words) for line in lines_of(operation, state)]
    cancel = None
    if state == "running" and operation.verb != "rollback":
        cancel = tag("button", words("cancel"), type="button", data_act="cancel", data_change=operation.id)
    steps = tag("ol", *items, class_="steps", aria_label=words("steps"))
    return tag("div", head, by, steps, _outcome(operation, state, status, room), cancel, class_=f"change {state}")


def lines_of(operation: Operation, state: str) -> list[Line]:
    """A line for each step: the reports of one step are its line's detail, the last of them."""
    merged: list[tuple[str, str, float]] = []
    for step in operation.steps:
        if merged and merged[-1][0] == step.step:
            merged[-1] = (step.step, step.detail or merged[-1][1], merged[-1][2])
        else:
            merged.append((step.step, step.detail, step.at_s))
    ends: list[float | None] = [at_s for _, _, at_s in merged[1:]]
    ends.append(None if state == "running" else operation.took_s)
    return [
        Line(step, printable(detail), None if end is None else max(0.0, end - at_s))
        for (step, detail, at_s), end in zip(merged, ends, strict=False)
    ]


def _item(line: Line, words: Words) -> Markup:
    name = words(f"step_{line.step}") if line.step in _STEPS else line.step
    took = words("under_way") if line.took_s is None else duration(line.took_s)
    parts = (tag("b", name), tag("span", detail(line.detail, words), class_="detail"), tag("span", took, class_="took"))
    return tag("li", joined(parts, " "), class_="running" if line.took_s is None else "done")


def _outcome(operation: Operation, state: str, status: Status, room: Room) -> Markup:
    words, took = room.words, duration(operation.took_s)
    if state == "running":
        return tag("p", words("runs", time=took), class_="outcome", role="status")
    if state == "failed":
        error = operation.future.exception()
        said = room.failure(error) if isinstance(error, SegueError) else str(error)
        still = words("still_serves", version=status.route.primary) if status.route else words("still_nothing")
        return tag("p", words("change_failed", why=printable(said)), " ", still, class_="outcome bad", role="alert")
    return tag("p", told(operation.future.result(), took, words), class_="outcome good", role="status")


def told(answer: object, took: str, words: Words) -> str:
    """What came of it, in one sentence."""
    if isinstance(answer, Switched) and answer.route is not None:
        version, previous = answer.route.primary, answer.previous.primary if answer.previous else ""
        if not answer.changed:
            return words("unchanged", version=version, time=took)
        key = "now_serves" if previous and previous != version else "first_serves"
        return words(key, version=version, previous=previous, time=took)
    if isinstance(answer, RolloutReport):
        return words("rollout_began", version=answer.version, time=took)
    return words("done", time=took)
