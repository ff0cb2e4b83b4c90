"""JSON that is mostly numbers."""

import asyncio
import json
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.errors import RequestInvalid, RequestTooLarge
from segue.service.number_json import LONG_BYTES, MOST_OTHER_BYTES, parse, parsed


def plain(value: Any) -> Any:
    """With lists in place of arrays."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def long(numbers: str = "1.5") -> str:
    """An array of numbers that is long."""
    return "[" + ", ".join([numbers] * (LONG_BYTES // len(numbers) + 10)) + "]"


def test_a_long_array_becomes_one_of_numpy() -> None:
    """float32, every value as NumPy would have it; what is short stays a list."""
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    found = parse(json.dumps({"audio": values.tolist(), "rate": [16000], "nested": [values.tolist()]}).encode())
    for each in (found["audio"], found["nested"][0]):
        assert each.dtype == np.float32
        np.testing.assert_array_equal(each, values)
    assert found["rate"] == [16000]


def test_brackets_in_texts_are_texts() -> None:
    """However long, with quotes and backslashes in them."""
    for text in (long(), f'"{long()}', "\\" + long(), long()[1:], "é" + long()):
        value = {"text": text, "audio": [1.0] * 5000}
        assert plain(parse(json.dumps(value).encode())) == value


def test_what_is_sent_cannot_name_an_array() -> None:
    """Texts stay texts, whatever they are."""
    value = {"audio": [0.5] * 5000, "text": "0" * 32 + "0"}
    assert plain(parse(json.dumps(value).encode())) == value


@pytest.mark.parametrize(
    "text",
    [
        long("NaN"),
        long("true"),
        long("null"),
        long("01"),
        long("+1"),
        long("1."),
        long(".5"),
        long("1 2"),
        long("1,"),
        long("1" * 400),
        long()[:-1],
        long()[:-1] + ",]",
        "[," + long()[1:],
        "[" + " " * 5000 + ",]",
        "[" + "1" * 100_000 + "]",
        "[" + "0" * 70_000 + "." + "1" * 70_000 + "]",
        long() + "x",
        "[NaN]",
        "[" * 100_000,
        '{"a":' * 50_000,
        '"' + "a" * 5000,
        "[1" + ", 1" * 30_000 + ",]",
        "",
        "\ufeff[]",
        "[1e]",
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """One line; also where Python's own parser would take it, or an array is cut in blocks there."""
    with pytest.raises(RequestInvalid, match=r"^the body is no JSON"):
        parse(text.encode())


@pytest.mark.parametrize("text", [b"\xff", b'"\xc3"', "[1]".encode("utf-16")])
def test_other_encodings_are_refused(text: bytes) -> None:
    """UTF-8 it is."""
    with pytest.raises(RequestInvalid):
        parse(text)


def test_all_else_is_bounded() -> None:
    """What is in no long array may not be large, and costs little time to refuse."""
    for text in (
        "[" + "[0]," * 1_000_000 + "0]",
        '"' + "a" * (MOST_OTHER_BYTES + 1) + '"',
        '"' + '\\"' * MOST_OTHER_BYTES + '"',
        " " * (MOST_OTHER_BYTES + 2),
        "[" * 3_000_000,
        f"[{long()}," + '"",' * 1_000_000 + "0]",
    ):
        began_s = time.thread_time()
        with pytest.raises(RequestTooLarge, match="beside long arrays"):
            parse(text.encode())
        assert time.thread_time() - began_s < 5


def test_blanks_and_the_empty() -> None:
    """An array of nothing but blanks is empty; blanks between numbers are none."""
    assert parse(b"[" + b" " * 5000 + b"]").shape == (0,)
    assert parse(b"[" + b" \n 1 , " * 5000 + b"2]")[-1] == 2.0


def test_a_number_that_is_too_large_is_infinite() -> None:
    """It is refused by whoever wants samples."""
    assert np.isinf(parse(long("1e39").encode())).all()
    assert np.isinf(parse(long("1e999").encode())).all()


def test_others_get_their_turn() -> None:
    """While a large text is parsed the event loop runs on: it is parsed in a thread, and in blocks there."""
    text = json.dumps([0.123456789] * 300_000).encode()

    async def run() -> tuple[int, int]:
        work = asyncio.ensure_future(parsed(text))
        turns = 0
        while not work.done():
            await asyncio.sleep(0)
            turns += 1
        return len(await work), turns

    count, turns = asyncio.run(run())
    assert count == 300_000
    assert turns > 10  # one that held the interpreter would leave it two or three


def test_many_at_once_are_each_themselves() -> None:
    """From any thread."""
    found: dict[int, float] = {}

    def run(number: int) -> None:
        found[number] = float(parse(json.dumps([number] * 50_000).encode()).mean())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: float(number) for number in range(8)}


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**20), 2**20)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text() | st.lists(numbers, min_size=1, max_size=3).map(lambda x: x * 2000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(values, st.sampled_from([None, 1]))
def test_it_reads_what_pythons_parser_reads(value: object, indent: int | None) -> None:
    """Any value: the same, with arrays where there were long lists of numbers."""
    text = json.dumps(value, indent=indent)
    assert plain(parse(text.encode())) == json.loads(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='[]{}",:0123456789.eE+- \\ntrufalse', max_size=60), st.integers(0, 60))
def test_whatever_is_sent_is_read_or_refused(text: str, at: int) -> None:
    """Fragments of JSON around a long array: parsed as Python does, or refused; nothing else is raised."""
    whole = text[:at] + long() + text[at:]
    try:
        found = parse(whole.encode())
    except (RequestInvalid, RequestTooLarge):
        return
    assert plain(found) == json.loads(whole)
