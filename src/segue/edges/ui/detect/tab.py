"""The controls of the tab, and what they begin. Whoever calls an endpoint without the page meets the door first."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio

from segue.edges.ui.detect.asked import NUMBERS, asked, presets
from segue.edges.ui.detect.outcome import message
from segue.edges.ui.detect.work import Shown, shown
from segue.edges.ui.files import text_of
from segue.edges.ui.markup import tag
from segue.edges.ui.picture import picture
from segue.edges.ui.room import Room
from segue.errors import SegueError
from segue.speech.parameters import MODES

_UNSEEN: Any = {"api_visibility": "private", "show_progress": "hidden"}


def build(room: Room, tab: gradio.Tab) -> None:
    """Fill the tab."""
    del tab
    file, record = _sources(room)
    options = _options(room)
    with gradio.Row():
        go = gradio.Button(room.words("go"), variant="primary")
        cancel = gradio.Button(room.words("cancel"), interactive=False)
    look: Any = {"css_template": text_of("detect.css"), "apply_default_css": False, "elem_classes": "outcome"}
    said = gradio.HTML(js_on_load=None, elem_id="detect-said", **look)
    drawing = picture(room.words, elem_id="detect-picture")
    rows = gradio.HTML(js_on_load=text_of("detect.js"), elem_id="detect-rows", **look)
    files = gradio.File(label=room.words("downloads"), file_count="multiple", interactive=False, visible=False)
    enabled, disabled = (gradio.update(interactive=so) for so in (True, False))
    working = go.click(lambda: enabled, outputs=cancel, **_UNSEEN).then(
        _detecting(room), [file, record, *options], [said, drawing, rows, files], **_UNSEEN
    )
    working.then(lambda: disabled, outputs=cancel, **_UNSEEN)
    stopped = message(room.words("cancelled"))
    cancel.click(lambda: (stopped, disabled), outputs=[said, cancel], cancels=[working], **_UNSEEN)
    # One source at a time: the newer one is meant.
    file.upload(lambda: None, outputs=record, **_UNSEEN)
    record.stop_recording(lambda: None, outputs=file, **_UNSEEN)


def _sources(room: Room) -> tuple[gradio.File, gradio.Audio]:
    settings, words = room.service.settings, room.words
    with gradio.Row():
        file = gradio.File(label=words("file"), type="filepath", height=150)
        with gradio.Column():
            record = gradio.Audio(label=words("record"), sources=["microphone"], type="filepath")
            lacking = tag("p", words("no_microphone"), role="note", class_="lacking", hidden=True)
            gradio.HTML(lacking, js_on_load=text_of("allowed.js"), elem_id="detect-microphone")
    size = f"{settings.max_body_bytes / 2**30:.3g} GB"
    hint = words("limits", size=size, hours=f"{settings.max_audio_s / 3600:.3g}")
    gradio.HTML(tag("p", hint, class_="hint"), js_on_load=None)
    return file, record


def _options(room: Room) -> list[gradio.components.Component]:
    """In the order of what ``_detecting`` takes."""
    words = room.words
    own = (words("own"), "")
    chosen_presets = [own, *((words("preset_none") if name == "none" else name, name) for name in presets())]
    with gradio.Accordion(words("options"), open=False):
        with gradio.Row():
            mode = gradio.Dropdown(
                [own, *((name, name) for name in MODES)], value="", label=words("mode"), info=words("mode_about")
            )
            preset = gradio.Dropdown(chosen_presets, value="", label=words("preset"))
            channels = gradio.Dropdown(
                [(words("mix"), "mix"), (words("split"), "split")], value="mix", label=words("channels")
            )
        with gradio.Row():
            numbers = [  # as text: a field for numbers shows 0 where it is empty
                gradio.Textbox("", label=words(name), placeholder=words("own"), max_lines=1, min_width=200)
                for name in NUMBERS
            ]
    return [mode, preset, channels, *numbers]


def _detecting(room: Room) -> Any:
    """The handler: a generator, which Gradio closes when the page is gone or somebody cancels."""

    def detect(  # Gradio finds ``request`` by its type, and gives the rest in the order of the controls
        request: gradio.Request,
        uploaded: str | None,
        recorded: str | None,
        mode: str,
        preset: str,
        channels: str,
        *numbers: str | None,
    ) -> Iterator[tuple[Any, ...]]:
        for step in _steps(room, uploaded or recorded, mode, preset, channels, numbers, request=request):
            yield step.said, step.picture, step.rows, gradio.update(value=step.files, visible=bool(step.files))

    return detect


def _steps(
    room: Room,
    path: str | None,
    mode: str,
    preset: str,
    channels: str,
    numbers: Sequence[str | None],
    *,
    request: gradio.Request,
) -> Iterator[Shown]:
    try:
        client = room.detects(request)
    except SegueError as error:
        yield Shown(message(room.failure(error), is_bad=True))
        return
    if not path:
        yield Shown(message(room.words("no_file"), is_bad=True))
        return
    ask = asked(mode=mode, preset=preset, channels=channels, numbers=numbers)
    yield from shown(room, client, Path(path), ask)
