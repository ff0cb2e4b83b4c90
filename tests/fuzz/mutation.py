"""Bad examples from good ones, by a seed: what the short run in the tests is made of."""

import random
from collections.abc import Iterator, Sequence

_TOKENS = (
    *(b"\r\n", b"\n", b"\0", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"%00", b"..", b"/", b"//", b"--b", b"--b--\r\n"),
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u0000", b"\\ud800", b"NaN", b"Infinity", b"1e999", b"-0", b"null"),
    *(b"9" * 400, b"[" * 2000, b"a" * 3000, b";", b"=", b"&", b":", b",", b"\t", b" ", b"chunked", b"boundary="),
)


def mutations(corpus: Sequence[bytes], count: int, *, seed: int) -> Iterator[bytes]:
    """So many, each some steps from one or two of the corpus."""
    draw = random.Random(seed)
    for _ in range(count):
        data = bytearray(draw.choice(corpus))
        for _ in range(draw.choice((1, 1, 2, 4, 8))):
            _step(draw, data, corpus)
        yield bytes(data)


def _step(draw: random.Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    start, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    end = min(end, start + draw.choice((1, 4, 16, 256)))
    match draw.randrange(6):
        case 0 if data:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        case 1:
            data[start:start] = draw.choice(_TOKENS)
        case 2:
            data[start:end] = draw.choice(_TOKENS)
        case 3:
            del data[start:end]
        case 4:
            data[start:start] = data[start:end] * draw.choice((1, 2, 50))
        case _:
            other = draw.choice(corpus)
            at = draw.randrange(len(other) + 1)
            data[start:end] = other[at : at + draw.choice((4, 64, 1024))]
