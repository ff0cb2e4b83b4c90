"""Ten pages left open: what they cost those who detect, and whether they grow."""

import os
import statistics
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests
import soundfile

from scripts.speech import Samples
from tests.e2e.server import Server, home_with
from tests.edges.http.server import Address
from tests.edges.http.service import recording
from tests.edges.ui.browser import Visit, browser, visit

HOLD_S = float(os.environ.get("SEGUE_TEST_PAGES_S", "3600"))
SETTLED = 0.25
"""Of the time, after which nothing may grow any more."""
MOST_GROWTH_BYTES = 20e6
TABS = ("Models",) * 5 + ("Live",) * 2 + ("Detect",) * 2 + ("Compare",)


def latencies(url: str, *, seconds: float) -> list[float]:
    """In ms, of one client that detects ten seconds of audio a few times a second."""
    clip, took = recording(seconds=10), []
    until_s = time.monotonic() + seconds
    with requests.Session() as session:
        while time.monotonic() < until_s:
            began_s = time.monotonic()
            assert session.post(f"{url}/v1/detect", data=clip, timeout=30).status_code == 200
            took.append(1000 * (time.monotonic() - began_s))
            threading.Event().wait(0.1)
    return sorted(took)


def look(visitor: Visit, tab: str, token: str) -> None:
    """Open a page at a tab; at Live the microphone is on."""
    visitor.open("/en/", token=token)
    visitor.page.wait_for_function("location.hash === ''")
    visitor.page.reload()
    visitor.page.get_by_role("tab").first.wait_for()
    visitor.tab(tab)
    if tab == "Live":
        visitor.page.get_by_role("button", name="Start").click()


def step_back() -> None:
    """The browser takes what the server leaves: people's browsers are on machines of their own."""
    for each in psutil.Process().children(recursive=True):
        if "chrom" in each.name():
            each.nice(19)


@pytest.mark.drill
@pytest.mark.timeout(HOLD_S + 600)
def test_ten_pages_left_open_grow_nothing(model_directory: Path, tmp_path: Path, speech: Samples) -> None:
    """Five at Models, two that listen, three that wait: the server's memory is level, and so are its descriptors."""
    talk_file = tmp_path / "talk.wav"
    soundfile.write(talk_file, speech, 16_000)
    with Server(home_with(tmp_path / "home", model_directory), page=True) as server, ExitStack() as stack:
        process = psutil.Process(server.pid)
        address = Address("127.0.0.1", int(server.url.rpartition(":")[2]))
        token = (server.home / "token").read_text(encoding="utf-8").strip()
        while requests.get(f"{server.url}/en/", timeout=30).status_code != 200:
            time.sleep(0.1)
        alone = latencies(server.url, seconds=min(60, HOLD_S / 10))
        opened = stack.enter_context(browser(microphone=talk_file))
        visitors = [stack.enter_context(visit(opened, address)) for _ in TABS]
        for visitor, tab in zip(visitors, TABS, strict=True):
            look(visitor, tab, token)
        step_back()
        used = process.cpu_times()
        beside_s = min(60, HOLD_S / 10)
        threading.Event().wait(beside_s)
        used_s = process.cpu_times().user + process.cpu_times().system - used.user - used.system
        beside = latencies(server.url, seconds=beside_s)
        sizes: list[tuple[float, int, int]] = []
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < HOLD_S:
            sizes.append((passed_s, process.memory_info().rss, process.num_fds()))
            visitors[0].page.wait_for_timeout(min(10_000, HOLD_S * 20))
        assert [visitor.complaints for visitor in visitors] == [[]] * len(visitors)
    settled = [size for size in sizes if size[0] >= SETTLED * HOLD_S]
    half = len(settled) // 2
    before, after = (statistics.median(size[1] for size in part) for part in (settled[:half], settled[half:]))
    for name, took in (("alone", alone), ("beside ten pages", beside)):
        print(f"{name}: p50 {took[len(took) // 2]:.1f} ms, p99 {took[int(0.99 * len(took))]:.1f} ms, n {len(took)}")
    print(f"the pages take {used_s / beside_s:.1%} of a core of the server")
    first = sizes[0][1]
    print(f"memory: {first / 1e6:.0f} MB at first, then {before / 1e6:.1f} and {after / 1e6:.1f}; fds {settled[-1][2]}")
    assert after - before < MOST_GROWTH_BYTES
    assert settled[-1][2] - settled[0][2] < 20
