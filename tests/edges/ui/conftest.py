"""What the page's tests share: one service with the real model and its page, one browser with a microphone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from playwright.sync_api import Browser

from scripts.speech import Samples
from segue.service import Service
from segue.settings import read_settings
from segue.swap import ModelSpec
from tests.edges.http.server import Address
from tests.edges.ui.browser import browser, page_of

TIMEOUT_S = 30.0


@pytest.fixture(scope="session")
def talk_file(speech: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``speech`` as a WAV file."""
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, speech, 16_000)
    return path


@pytest.fixture(scope="session")
def service(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in which the default model serves. Who changes that changes it back."""
    made = Service(read_settings(home=tmp_path_factory.mktemp("home"), bake_s=600.0))
    try:
        made.switch(ModelSpec(str(model_directory)), who="test").future.result(TIMEOUT_S)
        yield made
    finally:
        made.stop(TIMEOUT_S)


@pytest.fixture(scope="session")
def address(service: Service) -> Iterator[Address]:
    """Its page."""
    with page_of(service) as found:
        yield found


@pytest.fixture(scope="module")
def opened(talk_file: Path) -> Iterator[Browser]:
    """A browser whose microphone plays ``speech``; each visit has its own context.

    For a module at the most: as long as it is open, Playwright has the main thread's event loop.
    """
    with browser(microphone=talk_file) as found:
        yield found
