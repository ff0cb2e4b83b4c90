"""What every tab has at hand."""

from pathlib import Path

import gradio
import pytest
from starlette.requests import Request

from segue.edges.ui.door import Door
from segue.edges.ui.room import Room
from segue.edges.ui.words import Words
from segue.errors import AudioEmpty, NotReady, Unauthorized
from tests.edges.http.service import loud_service


def asking(client: str | None = "192.0.2.1") -> gradio.Request:
    """A request without a cookie."""
    scope: dict[str, object] = {"type": "http", "headers": [], "client": (client, 1) if client else None}
    return gradio.Request(Request(scope))


def test_who_may_what_is_asked_of_the_door(tmp_path: Path) -> None:
    """A closed service lets a stranger neither detect nor change; an open one knows who detects."""
    for is_open in (False, True):
        with loud_service(tmp_path / str(is_open), is_open=is_open) as service:
            room = Room(service, Door(service.access, service.token), Words("en"))
            with pytest.raises(Unauthorized):
                room.controls(asking())
            if is_open:
                assert room.detects(asking()) == "192.0.2.1"
                assert room.detects(asking(None)) == "unknown"
            else:
                with pytest.raises(Unauthorized):
                    room.detects(asking())


def test_a_failure_is_said_in_the_language_of_the_page(tmp_path: Path) -> None:
    """By its code where there are words for it, with the error's own line; on one line."""
    with loud_service(tmp_path) as service:
        room = Room(service, Door(service.access, service.token), Words("zh"))
        assert room.failure(NotReady("it\nloads")).startswith("模型尚未就绪")
        assert "\n" not in room.failure(NotReady("it\nloads"))
        assert "no samples" in room.failure(AudioEmpty("no samples"))
        of = tmp_path / "talk.wav"
        said = room.failure(AudioEmpty(f"{of}: no samples"), of=of)
        assert "talk.wav: no samples" in said
        assert str(tmp_path) not in said
        assert room.of("detect").words.language == "zh"
