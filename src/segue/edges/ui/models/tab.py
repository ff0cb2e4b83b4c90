"""The tab: what the browser may ask and do. Both begin with the door."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import gradio

from segue.edges.ui.files import text_of
from segue.edges.ui.models import charts, form, history
from segue.edges.ui.models.acts import Acts
from segue.edges.ui.models.change import change
from segue.edges.ui.models.lookout import ROWS, Lookout, Seen, lookout_of
from segue.edges.ui.models.rollout import rollout
from segue.edges.ui.models.serving import serving
from segue.edges.ui.models.versions import versions
from segue.edges.ui.room import Room
from segue.errors import RequestInvalid, SegueError, Unauthorized, UnknownChange
from segue.service import Operation

_SCRIPTS = ("morph.js", "charts.js", "models.js")
_MOST_SEQ = 2**62
_CONTEXT = 50
"""Rows newer than a page of the history that say how its intents ended."""


def build(room: Room, tab: gradio.Tab) -> None:
    """Fill the tab."""
    del tab
    board = Board(room)

    def look(said: object, request: gradio.Request) -> str:
        return board.look(said, request)

    def act(said: object, request: gradio.Request) -> str:
        return board.act(said, request)

    gradio.HTML(
        value="",
        html_template='<div class="models"></div>',
        css_template=text_of("models.css"),
        js_on_load="\n".join(map(text_of, _SCRIPTS)),
        apply_default_css=False,
        elem_id="models",
        server_functions=[look, act],
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page that is looked at has, and wants. Raises RequestInvalid for what no page of ours sends."""

    have: Mapping[str, str]
    change: str
    before: int | None
    whole: bool

    @staticmethod
    def of(said: object) -> "Asked":
        """Of JSON."""
        known = said if isinstance(said, dict) else {}
        have, change, before = known.get("have"), known.get("change"), known.get("before")
        is_number = before is None or (isinstance(before, int) and 0 < before < _MOST_SEQ)
        if not isinstance(have, dict) or not isinstance(change, str) or not is_number:
            raise RequestInvalid("have (an object), change (a text) and before (a number or null) are wanted")
        return Asked(have, change, before, bool(known.get("whole")))


class Board:
    """What the tab is told, in one language. Safe for threads. Answers are JSON, as text: it is encoded once."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lookout: Lookout = lookout_of(room.service, room.door)
        self._acts = Acts(room.service, room.words)

    def look(self, said: object, request: gradio.Request) -> str:
        """The parts that have changed; the form for the token to who has not given it. ``error`` where it fails."""
        try:
            self._room.controls(request)
            asked = Asked.of(said)
        except Unauthorized:
            return json.dumps({"login": form.login(self._room.words)})
        except SegueError as error:
            return json.dumps({"error": self._room.failure(error)})
        seen, made = self._lookout.look(self._room.words.language, self._made)
        parts = {name: (_mark(text), text) for name, text in made.items()}
        text = change(self._operation(asked.change, seen), seen.status, self._room)
        parts["change"] = (_mark(text), text)
        if asked.before is not None:
            parts["history"] = self._older(asked.before, asked.have)
        news = {name: pair for name, pair in parts.items() if asked.whole or asked.have.get(name) != pair[0]}
        found: dict[str, object] = {"parts": news}
        if asked.whole:
            found["whole"] = form.whole(self._room.service, self._room.words)
        return json.dumps(found, ensure_ascii=False)

    def act(self, said: object, request: gradio.Request) -> str:
        """Do something, and say what came of it: ``change``, ``said`` or ``error``."""
        try:
            who = self._room.controls(request)
            if not isinstance(said, dict):
                raise RequestInvalid("an object with what is to be done is wanted")
            answer = self._acts.do(said, who)
        except SegueError as error:
            answer = {"error": self._room.failure(error)}
        self._lookout.forget()
        return json.dumps(answer)

    def _made(self, seen: Seen) -> dict[str, str]:
        """The parts that are alike on every page of the language."""
        words = self._room.words
        if seen.rows_error is None:
            told = history.page(seen.rows, words, is_cut=len(seen.rows) >= ROWS)
        else:
            told = history.unread(self._room.failure(seen.rows_error), words)
        return {
            "serving": serving(seen.status, words),
            "versions": versions(seen.status, words),
            "rollout": rollout(seen.rollout, seen.mirror, words),
            "history": told,
            "charts": charts.data(seen.courses, words),
        }

    def _operation(self, change_id: str, seen: Seen) -> Operation | None:
        """The change under way, or else the last that was begun on the page that asks."""
        under_way = seen.status.under_way
        if under_way is not None and not under_way.future.done():
            return under_way
        try:
            return self._room.service.operation(change_id) if change_id else None
        except UnknownChange:
            return None

    def _older(self, before: int, have: Mapping[str, str]) -> tuple[str, str]:
        """A page of the history that does not change any more: it is read once."""
        mark = f"before {before}"
        if have.get("history") == mark:
            return mark, ""
        try:
            rows = self._room.service.history(ROWS + _CONTEXT, before=before + _CONTEXT)
        except SegueError as error:
            return "unread", history.unread(self._room.failure(error), self._room.words)
        return mark, history.page(rows, self._room.words, before=before, is_cut=len(rows) >= ROWS + _CONTEXT)


def _mark(text: str) -> str:
    return f"{zlib.crc32(text.encode()):x}"
