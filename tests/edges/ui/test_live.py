"""Live in a real browser, whose microphone plays ``speech``: what is heard, seen and said, and that nothing is lost."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from playwright.sync_api import Browser

from segue.edges.ui.files import text_of
from segue.edges.ui.live import markup
from segue.edges.ui.words import Words
from segue.service import Service
from segue.service.recordings import Ask
from segue.swap import ModelSpec
from tests.edges.http.server import Address
from tests.edges.http.service import loud_service, model
from tests.edges.ui.browser import Visit, page_of, until, visit

TIMEOUT_S = 30.0

HEARD = """() => { const h = document.querySelector('.live').heard; return h && {
  gaps: h.gaps, decidedMs: h.decidedMs, capturedMs: h.capturedMs, delayMs: h.delayMs, count: h.count, rate: h.rate,
  segments: h.segments, changes: h.changes, openFrom: h.openFrom, scores: h.scores && h.scores.end}; }"""

HOUR = """() => {
  const heard = new Heard(48000), chunk = new Int16Array(1920);
  for (let ms = 0, told = 0; ms < 3600000; ms += 40) {
    heard.capture(chunk, ms);
    heard.accept({type: "scores", from_ms: ms, frame_ms: 10, values: [0, 0.5, 1, 0]}, ms);
    if (ms % 2000 === 0) heard.accept({type: "ended", start_ms: ms, end_ms: ms + 1000}, ms);
    if (ms % 60000 === 0) heard.accept({type: "changed", at_ms: ms, before: "a", version: "b"}, ms);
  }
  return {gaps: heard.gaps, count: heard.count, speechMs: heard.speechMs, capturedMs: heard.capturedMs,
    sizes: [heard.low.values.length, heard.high.values.length, heard.scores.values.length, heard.segments.length,
      heard.changes.length]};
}"""

CAPTURE = """async () => {
  const chunks = [];
  const microphone = new Microphone((chunk) => chunks.push(chunk), () => {});
  await microphone.open();
  microphone.begin();
  await new Promise((done) => setTimeout(done, 5000));
  microphone.close();
  const all = new Int16Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) { all.set(chunk, at); at += chunk.length; }
  let text = "";
  for (const byte of new Uint8Array(all.buffer)) text += String.fromCharCode(byte);
  return [microphone.rate, btoa(text)];
}"""


@contextmanager
def live(opened: Browser, address: Address, **context: Any) -> Iterator[Visit]:
    """A visitor at the tab, and nobody's stream at the end."""
    context.setdefault("locale", "en-US")
    with visit(opened, address, **context) as visitor:
        visitor.open("/")
        visitor.tab("实时" if context["locale"].startswith("zh") else "Live")
        yield visitor


def heard(visitor: Visit) -> dict[str, Any]:
    """What the page has."""
    found: dict[str, Any] = visitor.page.evaluate(HEARD) or {
        "decidedMs": 0,
        "count": 0,
        "segments": [],
        "openFrom": None,
    }
    return found


def wait(visitor: Visit, condition: str) -> None:
    """Until something is so of what the page has, ``h``."""
    visitor.page.wait_for_function(f"() => {{ const h = document.querySelector('.live').heard; return {condition}; }}")


def begin(visitor: Visit, *, button: str = "Start listening") -> None:
    visitor.page.get_by_role("button", name=button).click()


def place_of(piece: NDArray[np.float64], played: NDArray[np.float64]) -> int:
    """Where a piece is in a recording that is played again and again: the place of the best normalised correlation."""
    padded = np.zeros(len(played))
    padded[: len(piece)] = piece - piece.mean()
    together = np.fft.irfft(np.fft.rfft(played) * np.conj(np.fft.rfft(padded)), len(played))
    sums = np.cumsum(np.concatenate(([0], played**2, played[: len(piece)] ** 2)))
    energy = sums[len(piece) : len(piece) + len(played)] - sums[: len(played)]
    return int((together / np.sqrt(energy + 1e-3 * energy.max())).argmax())


@dataclass(frozen=True)
class Listened:
    """What one page had after a while of listening, with a switch in the middle."""

    first: dict[str, Any]
    last: dict[str, Any]
    before: str
    after: str
    rows: list[list[str]]
    said: str
    complaints: list[str]


@pytest.fixture(scope="module")
def listened(opened: Browser, address: Address, service: Service, model_directory: Path) -> Iterator[Listened]:
    """Ten seconds in mode tight: an utterance, the switch in the silence or the speech that follows."""
    before = service.board.snapshot().route.primary  # type: ignore[union-attr]
    with live(opened, address) as visitor:
        page = visitor.page
        page.get_by_label("Mode", exact=True).select_option(label="Tight")
        begin(visitor)
        wait(visitor, "h && h.count >= 1")
        first = heard(visitor)
        spec = ModelSpec(str(model_directory), None, {"max_single_segment_time": 50_000})
        switched = service.switch(spec, who="test").future.result(TIMEOUT_S)
        said = page.get_by_role("log").get_by_role("listitem").text_content() or ""
        wait(visitor, "h.count >= 2")
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped after").wait_for()
        rows = [row.split("\t") for row in page.locator(".live tbody").nth(1).inner_text().splitlines() if row.strip()]
        yield Listened(first, heard(visitor), before, str(switched.route.primary), rows, said, visitor.complaints)
    until(lambda: service.status().streams.open == 0)
    service.rollback(who="test").future.result(TIMEOUT_S)


def test_segments_are_those_of_the_recording(listened: Listened, service: Service, talk_file: Path) -> None:
    """Those that the service finds in the file, as long and as far apart; wherever the microphone's loop began."""
    call = service.detect(talk_file, Ask("test", asked={"mode": "tight"}))
    truth = [(each.start_ms, each.end_ms) for each in call.future.result(TIMEOUT_S).detections[0].segments]
    truth += [(start + 30_000, end + 30_000) for start, end in truth]
    # The first two were waited for; a third would be one that the stop has cut.
    found = [(each["start"], each["end"]) for each in listened.last["segments"][:2]]
    shifts = [found[0][0] - start for start, _ in truth]
    near = [
        all(any(abs(a - b - shift) < 80 and abs(c - d - shift) < 80 for b, d in truth) for a, c in found)
        for shift in shifts
    ]
    assert any(near), (found, truth)


def test_a_switch_is_said_and_the_picture_goes_on(listened: Listened) -> None:
    """From version to version and when, in words and as a mark; each frame came once, before it and after."""
    (change,) = listened.last["changes"]
    assert (change["before"], change["after"]) == (listened.before, listened.after)
    for part in (listened.before, listened.after, f"{change['at'] / 1000:.3f}", "tight"):
        assert part in listened.said
    assert listened.first["decidedMs"] <= change["at"] + 200
    assert change["at"] < listened.last["decidedMs"]
    assert listened.last["gaps"] == 0
    starts = [each["start"] for each in listened.last["segments"]]
    assert starts == sorted(starts)
    assert listened.complaints == []


def test_all_that_was_heard_is_decided(listened: Listened) -> None:
    """To the last chunk that the microphone gave, but for a frame that is not whole."""
    assert listened.last["capturedMs"] - listened.last["decidedMs"] < 100


def test_the_table_says_what_the_picture_shows(listened: Listened) -> None:
    """Number, start, end and duration in seconds with three places; the newest first."""
    newest = listened.last["segments"][-1]
    assert listened.rows[0] == [
        str(newest["number"]),
        *(f"{ms / 1000:.3f}" for ms in (newest["start"], newest["end"], newest["end"] - newest["start"])),
    ]
    assert len(listened.rows) == listened.last["count"]


def test_speech_and_silence_are_said_in_words_and_the_open_utterance_grows(opened: Browser, address: Address) -> None:
    """In Chinese too; keys start and stop; the state goes back when the microphone is let go."""
    with live(opened, address, locale="zh-CN", viewport={"width": 390, "height": 844}) as visitor:
        page = visitor.page
        state = page.locator(".live .state")
        page.get_by_role("img", name="实时波形图").focus()
        page.keyboard.press("Space")
        page.get_by_text("静音", exact=True).wait_for()
        page.get_by_text("说话中", exact=True).wait_for()
        row = page.get_by_role("row", name="进行中")
        row.wait_for()
        shown = float(row.get_by_role("cell").last.inner_text())
        until(lambda: float(row.get_by_role("cell").last.inner_text()) > shown + 0.3)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("Escape")
        page.get_by_text("已停止").wait_for()
        assert state.inner_text() == "未监听"
        assert visitor.complaints == []


def test_two_pages_do_not_mix(opened: Browser, address: Address, service: Service) -> None:
    """Each has its own stream, and a page that is reloaded or closed leaves none."""
    with live(opened, address) as one, live(opened, address) as two:
        begin(one)
        wait(one, "h && h.decidedMs > 600")
        begin(two)
        wait(two, "h && h.decidedMs > 300")
        assert service.status().streams.open == 2
        first, second = heard(one), heard(two)
        assert (first["gaps"], second["gaps"]) == (0, 0)
        assert first["decidedMs"] > second["decidedMs"] + 200
        one.page.reload()
        until(lambda: service.status().streams.open == 1)
        wait(two, f"h.decidedMs > {second['decidedMs'] + 200}")
    until(lambda: service.status().streams.open == 0)


def test_whoever_looks_elsewhere_is_listened_to_for_a_minute(
    opened: Browser, address: Address, service: Service
) -> None:
    """Another tab of the page leaves time to switch the model there; then nobody goes on with an open microphone."""
    with visit(opened, address, locale="en-US") as visitor:
        visitor.page.clock.install()
        visitor.open("/")
        visitor.tab("Live")
        begin(visitor)
        wait(visitor, "h && h.decidedMs > 100")
        visitor.tab("Detect")
        visitor.page.clock.fast_forward(30_000)
        decided = heard(visitor)["decidedMs"]
        wait(visitor, f"h.decidedMs > {decided + 500}")
        visitor.page.clock.fast_forward(40_000)
        until(lambda: service.status().streams.open == 0)
        visitor.tab("Live")
        visitor.page.get_by_text("not looked at for a minute").wait_for()


def test_an_hour_takes_no_more_than_two_minutes(opened: Browser, address: Address) -> None:
    """What the page keeps is bounded, and the sums are right all the same."""
    with visit(opened, address) as visitor:
        visitor.page.goto(f"{address.url}/livez")
        visitor.page.add_script_tag(content=text_of("heard.js"))
        kept = visitor.page.evaluate(HOUR)
    assert kept["sizes"] == [12_000, 12_000, 12_000, 50, 20]
    assert (kept["gaps"], kept["count"], kept["speechMs"]) == (0, 1_800, 1_800_000)
    assert kept["capturedMs"] == 3_600_000


def test_the_microphone_loses_no_sample(opened: Browser, address: Address, talk_file: Path) -> None:
    """Five seconds of it are the recording that the microphone plays, at one and the same distance throughout."""
    with visit(opened, address) as visitor:
        visitor.page.goto(f"{address.url}/livez")
        visitor.page.add_script_tag(content=text_of("microphone.js"))
        rate, text = visitor.page.evaluate(CAPTURE)
    samples = np.frombuffer(base64.b64decode(text), "<i2").astype(float)
    assert len(samples) / rate == pytest.approx(5, abs=0.5)
    heard_at_16k = soxr.resample(samples, rate, 16_000)
    played, _ = soundfile.read(talk_file)
    pieces = [(at, heard_at_16k[at : at + 8_000]) for at in range(0, len(heard_at_16k) - 8_000, 4_000)]
    loud = [(at, piece) for at, piece in pieces if piece.std() > 300]
    assert len(loud) >= 3
    shifts = [(place_of(piece, played) - at) % len(played) for at, piece in loud]
    assert max(shifts) - min(shifts) <= 2, shifts


def test_what_is_wrong_with_the_microphone_is_said(opened: Browser, address: Address) -> None:
    """An address to which browsers give none, before anybody tries; a refused one; and none at all."""
    with visit(opened, address, locale="en-US") as visitor:
        visitor.page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false});")
        visitor.open("/")
        visitor.tab("Live")
        visitor.page.locator(".live [role=status]").get_by_text("over TLS").wait_for()
        begin(visitor)
        visitor.page.locator(".live [role=alert]").get_by_text(f"127.0.0.1:{address.port}").wait_for()
    with live(opened, address) as visitor:
        for name, said in (
            ("NotAllowedError", "is not allowed"),
            ("NotFoundError", "There is no microphone"),
            ("NotReadableError", "cannot be opened (NotReadableError)"),
        ):
            refusal = f"async () => {{ throw new DOMException('', '{name}'); }}"
            visitor.page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {refusal}; }}")
            begin(visitor)
            visitor.page.locator(".live [role=alert]").get_by_text(said).wait_for()
        visitor.page.get_by_role("button", name="Start listening").wait_for()


def test_what_is_wrong_with_the_service_is_said(opened: Browser, tmp_path: Path) -> None:
    """No version ready, no place left, a model that fails for a while, a service that ends, and one that is gone."""
    with (
        loud_service(tmp_path / "home", max_streams=1) as service,
        visit(opened, Address("", 0), locale="en-US") as visitor,
    ):
        alert = visitor.page.locator(".live [role=alert]")
        with page_of(service) as address:
            visitor.address = address
            visitor.open("/")
            visitor.tab("Live")
            begin(visitor)
            alert.get_by_text("No version is ready yet").wait_for()
            service.serve(model(tmp_path, "one"))
            begin(visitor)
            wait(visitor, "h && h.decidedMs > 100")
            with live(opened, address) as other:
                begin(other)
                other.page.locator(".live [role=alert]").get_by_text("The service is full").wait_for()

            def trouble(_: object) -> None:
                raise RuntimeError("broken")

            service.on_accept = trouble
            alert.get_by_text("Listening goes on").wait_for()
            service.on_accept = lambda _: None
            service.serve(model(tmp_path, "two"))
            decided = heard(visitor)["decidedMs"]
            wait(visitor, f"h.decidedMs > {decided + 300} && h.gaps === 0")
            service._rounds.shut()
            alert.get_by_text("being stopped").wait_for()
            visitor.page.get_by_role("button", name="Start listening").wait_for()
            assert "goes on" not in alert.inner_text()
            until(lambda: service.status().streams.open == 0)
        begin(visitor)
        alert.get_by_text("connection to the service is lost").wait_for()
        visitor.page.get_by_role("button", name="Start listening").wait_for()
        assert visitor.complaints == []


def test_what_is_said_is_escaped_and_every_control_has_a_label() -> None:
    """Each select has its label; the table has a caption and scopes."""
    text = markup(Words("en", "live"))
    assert text.count("<select id=") == text.count("<label for=") == 3
    assert "version&#x27;s" in text
    assert text.count('scope="col"') == 4
    assert "<caption>" in text
