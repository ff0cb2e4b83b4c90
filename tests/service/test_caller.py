"""Who sent a request: its body, and whether anybody still waits."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from segue.errors import (
    AudioTooLong,
    AudioUndecodable,
    InvalidSamples,
    RequestTooLarge,
    RequestTooSlow,
    RequestUnsupported,
)
from segue.service.caller import Caller, CallerGone, client_of, of_samples
from segue.service.recordings import Answer, Ask, Call
from segue.settings import read_settings


def receiving(*messages: dict[str, Any], then: str = "wait") -> Callable[[], Awaitable[dict[str, Any]]]:
    """What a server gives, one after the other."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop(0)
        if then == "wait":
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def read(caller: Caller, **asked: Any) -> bytes:
    async def run() -> bytes:
        return b"".join([piece async for piece in caller.pieces(**({"most_bytes": 10} | asked))])

    return asyncio.run(run())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def test_a_body_comes_in_pieces(home: Path) -> None:
    """As many as it has, none of them empty."""
    settings = read_settings(home=home)
    receive = receiving(piece(b"ab", more=True), piece(b"", more=True), piece(b"c", more=False))
    assert read(Caller(receive, settings)) == b"abc"


def test_a_large_body_is_refused(home: Path) -> None:
    """At once where its length is said, else when it is passed; a length of whatever digits is none of ours."""
    settings = read_settings(home=home)
    for declared in ("11", "9" * 5000):
        with pytest.raises(RequestTooLarge, match="at most 10 are taken"):
            read(Caller(receiving(), settings), declared=declared)
    receive = receiving(piece(b"123456", more=True), piece(b"123456", more=True))
    with pytest.raises(RequestTooLarge, match="more than 10 bytes"):
        read(Caller(receive, settings))
    assert read(Caller(receiving(piece(b"a", more=False)), settings), declared="x") == b"a"


def test_a_slow_body_is_refused(home: Path) -> None:
    """One that stands still, and one that takes too long in all."""
    with pytest.raises(RequestTooSlow, match="stopped after 1 bytes"):
        read(Caller(receiving(piece(b"a", more=True)), read_settings(home=home, body_idle_s=0.01)))
    with pytest.raises(RequestTooSlow, match=r"took longer than 0\.01 s, and 1 bytes"):
        read(Caller(receiving(piece(b"a", more=True)), read_settings(home=home, body_total_s=0.01)))


def test_one_that_hangs_up_is_told_of(home: Path) -> None:
    """In the middle of its body."""
    with pytest.raises(CallerGone):
        read(Caller(receiving(piece(b"a", more=True), then="gone"), read_settings(home=home)))


def test_the_outcome_is_waited_for(home: Path) -> None:
    """An answer, or what it raised."""

    async def run(outcome: Answer | Exception) -> Answer:
        call = Call(b"", Ask("key"))
        if isinstance(outcome, Exception):
            call.fail(outcome)
        else:
            call.answer(outcome)
        return await Caller(receiving(), read_settings(home=home)).outcome(call)

    answer = Answer(())
    assert asyncio.run(run(answer)) is answer
    with pytest.raises(AudioTooLong):
        asyncio.run(run(AudioTooLong("long")))


def test_for_one_that_went_away_nothing_is_done(home: Path) -> None:
    """Its recording is cancelled."""
    call = Call(b"", Ask("key"))
    with pytest.raises(CallerGone):
        asyncio.run(Caller(receiving(then="gone"), read_settings(home=home)).outcome(call))
    assert call.is_gone


def test_samples_are_called_audio() -> None:
    """The bytes that were decoded are ours; other messages, and the kind of error, stay as they are."""
    told = of_samples(InvalidSamples("bytes: the value at sample 0 is nan"))
    assert (type(told), str(told)) == (InvalidSamples, "audio: the value at sample 0 is nan")
    other = AudioUndecodable("x: no audio")
    assert of_samples(other) is other


def test_a_whole_body_is_bounded_by_what_is_wanted_and_by_the_settings(home: Path) -> None:
    """Whichever is less; a compressed one is refused before it is read."""
    settings = read_settings(home=home, max_body_bytes=4)

    def whole(headers: dict[str, str], *, most_bytes: int) -> bytes:
        caller = Caller(receiving(piece(b"abc", more=True), piece(b"d", more=False)), settings)
        return asyncio.run(caller.whole(headers, most_bytes=most_bytes))

    assert whole({"content-encoding": "Identity"}, most_bytes=10) == b"abcd"
    with pytest.raises(RequestTooLarge, match="at most 3 are taken"):
        whole({"content-length": "4"}, most_bytes=3)
    with pytest.raises(RequestTooLarge, match="at most 4 are taken"):
        whole({"content-length": "5"}, most_bytes=10)
    with pytest.raises(RequestUnsupported, match="Content-Encoding 'gzip': send the bytes as they are"):
        whole({"content-encoding": "gzip"}, most_bytes=10)


def test_who_asks_is_an_address() -> None:
    """Over a socket of the file system there is none."""
    assert client_of({"client": ("192.0.2.1", 4711)}) == "192.0.2.1"
    assert client_of({"client": None}) == client_of({}) == "unknown"
