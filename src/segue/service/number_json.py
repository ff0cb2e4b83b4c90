"""JSON that is mostly numbers: samples as text, in arrays of a million.

Python's own parser holds the interpreter until it is done, a second for a large text, and makes an object of each
number. Here a long array is parsed in blocks, between which other threads run, and becomes an array of float32. What is
in no such array is parsed as usual, and may not be large.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from segue.errors import RequestInvalid, RequestTooLarge, one_line

MOST_OTHER_BYTES = 2**20
"""Of all that is in no long array of numbers."""

LONG_BYTES = 4096
"""An array of numbers becomes one of NumPy when its text is longer."""

_BLOCK_BYTES = 2**16
_LONGEST_NUMBER_BYTES = 1024
_INLINE_BYTES = 2**16
"""So little is parsed on the event loop."""

_NUMBER_BYTES = b"0123456789+-.eE, \t\r\n"
_OPENING = re.compile(rb'["\[]')
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)

# One at a time: many would keep the event loop from its turn, and each holds several times its text.
_PARSER = ThreadPoolExecutor(1, "json")


async def parsed(text: bytes) -> Any:
    """As ``parse``; on the event loop if it is short, else in a thread."""
    if len(text) <= _INLINE_BYTES:
        return parse(text)
    return await asyncio.get_running_loop().run_in_executor(_PARSER, parse, text)


def parse(text: bytes) -> Any:
    """The value; each array in it whose text is longer than LONG_BYTES is float32 of shape (n,).

    What is too large for that is infinite. Raises RequestInvalid for what is no JSON, NaN among it, and a long array
    that has true, false or null in it; RequestTooLarge for more than MOST_OTHER_BYTES beside the long arrays.
    Thread-safe.
    """
    mark = secrets.token_hex(16)  # nobody can have sent it
    rest: list[bytes] = []
    arrays: dict[str, NDArray[np.float32]] = {}
    rest_bytes = at = 0
    for start, end in _long_arrays(text):
        name = f"{mark}{len(arrays)}"
        rest += [text[at:start], f'"{name}"'.encode()]
        rest_bytes += start - at + len(rest[-1])
        _check_rest(rest_bytes)
        arrays[name] = _numbers(text, start + 1, end - 1)
        at = end
    rest.append(text[at:])
    _check_rest(rest_bytes + len(rest[-1]))
    try:
        value = json.loads(b"".join(rest).decode(), parse_constant=_refuse)
        return _filled(value, arrays) if arrays else value
    except (ValueError, RecursionError) as error:
        raise _no_json(error) from error


def _long_arrays(text: bytes) -> Iterator[tuple[int, int]]:
    """Where the long arrays without strings, lists or objects in them are, brackets and all. Linear in the text."""
    at, close, other = 0, -1, 0
    while found := _OPENING.search(text, at, at + MOST_OTHER_BYTES + 1):  # what lies between counts as other
        if at - other > MOST_OTHER_BYTES:  # it is refused, wherever it ends
            return
        start = found.start()
        if text[start] == ord('"'):
            string = _STRING.match(text, start, start + MOST_OTHER_BYTES + 1)
            if string is None:
                return
            at = string.end()
            continue
        at = start + 1
        if close < at:
            close = text.find(b"]", at)
            if close < 0:
                return
        if close - at > LONG_BYTES and not any(text.find(mark, at, close) >= 0 for mark in (b"[", b"{", b'"')):
            at = other = close + 1
            yield start, at


def _numbers(text: bytes, start: int, end: int) -> NDArray[np.float32]:
    """What is between two brackets."""
    blocks: list[NDArray[np.float32]] = []
    at = start
    while at <= end:
        stop = text.find(b",", min(at + _BLOCK_BYTES, end), end)
        stop = end if stop < 0 else stop
        block = text[at:stop]
        if len(block) > _BLOCK_BYTES + _LONGEST_NUMBER_BYTES or block.translate(None, _NUMBER_BYTES):
            raise RequestInvalid(
                "the body is no JSON that is taken: a long array in it has something else than numbers"
            )
        try:
            values = json.loads(f"[{block.decode()}]")
            with np.errstate(over="ignore"):
                blocks.append(np.array(values, np.float32))
        except (ValueError, OverflowError) as error:
            raise _no_json(error) from error
        if not values and (blocks[1:] or stop < end):
            raise RequestInvalid("the body is no JSON: an array has a comma without a number after it")
        at = stop + 1
    return np.concatenate(blocks)


def _filled(value: Any, arrays: dict[str, NDArray[np.float32]]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, arrays) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, arrays) for each in value]
    return arrays.get(value, value) if isinstance(value, str) else value


def _check_rest(size_bytes: int) -> None:
    if size_bytes > MOST_OTHER_BYTES:
        raise RequestTooLarge(f"the JSON has more than {MOST_OTHER_BYTES} bytes beside long arrays of numbers")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _no_json(error: Exception) -> RequestInvalid:
    return RequestInvalid(f"the body is no JSON: {one_line(error) if isinstance(error, ValueError) else 'too deep'}")
