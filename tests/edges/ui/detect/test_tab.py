"""The tab Detect in a real browser."""

import re
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from segue.errors import MalformedOutput
from segue.service import Ask, Service
from segue.speech.formats import FORMATS
from tests.edges.http.server import Address
from tests.edges.http.service import LoudService, loud_service, model, recording
from tests.edges.ui.browser import page_of, until, visit

LONG_MS = 3_600_000


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoudService]:
    """A service that hears loudness, whose model a test may let wait or fail; nothing serves at first."""
    with loud_service(tmp_path_factory.mktemp("home")) as service:
        yield service


@pytest.fixture(scope="module")
def loud_page(loud: LoudService, opened: Browser) -> Iterator[Page]:
    """Its page."""
    with page_of(loud) as address, visit(opened, address) as visitor:
        visitor.open()
        yield visitor.page
        assert visitor.complaints == []
        assert visitor.strangers == []


def give(page: Page, path: Path) -> None:
    """Choose a file, which takes the place of the last, and wait until the server has it."""
    if page.get_by_role("button", name="Clear").count():
        page.get_by_role("button", name="Clear").first.click()
    with page.expect_response(lambda response: "upload" in response.url and response.request.method == "POST"):
        page.locator("input[type=file]").first.set_input_files(path)
    page.get_by_text(path.stem).first.wait_for()


def detect(page: Page, name: str = "Detect") -> None:
    page.get_by_role("button", name=name, exact=True).click()


def rows(page: Page) -> list[list[str]]:
    return [row.locator("th, td").all_inner_texts() for row in page.locator("#detect-rows tbody tr").all()]


def test_what_is_uploaded_is_seen_read_heard_and_taken_away(
    opened: Browser, address: Address, service: Service, talk_file: Path
) -> None:
    """The table has the library's segments; a click plays one; who answered is said; each download says the same."""
    (found,) = service.detect(talk_file, Ask("test")).future.result(30).detections
    with visit(opened, address) as visitor:
        page = visitor.open().page
        give(page, talk_file)
        detect(page)
        page.locator("#detect-picture .segment").first.wait_for()
        seconds = [(s.start_ms / 1000, s.end_ms / 1000, (s.end_ms - s.start_ms) / 1000) for s in found.segments]
        wanted = [[str(n), *(f"{value:.3f}" for value in times)] for n, times in enumerate(seconds, 1)]
        assert rows(page) == wanted
        said = page.locator("#detect-said")
        expect(said.get_by_role("status").first).to_contain_text(f"talk.wav: {len(found)} segments")
        share = f"{100 * found.speech_ms / found.duration_ms:.1f} %"
        expect(said).to_contain_text(share)
        expect(said).to_contain_text(f"version {found.model.version}, mode classic")
        expect(said).to_contain_text("times real time")
        page.get_by_role("button", name="Play segment 2", exact=True).click()
        start_s, end_s, _ = seconds[1]
        until(lambda: start_s <= page.evaluate("document.querySelector('#detect-picture audio').currentTime") <= end_s)
        until(lambda: bool(page.evaluate("document.querySelector('#detect-picture audio').paused")))
        for form in FORMATS.values():
            with page.expect_download() as taken:
                page.locator(f"a[download='talk.{form.extension}']").first.click()
            text = Path(taken.value.path()).read_text(encoding="utf-8")
            assert text == form.document(
                form.render(form.names(["talk.wav"])["talk.wav"] if form.names else "talk.wav", [found])
            ), form.extension
        assert visitor.complaints == []
        assert visitor.strangers == []


def test_each_thing_that_goes_wrong_is_said(
    loud: LoudService, loud_page: Page, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No file; no version; no audio; no speech, and what to try; a model that fails, one whose answer is malformed."""
    page, alert = loud_page, loud_page.locator("#detect-said").get_by_role("alert")
    detect(page)
    expect(alert).to_have_text("Give a file or record something first.")
    clip, text, silence = tmp_path / "clip.wav", tmp_path / "notes.txt", tmp_path / "silence.wav"
    clip.write_bytes(recording(seconds=2))
    text.write_text("no audio at all " * 100)
    silence.write_bytes(recording(seconds=1))
    give(page, clip)
    detect(page)
    expect(alert).to_contain_text("No version is ready yet")
    loud.serve(model(tmp_path_factory.mktemp("models"), "a"))
    give(page, text)
    detect(page)
    expect(alert).to_contain_text(re.compile(r"^This is not audio, or a format that is not known: notes.txt: "))
    give(page, silence)
    detect(page)
    expect(page.locator("#detect-said").get_by_role("status").first).to_contain_text(
        "No speech was found in silence.wav"
    )
    expect(page.locator("#detect-said")).to_contain_text("far-field")
    give(page, clip)
    for error, said in ((RuntimeError("it broke"), "The model fails"), (MalformedOutput("NaN"), "makes no sense")):

        def fail(_samples: object, error: Exception = error) -> None:
            raise error

        loud.on_accept = fail
        detect(page)
        expect(alert).to_contain_text(said)
        expect(page.locator("#detect-said")).not_to_contain_text("Traceback")
    del loud.on_accept
    detect(page)
    expect(page.locator("#detect-said").get_by_role("status").first).to_contain_text("clip.wav: 1 segment,")


def test_mode_and_thresholds_are_asked_for(
    loud: LoudService, loud_page: Page, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Those of the mode that is chosen; a number that is none is refused in one line."""
    page, said = loud_page, loud_page.locator("#detect-said")
    if not loud.ready:
        loud.serve(model(tmp_path_factory.mktemp("models"), "d"))
    path = tmp_path / "stereo.wav"
    path.write_bytes(recording(seconds=4, channels=2))
    give(page, path)
    page.get_by_role("button", name="Mode and thresholds").click()
    for label, choice in (("Mode", "tight"), ("Channels", "each by itself")):
        page.get_by_label(label, exact=True).click()
        page.get_by_role("option", name=choice, exact=True).click()
    page.get_by_label("speech_noise_thres").fill("0.1")
    page.get_by_label("min_silence_duration_ms").fill("x")
    detect(page)
    expect(said.get_by_role("alert")).to_contain_text("min_silence_duration_ms='x' (request): a whole number")
    page.get_by_label("min_silence_duration_ms").fill("90")
    detect(page)
    expect(said).to_contain_text("mode tight")
    expect(page.locator("#detect-picture .group")).to_have_count(2)
    assert [row[:4] for row in rows(page)] == [
        ["1", "1", "0.970", "2.020"],
        ["2", "1", "2.970", "4.000"],
        ["1", "2", "0.000", "1.020"],
        ["2", "2", "1.970", "3.020"],
    ]
    page.reload()
    page.get_by_role("tab").first.wait_for()


def test_a_long_recording_shows_how_far_it_is_and_is_cancelled(
    loud: LoudService, loud_page: Page, tmp_path: Path
) -> None:
    """Its place in the service is free again, and the model is given nothing more."""
    page = loud_page
    path = tmp_path / "hour.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8 * LONG_MS * 2))
    go_on, calls = threading.Semaphore(3), []

    def wait(_samples: object) -> None:
        calls.append(1)
        go_on.acquire(timeout=30)

    if not loud.ready:
        loud.serve(model(tmp_path, "b"))
    loud.on_accept = wait
    give(page, path)
    detect(page)
    expect(page.locator("#detect-said").get_by_role("status").first).to_contain_text(re.compile(r"heard \(\d %\)"))
    assert loud._admission.taken == 1
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#detect-said").get_by_role("status").first).to_have_text("Cancelled.")
    until(lambda: loud._admission.taken == 0, what="still admitted")
    go_on.release(100)
    heard = len(calls)
    until(lambda: all(report.leases == 0 for report in loud.status().versions), what="still leased")
    assert len(calls) <= heard + 1
    del loud.on_accept


def test_who_closes_the_page_leaves_no_work_behind(
    opened: Browser, loud: LoudService, loud_page: Page, tmp_path: Path
) -> None:
    """The recording under way is cancelled."""
    path = tmp_path / "hour.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8 * LONG_MS * 2))
    go_on = threading.Semaphore(3)

    def wait(_samples: object) -> None:
        go_on.acquire(timeout=30)

    if not loud.ready:
        loud.serve(model(tmp_path, "c"))
    loud.on_accept = wait
    context = opened.new_context()
    page = context.new_page()
    page.goto(loud_page.url)
    page.get_by_role("tab").first.wait_for()
    give(page, path)
    detect(page)
    expect(page.locator("#detect-said").get_by_role("status").first).to_contain_text(re.compile(r"heard \(\d %\)"))
    context.close()
    until(lambda: loud._admission.taken == 0, what="still admitted")
    go_on.release(1000)
    until(lambda: all(report.leases == 0 for report in loud.status().versions), what="still leased")
    del loud.on_accept


def test_what_the_microphone_hears_is_detected(opened: Browser, address: Address) -> None:
    """In Chinese: recorded, stopped, and its segments in the table."""
    with visit(opened, address, locale="zh-CN", permissions=["microphone"]) as visitor:
        page = visitor.open("/zh/").page
        page.locator("button.record-button").first.click()
        page.locator("time.duration", has_text=re.compile("0:0[5-9]")).first.wait_for()
        page.locator("button.stop-button").first.click()
        page.locator("#detect-microphone").wait_for(state="attached")
        page.locator("audio, .waveform-container").first.wait_for(state="attached")
        detect(page, "检测")
        expect(page.locator("#detect-said").get_by_role("status").first).to_contain_text("个片段", timeout=15_000)
        expect(page.get_by_role("columnheader", name="开始")).to_be_visible()
        assert rows(page)
        expect(page.locator("#detect-microphone .lacking")).to_be_hidden()
        assert visitor.complaints == []


def test_where_there_is_no_microphone_it_says_why(opened: Browser, address: Address) -> None:
    """On an address that is neither of this machine nor encrypted, in both languages."""
    for path, said in (("/en/", "This browser gives no microphone here"), ("/zh/", "不提供麦克风")):
        with visit(opened, address) as visitor:
            visitor.page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
            page = visitor.open(path).page
            expect(page.locator("#detect-microphone")).to_contain_text(said)
            expect(page.locator("#detect-microphone .lacking")).to_be_visible()
