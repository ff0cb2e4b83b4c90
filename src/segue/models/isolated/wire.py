"""Messages between a service and the process of a model: JSON, and the bytes of arrays after it. Never a pickle.

The two trust each other differently: the process may run anything, so what comes from it is only ever data, checked
before memory is taken for it. A frame is two lengths, a JSON text and a body:

    uint32  length of the JSON, in bytes
    uint64  length of the body, in bytes
    {"value": tree, "parts": [[dtype, [shape …]], …]}
    the parts, one after the other

In the tree, ``{"\\u0000": i}`` stands for part i: an array, or bytes where its dtype is "bytes". Tuples become lists.
"""

import json
import math
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Value: TypeAlias = Any
"""What JSON knows, bytes, NumPy arrays and scalars of numbers and truths; in lists, tuples and mappings by text."""

Packed: TypeAlias = Sequence[bytes | memoryview]

_LENGTHS = struct.Struct("!IQ")
_MOST_TEXT_BYTES = 2**24
MOST_BODY_BYTES = 2**31
"""Of a request; more than a day of audio comes in blocks."""

_MARK = "\0"
_BYTES = "bytes"
_KINDS = "biufc"


class MalformedFrame(ValueError):
    """What came is no frame."""


def pack(value: Value) -> Packed:
    """What is to be sent of a value, arrays not copied. Raises TypeError, ValueError for what cannot be sent."""
    parts: list[tuple[list[Any], memoryview | bytes]] = []
    tree = _flat(value, parts)
    text = json.dumps({"value": tree, "parts": [kind for kind, _ in parts]}, separators=(",", ":")).encode()
    if len(text) > _MOST_TEXT_BYTES:
        raise ValueError(f"{len(text)} bytes of text are more than one message may have ({_MOST_TEXT_BYTES})")
    body_bytes = sum(len(data) for _, data in parts)
    head = _LENGTHS.pack(len(text), body_bytes) + text
    return [b"".join((head, *(data for _, data in parts)))] if body_bytes < 2**16 else [head, *(d for _, d in parts)]


def send(connection: socket.socket, packed: Packed) -> None:
    """Send it. Raises OSError."""
    for data in packed:
        connection.sendall(data)


def receive(connection: socket.socket, *, most_body_bytes: int = MOST_BODY_BYTES) -> Value:
    """The next value. Arrays are the caller's own. Raises EOFError at the end, MalformedFrame, OSError."""
    text_bytes, body_bytes = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size))
    if text_bytes > _MOST_TEXT_BYTES or body_bytes > most_body_bytes:
        raise MalformedFrame(f"a frame of {text_bytes} and {body_bytes} bytes")
    text = _exactly(connection, text_bytes)
    try:
        frame = json.loads(text)
        kinds = [_checked(kind) for kind in frame["parts"]]
        if sum(size for *_, size in kinds) != body_bytes:
            raise MalformedFrame("the parts of a frame do not fill it")
        parts = [_part(connection, *kind) for kind in kinds]
        return _whole(frame["value"], parts)
    except (KeyError, TypeError, IndexError, RecursionError, ValueError) as error:  # JSONDecodeError is a ValueError
        raise MalformedFrame(f"a frame that says {text[:80]!r}") from error


def _flat(value: Value, parts: list[tuple[list[Any], memoryview | bytes]]) -> Value:
    """The tree of a value; what is no JSON goes to the parts."""
    if value is None or isinstance(value, str | bool | int | float):
        return value.item() if isinstance(value, np.generic) else value  # np.float64 is a float
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        parts.append(([_BYTES, [len(data)]], data))
        return {_MARK: len(parts) - 1}
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise TypeError(f"an array of {value.dtype} cannot be sent: numbers can")
        whole = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
        parts.append(([whole.dtype.str, list(value.shape)], whole.reshape(-1).view(np.uint8).data))
        return {_MARK: len(parts) - 1}
    if isinstance(value, np.generic):
        return _flat(value.item(), parts)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key != _MARK for key in value):
            raise TypeError("a mapping whose keys are not all text cannot be sent")
        return {key: _flat(each, parts) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_flat(each, parts) for each in value]
    raise TypeError(f"a {type(value).__name__} cannot be sent: numbers, text, bytes, arrays, lists and mappings can")


def _checked(kind: Any) -> tuple[np.dtype[Any] | None, tuple[int, ...], int]:
    """dtype (None: bytes), shape and size in bytes of a part."""
    name, shape = kind
    if not all(type(length) is int and length >= 0 for length in shape):
        raise MalformedFrame(f"a part of shape {shape!r:.80}")
    if name == _BYTES:
        return None, tuple(shape), math.prod(shape)
    dtype = np.dtype(str(name))
    if dtype.kind not in _KINDS:
        raise MalformedFrame(f"a part of {dtype}")
    return dtype, tuple(shape), math.prod(shape) * dtype.itemsize


def _part(connection: socket.socket, dtype: np.dtype[Any] | None, shape: tuple[int, ...], size: int) -> Value:
    if dtype is None:
        return bytes(_exactly(connection, size))
    array = np.empty(shape, dtype)
    _fill(connection, array.reshape(-1).view(np.uint8).data)
    return array


def _whole(tree: Value, parts: list[Value]) -> Value:
    if isinstance(tree, dict):
        if tree.keys() == {_MARK}:
            return parts[tree[_MARK]]
        return {key: _whole(each, parts) for key, each in tree.items()}
    return [_whole(each, parts) for each in tree] if isinstance(tree, list) else tree


def _exactly(connection: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    _fill(connection, memoryview(data))
    return data


def _fill(connection: socket.socket, room: memoryview) -> None:
    while room:
        got = connection.recv_into(room)
        if not got:
            raise EOFError
        room = room[got:]
