"""The tab Compare: its controls, and what the button does."""

import uuid
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import Any, TypeAlias

import gradio

from segue.edges.ui.compare import elsewhere
from segue.edges.ui.compare.compared import compared
from segue.edges.ui.compare.figures import tables
from segue.edges.ui.compare.side import Side, controls, versions
from segue.edges.ui.markup import tag
from segue.edges.ui.picture import Track, drawn, picture
from segue.edges.ui.room import Room
from segue.errors import SegueError
from segue.service import Ask
from segue.speech.detection import Detection

_LOOK_S = 0.1
_AS_IT_IS = ""


def build(room: Room, tab: gradio.Tab) -> None:
    """Fill the tab."""
    words = room.words
    with gradio.Row():
        recording = gradio.Audio(type="filepath", sources=["upload", "microphone"], label=words("recording"))
        with gradio.Column():
            places = [(words("as_it_is"), _AS_IT_IS), *((words(name), name) for name in elsewhere.PLACES)]
            place = gradio.Dropdown(places, value=_AS_IT_IS, label=words("place"), info=words("place_info"))
            button = gradio.Button(words("button"), variant="primary")
    with gradio.Row():
        sides = [controls(room, letter, mode=mode) for letter, mode in (("A", "classic"), ("B", "tight"))]
    said = gradio.HTML(tag("p", words("begin"), role="status"))
    drawing = picture(words, elem_id="compare-picture")
    figures = gradio.HTML()

    def run(request: gradio.Request, recording: str | None, place: str, *given: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from _shown(room, request, recording, place, (Side(*given[:4]), Side(*given[4:])))

    button.click(
        run,
        [recording, place, *sides[0], *sides[1]],
        [said, drawing, figures],
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="once",
    )
    choices = [side[0] for side in sides]
    tab.select(
        lambda: [gradio.update(choices=versions(room)) for _ in choices], None, choices, api_visibility="private"
    )


_Said: TypeAlias = tuple[Any, Any, Any]


def _shown(
    room: Room, request: gradio.Request, recording: str | None, place: str, sides: tuple[Side, Side]
) -> Iterator[_Said]:
    """What is under way, then what came of it: a message, the picture, the tables."""
    words = room.words
    try:
        client = room.detects(request)
        if not recording:
            yield _said(words("no_file"), "alert")
            return
        with room.service.admit(client):
            key = uuid.uuid4().hex
            asks = tuple(side.ask(key) for side in sides)
            path, clean = Path(recording), None
            if place != _AS_IT_IS:
                clean = yield from _both(room, path, asks)
                yield _said(words("making"))
                path = elsewhere.moved(path, clean[0].segments, place)
            found = compared(*(yield from _both(room, path, asks)), clean)
        only = [tuple((s.start_ms, s.end_ms) for s in each) for each in found.only]
        labels = _label("A", sides[0], found.sides[0]), _label("B", sides[1], found.sides[1])
        tracks = [
            Track.of(label, side, marks=marks) for label, side, marks in zip(labels, found.sides, only, strict=True)
        ]
        yield (
            tag("p", words("done", same=f"{found.same_share:.1%}"), role="status"),
            drawn(path, tracks, duration_ms=found.duration_ms),
            tables(found, labels, words),
        )
    except SegueError as error:
        yield (
            tag(
                "p", room.failure(error, of=Path(recording) if recording else None), role="alert", class_="segue-alert"
            ),
            None,
            "",
        )


def _both(room: Room, path: Path, asks: Sequence[Ask]) -> Generator[_Said, None, tuple[Detection, Detection]]:
    """The answers to both, one after the other. Who goes away meanwhile takes the call along. Raises SegueError."""
    answers = []
    for letter, ask in zip("AB", asks, strict=True):
        call = room.service.detect(path, ask)
        try:
            while not wait([call.future], _LOOK_S).done:
                yield _said(room.words("listening", letter=letter))
            answers.append(call.future.result().detections[0])
        finally:
            call.cancel()
    return answers[0], answers[1]


def _said(text: str, role: str = "status") -> _Said:
    return tag("p", text, role=role), gradio.skip(), gradio.skip()


def _label(letter: str, side: Side, found: Detection) -> str:
    """The version and mode that answered, and what was asked of them besides."""
    preset = f", {found.preset}" if found.preset else ""
    return f"{letter}: {found.model.version}, {found.mode}{preset}{f', {side.parameters}' if side.parameters else ''}"
