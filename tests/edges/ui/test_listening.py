"""What a page's microphone sends, and what it is told: the route alone, without a browser and without Gradio."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.types import Receive, Scope, Send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from segue.edges.http.app import build
from segue.edges.ui.listening import asked, failure
from segue.edges.ui.router import join
from segue.errors import InvalidParameter, InvalidSamples, SegueError, Unauthorized
from segue.service import Policy
from tests.edges.http.server import Address, serving
from tests.edges.http.service import LoudService, loud_service, model
from tests.edges.ui.browser import PATIENCE_S, until

RATE = 48_000
MOST_SAMPLES = 2**15


@contextmanager
def listening(home: Path, **options: Any) -> Iterator[tuple[LoudService, Address]]:
    """A service that serves, and where; its page is never loaded."""
    with loud_service(home / "home", **options) as service:
        service.serve(model(home, "one"))
        app = build(service)
        join(app, service)
        with serving(app) as address:
            yield service, address
        until(lambda: not (service.status().streams.open or service._stream_admission.taken), what="left behind")


class Client:
    """A page's side of one socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.told: list[dict[str, Any]] = []

    def say(self, samples: "np.ndarray[Any, np.dtype[np.int16]]") -> None:
        """Send samples, in messages as large as may be."""
        for at in range(0, len(samples), MOST_SAMPLES):
            self.connection.send(samples[at : at + MOST_SAMPLES].tobytes())

    def hear(self, kind: str) -> dict[str, Any]:
        """The news until some of that kind; it."""
        while True:
            for message in self.told:
                if message["type"] == kind:
                    self.told.remove(message)
                    return message
            self.told += json.loads(self.connection.recv(PATIENCE_S))

    def hear_all(self) -> list[dict[str, Any]]:
        """All until the end."""
        try:
            while True:
                self.told += json.loads(self.connection.recv(PATIENCE_S))
        except ConnectionClosed:
            return self.told


@contextmanager
def client(address: Address, query: str = f"rate={RATE}", *, language: str = "en", **headers: str) -> Iterator[Client]:
    """A page that listens."""
    url = f"ws://{address.host}:{address.port}/page/live/{language}?{query}"
    origin: Any = headers.pop("origin", address.url)
    with connect(url, origin=origin, additional_headers=headers, compression=None, proxy=None) as connection:
        yield Client(connection)


def voice(*, seconds: float = 4.0, rate: int = RATE) -> "np.ndarray[Any, np.dtype[np.int16]]":
    """A second of silence, a loud one, and silence."""
    time_s = np.arange(int(rate * seconds)) / rate
    loud = (time_s >= 1) & (time_s < 2)
    return np.round(9_000 * np.sin(2 * np.pi * 440 * time_s) * loud).astype("<i2")


def test_what_is_sent_is_decided_whole(tmp_path: Path) -> None:
    """At the device's own rate, in pieces of any size: each frame once, in order, and the segment where it was."""
    with listening(tmp_path) as (service, address), client(address, f"rate={RATE}&mode=tight&policy=pin") as page:
        samples = voice()
        for piece in np.split(samples, [7, 1_000, 30_001, 60_000, 90_000, 120_000, 150_000]):
            page.say(piece)
        opened = page.hear("opened")
        assert opened["mode"] == "tight"
        assert opened["version"] == service.board.snapshot().route.primary  # type: ignore[union-attr]
        assert service.status().streams.open == 1
        page.connection.send("finish")
        told = page.hear_all()
        scores = [message for message in told if message["type"] == "scores"]
        ends = [each["from_ms"] + each["frame_ms"] * len(each["values"]) for each in scores]
        assert [each["from_ms"] for each in scores] == [0, *ends[:-1]]
        (segment,) = [message for message in told if message["type"] == "ended"]
        assert segment["start_ms"] == pytest.approx(1_000, abs=60)
        assert segment["end_ms"] == pytest.approx(2_000, abs=60)
        assert told[-1] == {"type": "finished", "duration_ms": 4_000}


def test_a_switch_is_told_and_leaves_no_gap(tmp_path: Path) -> None:
    """From which version to which, at which ms, and the frames go on."""
    with listening(tmp_path) as (service, address), client(address, f"rate={RATE}") as page:
        page.say(voice()[: RATE // 2])
        before = page.hear("opened")["version"]
        page.hear("scores")
        after = service.serve(model(tmp_path, "two"))
        page.say(voice()[RATE // 2 :])
        changed = page.hear("changed")
        assert (changed["before"], changed["version"]) == (before, after)
        assert 0 < changed["at_ms"] <= 500
        page.connection.send("finish")
        assert page.hear("finished")["duration_ms"] == 4_000


def test_the_log_s_line_has_the_facts_of_the_stream(tmp_path: Path) -> None:
    """The version and the mode that decided last, and the seconds heard."""
    with loud_service(tmp_path / "home") as service:
        version = service.serve(model(tmp_path, "one"))
        app = build(service)
        join(app, service)
        facts: dict[str, Any] = {}

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            facts.update(scope["state"]["facts"])

        with serving(noting) as address:
            with client(address, f"rate={RATE}&mode=tight") as page:
                page.say(voice())
                page.connection.send("finish")
                page.hear("finished")
            until(lambda: bool(facts))
        assert facts == {"version": version, "mode": "tight", "audio_s": 4.0}


def test_a_page_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    """Without a word of farewell: its stream and its place come back."""
    with listening(tmp_path) as (service, address):
        with client(address) as page:
            page.say(voice()[:30_000])
            page.hear("opened")
            page.connection.socket.close()
        until(lambda: service.status().streams.open == 0)


def test_pages_do_not_mix(tmp_path: Path) -> None:
    """Each is told of its own audio alone."""
    with listening(tmp_path) as (_, address), client(address) as loud, client(address) as quiet:
        for page, samples in ((loud, voice()), (quiet, np.zeros(RATE, np.int16))):
            page.say(samples[: RATE // 4])
            page.say(samples[RATE // 4 : RATE // 2])
        for piece in np.array_split(voice()[RATE // 2 :], 8):
            loud.say(piece)
        for page in (loud, quiet):
            page.connection.send("finish")
        assert [each["type"] for each in quiet.hear_all() if each["type"] != "scores"] == ["opened", "finished"]
        assert {"started", "ended"} <= {each["type"] for each in loud.hear_all()}


def test_other_sites_are_refused(tmp_path: Path) -> None:
    """403 for a page of another site, or of none, and for a language that there is not."""
    with listening(tmp_path) as (service, address):
        cases = (("http://evil.example", "en"), (f"http://{address.host}:1", "en"), ("null", "en"), (address.url, "fr"))
        for origin, language in cases:
            with pytest.raises(InvalidStatus) as refused, client(address, language=language, origin=origin):
                pass
            assert refused.value.response.status_code == 403
        assert service.status().streams.open == 0


def test_what_cannot_be_is_said_in_the_page_s_language(tmp_path: Path) -> None:
    """And the socket is closed: a rate that is none, a mode that there is not, and a message that is no audio."""
    with listening(tmp_path) as (_, address):
        for query, sent, code in (
            ("rate=1", None, "invalid_samples"),
            ("", None, "invalid_parameter"),
            (f"rate={RATE}&mode=odd", None, "invalid_parameter"),
            (f"rate={RATE}", b"odd", "bad_request"),
            (f"rate={RATE}", "stop", "bad_request"),
            (f"rate={RATE}", bytes(70_000), "body_too_large"),
        ):
            with client(address, query, language="zh") as page:
                if sent is not None:
                    page.connection.send(sent)
                failed = page.hear("failed")
                assert (failed["code"], failed["final"]) == (code, True)
                assert any("\u4e00" <= character <= "\u9fff" for character in failed["text"])
                with pytest.raises(ConnectionClosed):
                    page.connection.recv(PATIENCE_S)


def test_a_full_service_says_so(tmp_path: Path) -> None:
    """The second of one place is refused, and the first goes on."""
    with listening(tmp_path, max_streams=1) as (_, address), client(address) as first:
        first.hear("opened")
        with client(address) as second:
            assert second.hear("failed")["code"] == "overloaded"
        first.connection.send("finish")
        first.hear("finished")


def test_nothing_serves_yet(tmp_path: Path) -> None:
    """The page is told so, and why."""
    with loud_service(tmp_path) as service:
        app = build(service)
        join(app, service)
        with serving(app) as address, client(address) as page:
            assert page.hear("failed")["code"] == "not_ready"


def test_a_closed_door_stays_closed(tmp_path: Path) -> None:
    """Without the cookie that the token opens."""
    with listening(tmp_path, is_open=False) as (_, address), client(address, language="zh") as page:
        assert page.hear("failed")["code"] == "unauthorized"


def test_a_page_that_says_nothing_is_let_go(tmp_path: Path) -> None:
    """After the service's own time."""
    with listening(tmp_path, stream_idle_s=0.2) as (_, address), client(address) as page:
        assert page.hear("failed")["code"] == "body_too_slow"


def test_a_failing_model_is_told_and_is_no_silence(tmp_path: Path) -> None:
    """It is said that it fails and that it goes on; when another one serves, all that came meanwhile is decided."""
    with listening(tmp_path) as (service, address), client(address, language="zh") as page:
        page.hear("opened")

        def trouble(_: object) -> None:
            raise RuntimeError("broken")

        service.on_accept = trouble
        page.say(voice()[:30_000])
        failed = page.hear("failed")
        assert (failed["code"], failed["final"]) == ("inference_failed", False)
        assert "模型" in failed["text"]
        service.on_accept = lambda _: None
        service.serve(model(tmp_path, "two"))
        page.say(voice()[30_000:])
        page.connection.send("finish")
        page.hear("changed")
        assert page.hear("finished")["duration_ms"] == 4_000


def test_nothing_is_lost_or_held_while_the_model_stands_still(tmp_path: Path) -> None:
    """What waits is bounded: the socket is not read any more, until the model goes on; then all is decided."""
    with listening(tmp_path) as (service, address), client(address, "rate=192000") as page:
        page.hear("opened")
        go_on, stands = threading.Event(), threading.Event()

        def stand(_: object) -> None:
            stands.set()
            go_on.wait(PATIENCE_S)

        service.on_accept = stand
        sending = threading.Thread(target=page.say, args=(np.zeros(30 * 192_000, np.int16),))
        sending.start()
        assert stands.wait(PATIENCE_S)
        (live,) = service._rounds.streams()
        until(lambda: live.waiting_samples > 1_920_000)
        threading.Event().wait(0.2)
        assert live.waiting_samples <= 1_920_000 + MOST_SAMPLES
        go_on.set()
        sending.join(PATIENCE_S)
        page.connection.send("finish")
        assert page.hear("finished")["duration_ms"] == 30_000


def test_what_is_asked_is_checked() -> None:
    """Empty choices are the version's own; each stream has a key of its own."""
    ask = asked({"rate": "44100", "mode": "", "preset": "noisy", "policy": "at-silence"})
    assert (ask.sample_rate, dict(ask.asked), ask.policy) == (44_100, {"preset": "noisy"}, Policy.AT_SILENCE)
    assert ask.probabilities
    assert ask.key != asked({"rate": "44100"}).key
    for given in ({}, {"rate": "x"}, {"rate": "48000", "policy": "odd"}, {"rate": "48000", "preset": "odd"}):
        with pytest.raises(InvalidParameter):
            asked(given)
    for rate in ("nan", "inf", "-1", "44100.5"):
        with pytest.raises(InvalidSamples):
            asked({"rate": rate})


def test_a_failure_without_words_has_its_own_line() -> None:
    """In either language."""
    assert "令牌" in failure(Unauthorized("no"), "zh")
    assert failure(SegueError("it broke"), "en") == "it broke"
