"""What a rollout looks like, and how it is followed to its end."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from segue.edges.control.figures import amount, duration, share
from segue.edges.control.outcome import FAILED, ROLLED_BACK, STOPPED
from segue.edges.control.server import say
from segue.errors import ServerUnreachable
from segue.speech.names import printable

if TYPE_CHECKING:
    from segue.client import Client

_EVERY_S = 0.5

_STATUS = {"done": 0, "taken back": ROLLED_BACK, "aborted": FAILED}


def follow(
    client: "Client",
    rollout_id: str,
    *,
    until_over: bool,
    as_json: bool,
    option: str,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show it; or tell of its steps until it is over: the exit status. Raises ServerUnreachable, ServerRefused."""
    said = client.get(_path(rollout_id))
    try:
        told = 0
        while until_over:
            for stage in said["stages"][told:]:
                say(_stage(stage))
            told = len(said["stages"])
            if said["is_over"]:
                break
            sleep(_EVERY_S)
            try:
                said = client.get(_path(said["id"]))
            except ServerUnreachable as error:
                told_by = f"segue rollout status {said['id']}{option}"
                raise ServerUnreachable(
                    f"{error}; what became of rollout {said['id']}, {told_by} tells when a server runs again"
                ) from error
    except KeyboardInterrupt:
        say(f"stopped waiting; rollout {said['id']} goes on: see segue rollout status{option}")
        return STOPPED
    show(said, as_json=as_json)
    return int(_STATUS.get(said["phase"], 0)) if until_over else 0


def show(said: Mapping[str, Any], *, as_json: bool) -> None:
    """On standard output: what the server said, as JSON or as a few lines."""
    text = json.dumps(said, ensure_ascii=False, indent=2) if as_json else "\n".join(map(printable, lines(said)))
    click.echo(text)


def headline(said: Mapping[str, Any]) -> str:
    """One line: what, where it is, for how long."""
    where = said["phase"] + (f" {share(said['share'])}" if said["phase"] == "canary" else "")
    paused = ", paused" if said["is_paused"] and not said["is_over"] else ""
    beside = "" if said["is_over"] else f" {'after' if said['phase'] == 'bake' else 'beside'} {said['instead']}"
    return f"rollout {said['id']}: {said['version']}{beside}: {where}{paused}, for {duration(said['for_s'])}"


def lines(said: Mapping[str, Any]) -> list[str]:
    """All of it: where it is, what it waits for, what is known, the steps that it took."""
    found = [headline(said)]
    if said["outcome"]:
        found.append(f"  {said['outcome']}")
    if said["waits_for"]:
        found.append(f"  waits for {said['waits_for']}")
    if not said["is_over"]:
        found.append(f"  {said['says']}")
    found += _mirror(said.get("mirror"))
    return [*found, *(f"  {_stage(stage)}" for stage in said["stages"])]


def _mirror(mirror: Mapping[str, Any] | None) -> list[str]:
    if not mirror or not any(mirror[name] for name in ("compared", "waiting", "dropped", "failed", "too_large")):
        return []
    counts = [f"{mirror[name]:,} {name.replace('_', ' ')}" for name in ("compared", "failed", "dropped", "too_large")]
    found = [f"  copies: {', '.join(text for text in counts if not text.startswith('0 '))}"]
    if mirror["iou"] is not None:
        shifts = ", ".join(
            f"{name} {amount(abs(found_ms[1]))} ms {'later' if found_ms[1] > 0 else 'earlier'}"
            for name in ("start", "end")
            if (found_ms := mirror[f"{name}_shift_ms"]) and found_ms[1]
        )
        found.append(
            f"  agreement: {mirror['iou']:.1%} of the speech; missed {_part(mirror['missed'])}, "
            f"extra {_part(mirror['extra'])}" + (f"; {shifts} (median)" if shifts else "")
        )
    return found


def _part(number: float | None) -> str:
    return "-" if number is None else f"{number:.1%}"


def _stage(stage: Mapping[str, Any]) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(stage["at"]))
    where = stage["phase"] + (f" {share(stage['share'])}" if stage["phase"] == "canary" else "")
    return f"{at}  {where}: {stage['why']}"


def _path(rollout_id: str) -> str:
    return f"/v1/rollouts/{quote(rollout_id, safe='')}"
