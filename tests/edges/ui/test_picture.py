"""The picture: its value, and what is seen, heard and done with it in a real browser."""

import base64
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from segue.edges.ui.picture import Track, drawn, picture, threshold_of
from segue.edges.ui.words import Words
from segue.errors import AudioUndecodable
from segue.speech.rules import Rules
from tests.edges.http.server import Address, serving
from tests.edges.http.service import recording
from tests.edges.ui.browser import until, visit
from tests.fakes import loudness_detector


def tracks_of(source: Path) -> tuple[Track, int]:
    """What a loudness detector hears in it, and its length in ms."""
    found = loudness_detector(mode="tight").detect(source, probabilities=True)
    return Track.of("loud", found), found.duration_ms


@contextmanager
def shown(made: dict[str, Any], language: str) -> Iterator[Address]:
    """A page with a picture on it, of that value, once its button is clicked."""
    import gradio
    from fastapi import FastAPI

    with gradio.Blocks() as blocks:
        place = picture(Words(language), elem_id="picture")
        gradio.Button("draw").click(lambda: made, outputs=place, api_visibility="private", queue=False)
    app = FastAPI()
    gradio.mount_gradio_app(app, blocks, path="/p")
    with serving(app) as address:
        yield address


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds; the odd ones are loud."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    path.write_bytes(recording(seconds=10))
    return path


@pytest.fixture(scope="module")
def made(clip: Path) -> dict[str, Any]:
    """Its value."""
    track, duration_ms = tracks_of(clip)
    return drawn(clip, [track], duration_ms=duration_ms)


@pytest.fixture(scope="module")
def page(opened: Browser, made: dict[str, Any]) -> Iterator[Page]:
    """The picture of it, drawn, in English."""
    with shown(made, "en") as address, visit(opened, address) as visitor:
        visitor.page.goto(f"{address.url}/p")
        visitor.page.get_by_role("button", name="draw").click()
        visitor.page.get_by_role("button", name="1: ").wait_for()
        yield visitor.page
        assert visitor.complaints == []


@pytest.fixture
def still(page: Page) -> Iterator[Page]:
    """The same, whole and silent before and after."""
    yield page
    page.evaluate("document.querySelector('audio').pause()")
    if page.get_by_role("button", name="Whole").is_enabled():
        page.get_by_role("button", name="Whole").click()


def segments(page: Page) -> list[str]:
    return [str(button.get_attribute("aria-label")) for button in page.locator(".segment").all()]


def audio(page: Page, what: str) -> Any:
    return page.evaluate(f"document.querySelector('audio').{what}")


def test_the_value_tells_the_waveform_the_scores_and_where_to_hear_it(clip: Path, made: dict[str, Any]) -> None:
    """Columns of the loud seconds reach the peak and those of the others do not; the copy has the very samples."""
    columns = np.frombuffer(base64.b64decode(made["high"]), np.int8)
    seconds = columns.reshape(10, -1).max(axis=1)
    assert seconds.tolist() == [0, 127] * 5
    (track,) = made["tracks"]
    scores = np.frombuffer(base64.b64decode(track["scores"]), np.uint8)
    assert (len(scores), track["score_ms"], track["threshold"]) == (1000, 10, 0.7)
    assert scores[150] > 200 > 50 > scores[50]
    with wave.open(made["audio"]["path"]) as copy, wave.open(str(clip)) as original:
        assert copy.getparams() == original.getparams()
        assert copy.readframes(200_000) == original.readframes(200_000)


def test_long_recordings_are_told_in_no_more_values(tmp_path: Path) -> None:
    """An hour and more: means of several frames, and the copy at the low rate."""
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000 * 3700))
    scores = np.tile(np.array([0, 1], np.float32), 185_000)
    told = drawn(path, [Track("long", (), probabilities=scores)], duration_ms=3_700_000)
    assert told["rate"] == 8000
    kept = np.frombuffer(base64.b64decode(told["tracks"][0]["scores"]), np.uint8)
    assert len(kept) <= 36_000
    assert len(kept) * told["tracks"][0]["score_ms"] >= 3_700_000
    assert abs(float(kept[:-1].mean()) - 127.5) < 3
    Path(told["audio"]["path"]).unlink()


def test_what_cannot_be_drawn_leaves_nothing_behind(tmp_path: Path) -> None:
    """No copy of what is not audio, nor of what nobody waits for any more."""
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder())
    before = set(folder.rglob("*")) if folder.exists() else set()
    path = tmp_path / "x.wav"
    path.write_bytes(b"no audio at all " * 100)
    with pytest.raises(AudioUndecodable):
        drawn(path, [], duration_ms=1000)
    path.write_bytes(recording(seconds=1))

    def gone(_done_ms: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn(path, [], duration_ms=1000, progress=gone)
    assert set(folder.rglob("*")) - before <= {folder}


@pytest.mark.parametrize(
    ("asked", "threshold"),
    [
        ({}, 0.8),
        ({"speech_noise_thres": 0.0}, 0.5),
        ({"preset": "far-field"}, 0.2),
        ({"mode": "tight"}, 0.7),
        ({"speech_noise_thres": 1.0}, 1.0),
    ],
)
def test_the_threshold_is_where_the_rules_have_it(asked: dict[str, object], threshold: float) -> None:
    """The probability from which on a frame is speech, in every mode."""
    assert threshold_of(Rules.of({}, ("request", asked))) == pytest.approx(threshold, abs=0.001)


def test_each_segment_is_a_button_with_its_times(still: Page) -> None:
    """In order, one of them in the order of tabs; the picture says what it is."""
    assert segments(still) == [f"{n}: {2 * n - 1 - 0.03:.3f} to {min(10, 2 * n + 0.02):.3f} s" for n in range(1, 6)]
    expect(still.get_by_role("group", name="loud: waveform of 0:10, 5 segments")).to_be_visible()
    assert still.locator(".segment[tabindex='0']").count() == 1


def test_a_click_plays_that_segment_and_no_more(still: Page) -> None:
    """From its start to its end; the second click stops it."""
    button = still.get_by_role("button", name="2: ")
    button.click()
    until(lambda: 2.97 <= audio(still, "currentTime") <= 4.02 and not audio(still, "paused"), what="does not play")
    expect(button).to_have_class("segment playing")
    expect(still.get_by_role("button", name="Pause")).to_be_visible()
    until(lambda: audio(still, "paused"), what="does not stop")
    assert audio(still, "currentTime") == pytest.approx(4.02, abs=0.001)
    expect(still.get_by_role("button", name="Play")).to_be_visible()
    button.evaluate("its => { its.click(); its.click(); }")
    assert audio(still, "paused")


def test_keys_go_from_one_to_the_next_and_play(still: Page) -> None:
    """Arrows, Home and End move the focus; Enter plays, Escape stops; + and - zoom."""
    still.locator(".segment[tabindex='0']").focus()
    for key, number in (("Home", 1), ("ArrowRight", 2), ("ArrowDown", 3), ("ArrowLeft", 2), ("End", 5)):
        still.keyboard.press(key)
        expect(still.get_by_role("button", name=f"{number}: ")).to_be_focused()
    still.keyboard.press("Enter")
    until(lambda: audio(still, "currentTime") > 9 and not audio(still, "paused"))
    still.keyboard.press("Escape")
    until(lambda: audio(still, "paused"))
    still.keyboard.press("+")
    expect(still.get_by_role("slider", name="Place shown")).to_be_visible()
    still.keyboard.press("Home")
    expect(still.get_by_role("button", name="1: ")).to_be_focused()
    expect(still.get_by_role("button", name="1: ")).to_be_in_viewport()


def test_closer_looks_show_the_samples(still: Page) -> None:
    """Zooming by button and by wheel leaves only what is in sight, and reads the copy there; dragging moves on."""
    with still.expect_response(lambda response: "file=" in response.url) as read:
        for _ in range(3):
            still.get_by_role("button", name="Zoom in").click()
    assert (read.value.status, 0 < len(read.value.body()) < 100_000) == (206, True)
    before = segments(still)
    assert len(before) < 5
    box = still.locator(".stage").bounding_box()
    assert box is not None
    still.mouse.move(box["x"] + 300, box["y"] + 30)
    still.mouse.down()
    still.mouse.move(box["x"] - 3000, box["y"] + 30, steps=4)
    still.mouse.up()
    until(lambda: segments(still) != before, what="does not move")
    assert audio(still, "paused")  # a drag is no click
    still.mouse.move(box["x"] + 300, box["y"] + 30)
    still.keyboard.down("Control")
    for _ in range(20):
        still.mouse.wheel(0, 400)
    still.keyboard.up("Control")
    expect(still.get_by_role("button", name="Whole")).to_be_disabled()
    assert len(segments(still)) == 5


def test_the_pointer_reads_time_and_probability(still: Page) -> None:
    """In the middle of a loud second and of a silent one."""
    box = still.locator(".stage").bounding_box()
    assert box is not None
    for second, score in ((1.5, "0.98"), (2.5, "0.02")):
        still.mouse.move(box["x"] + box["width"] * second / 10, box["y"] + 20)
        expect(still.locator(".readout")).to_contain_text(f"{second:.1f}")
        expect(still.locator(".readout")).to_contain_text(f"probability {score}")


def test_it_is_drawn_sharp_and_anew(still: Page) -> None:
    """As many dots as the screen has, at another size of the window, and in the dark in other colours."""
    width = "document.querySelector('.stage canvas').width"
    drawing = "document.querySelector('.stage canvas').toDataURL()"
    assert still.evaluate(width) == round(still.evaluate("document.querySelector('.stage').clientWidth"))
    light = still.evaluate(drawing)
    still.set_viewport_size({"width": 390, "height": 800})
    until(lambda: still.evaluate(width) < 390)
    assert still.evaluate("document.documentElement.scrollWidth") <= 390
    still.set_viewport_size({"width": 1280, "height": 720})
    until(lambda: still.evaluate(drawing) == light)
    still.evaluate("document.body.classList.add('dark')")
    until(lambda: still.evaluate(drawing) != light)
    still.evaluate("document.body.classList.remove('dark')")


def test_two_tracks_and_where_they_differ(opened: Browser, clip: Path) -> None:
    """Each has its row of buttons with its name, in Chinese too; what is foreign in a name stays text."""
    track, duration_ms = tracks_of(clip)
    other = Track("<img src=x onerror=alert(1)>", track.segments[1:], marks=(track.segments[0],))
    scale = {"device_scale_factor": 2, "locale": "zh-CN"}
    with (
        shown(drawn(clip, [track, other], duration_ms=duration_ms), "zh") as address,
        visit(opened, address, **scale) as visitor,
    ):
        visitor.page.goto(f"{address.url}/p")
        visitor.page.get_by_role("button", name="draw").click()
        first = visitor.page.get_by_role("group", name="loud：时长 0:10 的波形，共 5 个片段")
        second = visitor.page.get_by_role("group", name="<img src=x onerror=alert(1)>：时长 0:10 的波形，共 4 个片段")
        expect(first.get_by_role("button")).to_have_count(5)
        expect(second.get_by_role("button")).to_have_count(4)
        expect(second.get_by_role("button", name="1：2.970 至 4.020 秒")).to_be_visible()
        width = visitor.page.evaluate("document.querySelector('.stage canvas').width")
        assert width == 2 * visitor.page.evaluate("document.querySelector('.stage').clientWidth")
        assert visitor.page.locator(".picture img").count() == 0
        assert visitor.complaints == []
