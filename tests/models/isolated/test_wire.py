"""Messages: what is sent is what comes, and what is no frame is refused before memory is taken for it."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from segue.models.isolated.wire import MOST_BODY_BYTES, MalformedFrame, pack, receive, send


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    one.settimeout(10)
    other.settimeout(10)
    with closing(one), closing(other):
        yield one, other


def over(pair: tuple[socket.socket, socket.socket], value: Any) -> Any:
    """What comes out at the other end."""
    sender = threading.Thread(target=send, args=(pair[0], pack(value)))
    sender.start()
    came = receive(pair[1])
    sender.join()
    return came


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -0.1, float("inf"), "文字\0\n", [], {}, [1, ["a", {"b": None}]], {"": 0}, b"", b"\0\xff", 2**70],
)
def test_plain_values_come_as_they_are(pair: tuple[socket.socket, socket.socket], value: object) -> None:
    """Numbers, text, bytes, lists and mappings, one in the other."""
    came = over(pair, value)
    assert came == value
    assert type(came) is type(value)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "i2", "i8", "u4", "?", "c8", ">f4"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 3), (70_000,)])
def test_arrays_keep_their_type_their_shape_and_every_bit(
    pair: tuple[socket.socket, socket.socket], dtype: str, shape: tuple[int, ...]
) -> None:
    """Small ones that travel with the text, and large ones that go by themselves; byte orders become the machine's."""
    array = np.asarray(np.random.default_rng(0).integers(0, 100, shape)).astype(dtype)
    came = over(pair, {"x": [array]})["x"][0]
    np.testing.assert_array_equal(came, array)
    assert came.dtype == array.dtype.newbyteorder("=")
    assert came.shape == shape
    assert came.flags.writeable


def test_views_and_scalars_are_sent_by_value(pair: tuple[socket.socket, socket.socket]) -> None:
    """Every second sample, backwards, NaN included; tuples come as lists, scalars as plain numbers."""
    array = np.array([1, np.nan, 3, 4], np.float32)
    came = over(pair, (array[::-2], np.float32(0.5), np.int64(3), np.bool_(True), np.float64(0.25)))
    np.testing.assert_array_equal(came[0], array[::-2])
    assert came[1:] == [0.5, 3, True, 0.25]
    assert [type(each) for each in came[1:]] == [float, int, bool, float]


@pytest.mark.parametrize("value", [object(), {1: 2}, {"\0": 1}, {1, 2}, np.array(["a"]), np.array([object()]), [print]])
def test_what_is_no_data_is_not_sent(value: object) -> None:
    """Nothing is turned into what it is not; a pickle is never made."""
    with pytest.raises(TypeError, match="cannot be sent"):
        pack(value)


def test_a_text_that_is_too_long_is_not_sent() -> None:
    """Data of size goes as bytes or arrays."""
    with pytest.raises(ValueError, match="more than one message may have"):
        pack("x" * 2**24)


def frame(said: object, body: bytes = b"", *, text_bytes: int | None = None, body_bytes: int | None = None) -> bytes:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    lengths = (len(text) if text_bytes is None else text_bytes, len(body) if body_bytes is None else body_bytes)
    return struct.pack("!IQ", *lengths) + text + body


MALFORMED = {
    "no frame at all": b"Traceback (most recent call last):\n",
    "text that is too long": frame({}, text_bytes=2**25),
    "a body that is too long": frame({}, body_bytes=MOST_BODY_BYTES + 1),
    "no JSON": frame(b"{"),
    "no text": frame(b"\xff\xfe"),
    "a list": frame([]),
    "no value": frame({"parts": []}),
    "no parts": frame({"value": 1}),
    "a part that is none": frame({"value": 1, "parts": [1]}),
    "a part too many": frame({"value": {"\0": 1}, "parts": [["f4", [1]]]}, b"1234"),
    "a mark that is no number": frame({"value": {"\0": "x"}, "parts": []}),
    "less than was promised": frame({"value": 1, "parts": [["f4", [2]]]}, b"1234"),
    "more than was promised": frame({"value": 1, "parts": [["f4", [1]]]}, b"12345678"),
    "a huge shape in a small body": frame({"value": 1, "parts": [["f4", [2**40]]]}, b"1234"),
    "a negative length": frame({"value": 1, "parts": [["f4", [-1]]]}),
    "a length that is no number": frame({"value": 1, "parts": [["f4", [1.0]]]}, b"1234"),
    "objects": frame({"value": 1, "parts": [["O", [1]]]}, b"12345678"),
    "text as an array": frame({"value": 1, "parts": [["U2", [1]]]}, b"12345678"),
    "fields": frame({"value": 1, "parts": [["f4,f4", [1]]]}, b"12345678"),
    "no type": frame({"value": 1, "parts": [["x9", [1]]]}, b"12345678"),
    "too deep": frame(b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b',"parts":[]}'),
    "a number too long": frame(b'{"value":' + b"9" * 5_000 + b',"parts":[]}'),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_frame_is_refused(pair: tuple[socket.socket, socket.socket], data: bytes) -> None:
    """Lengths, text, types and shapes are checked before anything is read into memory; the error is one line."""
    sender = threading.Thread(target=pair[0].sendall, args=(data,))
    sender.start()
    with pytest.raises(MalformedFrame) as refused:
        receive(pair[1])
    assert "\n" not in str(refused.value)
    pair[1].close()
    sender.join()


@pytest.mark.parametrize("cut", [0, 5, 13, 40, -1])
def test_an_end_in_the_middle_is_the_end(pair: tuple[socket.socket, socket.socket], cut: int) -> None:
    """Whoever dies while it answers has not answered."""
    (data,) = pack({"x": np.arange(10)})
    pair[0].sendall(bytes(data)[:cut] if cut else b"")
    pair[0].close()
    with pytest.raises(EOFError):
        receive(pair[1])


def test_less_may_be_allowed(pair: tuple[socket.socket, socket.socket]) -> None:
    """Who expects little takes no more."""
    send(pair[0], pack(b"12345"))
    with pytest.raises(MalformedFrame):
        receive(pair[1], most_body_bytes=4)
