"""The page as Gradio has it: one set of blocks a language, in one app."""

import atexit
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

# Before its import, when it asks for them. It reports to nobody, and makes no tables of what its handlers took.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)
if "GRADIO_TEMP_DIR" not in os.environ:
    # Recordings are nobody else's on this machine: Gradio's own folder is anybody's to read, and to make first.
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="segue-page-")
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)

import gradio
from fastapi import FastAPI

from segue.edges.ui import compare, detect, live, models
from segue.edges.ui.door import Door
from segue.edges.ui.files import text_of
from segue.edges.ui.guard import guard
from segue.edges.ui.room import Room
from segue.edges.ui.waiting import ICON, TOKEN_SCRIPT
from segue.edges.ui.words import LANGUAGES, Words

if TYPE_CHECKING:
    from segue.service import Service

_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif")
_KEPT_S = 3600
"""How long the files of a page (uploads, downloads) are kept."""
_LOOK_S = 0.01


def build(service: "Service", door: Door) -> FastAPI:
    """An app with the page at ``/en/`` and ``/zh/``. It loads nothing from anywhere else, and reports to nobody."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    theme = gradio.themes.Default(font=_FONTS, font_mono=("ui-monospace", "Consolas", "monospace"))
    for language in LANGUAGES:
        gradio.mount_gradio_app(
            app,
            _blocks(Room(service, door, Words(language))),
            path=f"/{language}",
            theme=theme,
            css=text_of("page.css"),
            head=ICON + TOKEN_SCRIPT,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            pwa=False,
            enable_monitoring=False,
            mcp_server=False,
            show_error=False,
            max_file_size=service.settings.max_body_bytes,
        )
    return app


def _blocks(room: Room) -> gradio.Blocks:
    words = room.words
    blocks = gradio.Blocks(title=words("title"), analytics_enabled=False, delete_cache=(_KEPT_S, _KEPT_S))
    with blocks:
        _head(room)
        with gradio.Tabs():
            for name, tab in (("detect", detect), ("live", live), ("models", models), ("compare", compare)):
                with gradio.Tab(words(name), id=name) as place:
                    tab.build(room.of(name), place)
    guard(blocks)
    # The service says itself how much it takes.
    blocks.queue(default_concurrency_limit=None)
    # Gradio looks for work a thousand times a second, which is a twentieth of a core that does nothing.
    blocks._queue.sleep_when_free = _LOOK_S
    return blocks


def _head(room: Room) -> None:
    words = room.words
    links = [
        f'<a href="/{language}/" lang="{language}" hreflang="{language}">{name}</a>'
        for language, name in LANGUAGES.items()
        if language != words.language
    ]
    dark = f'<button type="button" onclick="document.body.classList.toggle(\'dark\')">{words("theme")}</button>'
    docs = f'<a href="/docs">{words("api")}</a>'
    gradio.HTML(
        f'<header class="segue-head"><h1>Segue</h1><p>{words("about")}</p>'
        f'<nav aria-label="{words("language")}">{" ".join(links)} {docs} {dark}</nav></header>'
    )
