"""One of the two: what is asked, and the controls that ask it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio

from segue.edges.ui.room import Room
from segue.errors import InvalidParameter
from segue.service import Ask
from segue.speech.parameters import MODES
from segue.speech.presets import NO_PRESET, PRESETS
from segue.swap import State, VersionId

if TYPE_CHECKING:
    from segue.service import Service


@dataclass(frozen=True, slots=True)
class Side:
    """``version``: "" for what serves. ``mode`` and ``preset``: "" for the version's own. ``parameters``: as text."""

    version: str = ""
    mode: str = ""
    preset: str = ""
    parameters: str = ""

    def ask(self, key: str) -> Ask:
        """What is asked of the service. Raises InvalidParameter where the text is not NAME=VALUE."""
        asked: dict[str, object] = {
            name: value for name, value in (("mode", self.mode), ("preset", self.preset)) if value
        }
        asked |= dict(_pairs(self.parameters))
        return Ask(key, VersionId(self.version) if self.version else None, probabilities=True, asked=asked)

    def __str__(self) -> str:
        named = (self.version, self.mode, self.preset, " ".join(f"{n}={v}" for n, v in _pairs(self.parameters)))
        return ", ".join(part for part in named if part)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.replace(",", " ").replace("，", " ").split():
        name, is_given, value = part.partition("=")
        if not (name and is_given and value):
            raise InvalidParameter(f"{part!r}: parameters are NAME=VALUE, with spaces between them")
        yield name, value


def controls(room: Room, letter: str, *, mode: str) -> list[gradio.components.Component]:
    """The fields of a side, in the order of ``Side``'s own."""
    words = room.words
    own = (words("own"), "")
    with gradio.Group(elem_classes="segue-side"):
        gradio.HTML(f"<h3>{words('side', letter=letter)}</h3>", padding=True)
        return [
            gradio.Dropdown(versions(room), value="", label=words("version", letter=letter)),
            gradio.Dropdown([own, *MODES], value=mode, label=words("mode", letter=letter)),
            gradio.Dropdown(
                [own, *((name, name) for name in PRESETS), (words("no_preset"), NO_PRESET[-1])],
                value="",
                label=words("preset", letter=letter),
            ),
            gradio.Textbox(
                label=words("parameters", letter=letter), placeholder="threshold=0.6 min_silence_duration_ms=200"
            ),
        ]


def versions(room: Room) -> list[tuple[str, str]]:
    """What a side may be asked of: what serves, and each version that is loaded."""
    return [(room.words("serving"), ""), *((label, version) for version, label in _loaded(room.service).items())]


def _loaded(service: "Service") -> Mapping[str, str]:
    ready = [each for each in service.board.snapshot().versions if each.state is State.READY]
    options = {each.version: " ".join(f"{n}={v}" for n, v in each.resolved.spec.options.items()) for each in ready}
    return {
        str(each.version): f"{each.version} · {each.resolved.spec} {options[each.version]}".strip() for each in ready
    }
