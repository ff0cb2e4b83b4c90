"""One recording on its way: what the page shows, step by step. Who stops asking for the next step cancels it."""

import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.edges.ui.detect.downloads import written
from segue.edges.ui.detect.outcome import clock, message, table, told
from segue.edges.ui.markup import joined
from segue.edges.ui.picture import Track, drawn
from segue.edges.ui.room import Room
from segue.errors import SegueError
from segue.service import Answer, Ask, Call
from segue.speech.detection import Detection

_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows now: two pieces of HTML, the value of the picture, and paths of files."""

    said: str
    rows: str = ""
    picture: dict[str, Any] | None = None
    files: list[str] | None = None


def shown(room: Room, client: str, path: Path, ask: Ask) -> Iterator[Shown]:
    """Detect, and show how far it is, and what was found; or why not. A generator: closing it cancels the work."""
    try:
        with room.service.admit(client):
            yield from _detected(room, path, ask)
    except SegueError as error:
        yield Shown(message(room.failure(error, of=path), is_bad=True))


def _detected(room: Room, path: Path, ask: Ask) -> Iterator[Shown]:
    began_s = time.monotonic()
    call = room.service.detect(path, ask)
    try:
        answer = _soon(call)
        while answer is None:
            yield Shown(message(_progress(call, room)))
            answer = _soon(call)
        took_s = time.monotonic() - began_s
    except CancelledError:
        yield Shown(message(room.words("cancelled")))
        return
    finally:
        call.cancel()  # nobody asks for the next step: the page is gone, or its visitor has thought better of it
    detections = answer.detections
    head = told(path.name, detections, room.words, took_s=took_s)
    yield Shown(joined([head, message(room.words("draws"))]), table(detections, room.words))
    tracks = [Track.of(_label(found, room), found) for found in detections]
    value = drawn(path, tracks, duration_ms=detections[0].duration_ms)
    yield Shown(head, table(detections, room.words), value, written(path.name, detections))


def _soon(call: Call) -> Answer | None:
    """The answer, if it comes soon. Raises what the call raised, and CancelledError."""
    try:
        return call.future.result(_LOOK_S)
    except TimeoutError:
        if call.future.done():
            raise
        return None


def _progress(call: Call, room: Room) -> str:
    heard = clock(call.heard_ms)
    if not call.heard_ms:
        return room.words("waits")
    if not call.promised_ms:
        return room.words("under_way_open", heard=heard)
    percent = min(100, round(100 * call.heard_ms / call.promised_ms))
    return room.words("under_way", heard=heard, whole=clock(call.promised_ms), percent=percent)


def _label(found: Detection, room: Room) -> str:
    if found.channel is None:
        return room.words("probability")
    return room.words("channel_of", number=found.channel + 1)
