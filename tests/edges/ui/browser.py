"""A real browser on a real page: Debian's Chromium, which hears a recording where a microphone would be."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from segue.edges.http.app import build
from segue.edges.ui.router import join
from segue.service import Service
from tests.edges.http.server import Address, serving

PATIENCE_S = 60.0
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


@contextmanager
def page_of(service: Service) -> Iterator[Address]:
    """The service with its page, loaded, for the length of a block."""
    app = build(service)
    page = join(app, service, gives_way_s=0)
    page.begin()
    with serving(app) as address:
        assert page.loaded.wait(PATIENCE_S)
        yield address
    page.end(PATIENCE_S)


def chromium() -> str:
    """Its path; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    return found


@contextmanager
def browser(*, microphone: Path | None = None) -> Iterator[Browser]:
    """A browser whose microphone plays a WAV file, again and again."""
    path = chromium()
    flags = [*_FLAGS, *([f"--use-file-for-fake-audio-capture={microphone}"] if microphone else [])]
    driver: Playwright
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=flags)
        try:
            yield opened
        finally:
            opened.close()


class Visit:
    """One page that somebody looks at, and what it asked for and complained of meanwhile."""

    def __init__(self, page: Page, address: Address) -> None:
        self.page = page
        self.address = address
        self.asked: list[str] = []
        """Addresses of all that it loaded."""
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str = "/en/", *, token: str = "") -> "Visit":
        """Go there, and wait until the page is alive."""
        self.page.goto(f"{self.address.url}{path}{f'#token={token}' if token else ''}")
        self.page.get_by_role("tab").first.wait_for()
        return self

    def tab(self, name: str) -> None:
        """Go to a tab, by its name."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    @property
    def strangers(self) -> list[str]:
        """What it asked of others than the service."""
        own = (self.address.url, "data:", "blob:")
        return [url for url in self.asked if not url.startswith(own)]


@contextmanager
def visit(opened: Browser, address: Address, **context: Any) -> Iterator[Visit]:
    """A visitor with cookies of their own; ``locale``, ``color_scheme``, ``viewport`` as Playwright has them."""
    made: BrowserContext = opened.new_context(**context)
    made.set_default_timeout(PATIENCE_S * 1000)
    try:
        yield Visit(made.new_page(), address)
    finally:
        made.close()


def until(so: Callable[[], bool], *, what: str = "in vain") -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < deadline_s, what
        threading.Event().wait(0.02)
