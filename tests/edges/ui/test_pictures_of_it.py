"""The pictures in the documentation: made of the page as it is, by who uses it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser

from segue.service import Service
from segue.settings import read_settings
from segue.swap import ModelSpec
from tests.e2e.server import home_with
from tests.edges.http.server import Address
from tests.edges.ui.browser import Visit, page_of, until, visit

KEPT = os.environ.get("SEGUE_SCREENSHOTS")
"""A folder that they are to be kept in (make screenshots)."""
WIDTH, HEIGHT = 1200, 860
TIMEOUT_S = 30.0


class Tongue(NamedTuple):
    """A language of the page, and what is clicked in it."""

    language: str
    suffix: str
    detect: str
    go: str
    file: str
    models: str


TONGUES = (
    Tongue("en", "", "Detect", "Detect", "Audio or video file", "Models"),
    Tongue("zh", ".zh", "检测服务", "检测", "音频或视频文件", "模型管理"),
)


@pytest.fixture(scope="module")
def house(
    model_directory: Path, talk_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Address]]:
    """A service that is asked now and then, with a version on trial beside the one that serves."""
    home = home_with(tmp_path_factory.mktemp("pictures") / "home", model_directory)
    service = Service(read_settings(home=home))
    try:
        service.switch(ModelSpec("fsmn-vad"), who="zhao", why="the first").future.result(TIMEOUT_S)
        with page_of(service) as address, asking(address, talk_file.read_bytes()):
            wanted = ModelSpec("fsmn-vad", None, {"max_end_silence_time": 500})
            plan = {"canary": [25, 50], "step": "1h", "bake": "1h"}
            service.rollout(wanted, plan, who="zhao", why="quicker ends of turns").future.result(TIMEOUT_S)
            yield service, address
    finally:
        service.stop(TIMEOUT_S)


@contextmanager
def asking(address: Address, recording: bytes) -> Iterator[None]:
    """Requests, a few a second."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(0.2):
            requests.post(f"{address.url}/v1/detect", data=recording, timeout=TIMEOUT_S).raise_for_status()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(TIMEOUT_S)


def taken(visitor: Visit, folder: Path, name: str) -> None:
    """Take the picture; it shows more than an empty page."""
    path = (Path(KEPT) if KEPT else folder) / name
    visitor.page.screenshot(path=path)
    with Image.open(path) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert len(image.convert("RGB").getcolors(2**24) or ()) > 100


@pytest.mark.parametrize("tongue", TONGUES, ids=lambda tongue: tongue.language)
def test_a_recording_is_detected(
    opened: Browser, house: tuple[Service, Address], talk_file: Path, tmp_path: Path, tongue: Tongue
) -> None:
    """Uploaded, detected, drawn."""
    with visit(opened, house[1], viewport={"width": WIDTH, "height": HEIGHT}) as visitor:
        visitor.open(f"/{tongue.language}/")
        visitor.page.locator("input[type=file]").first.set_input_files(talk_file)
        visitor.page.get_by_role("button", name=tongue.go, exact=True).click()
        visitor.page.locator("#detect-picture canvas").wait_for()
        visitor.page.locator("#detect-picture").scroll_into_view_if_needed()
        visitor.page.get_by_role("button", name=tongue.go, exact=True).evaluate("each => each.scrollIntoView()")
        taken(visitor, tmp_path, f"page-detect{tongue.suffix}.png")


@pytest.mark.parametrize("tongue", TONGUES, ids=lambda tongue: tongue.language)
def test_models_are_looked_at(opened: Browser, house: tuple[Service, Address], tmp_path: Path, tongue: Tongue) -> None:
    """A version on trial beside the one that serves, and requests that both answer."""
    service, address = house
    until(lambda: all(each.requests > 5 for each in service.status().versions), what="one of them answers nobody")
    with visit(opened, address, viewport={"width": WIDTH, "height": HEIGHT}) as visitor:
        visitor.page.request.post(f"{address.url}/page/session", data={"token": service.home.token()})
        visitor.open(f"/{tongue.language}/")
        visitor.tab(tongue.models)
        visitor.page.locator(".models .now").wait_for()
        visitor.page.get_by_role("table").get_by_text("max_end_silence_time=500").first.wait_for()
        taken(visitor, tmp_path, f"page-models{tongue.suffix}.png")
