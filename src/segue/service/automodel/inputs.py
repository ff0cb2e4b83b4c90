"""What ``generate`` may be given -> keys and sources. No address is fetched, whoever names it."""

import json
import os
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segue.errors import AudioNotFound, InvalidParameter, InvalidSamples
from segue.speech.names import legible, printable

_LISTS = (".scp", ".txt", ".json", ".jsonl", ".text")
_LETTERS = string.ascii_letters + string.digits
_CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3")
"""The first bytes of what FunASR takes for a file; other bytes are samples to it, 16 bits each."""


@dataclass(frozen=True, slots=True)
class Given:
    """One input of a call."""

    key: str
    source: Any
    """A path or file object; the bytes of a file; or samples."""

    @property
    def is_whole(self) -> bool:
        """Whether it is a file: a recording of its own, which no chunk follows."""
        return isinstance(self.source, str) or hasattr(self.source, "read")


def expand(given: Any, key: str | list[str] | None) -> list[Given]:
    """The inputs of one call with their keys, as FunASR has them: of a file its name without folder and extension, of
    a line of ``wav.scp`` its first word, else ``rand_key_…``.

    Raises InvalidParameter, InvalidSamples, AudioNotFound. An address is refused: fetch it yourself.
    """
    if isinstance(given, str | os.PathLike) and os.fspath(given).lower().endswith(_LISTS):
        return list(_of_list(Path(given)))
    if not isinstance(given, list | tuple):
        return [_one(given, key if isinstance(key, str) else None)]
    keys = key if isinstance(key, list | tuple) else [key] * len(given)
    if len(keys) != len(given):
        raise InvalidParameter(f"key has {len(keys)} names and input {len(given)} recordings: give one each")
    return [_one(each, called) for each, called in zip(given, keys, strict=True)]


def is_encoded(data: bytes) -> bool:
    """Whether bytes are a file, and not raw PCM of 16 bits; an MP3 without ID3 by its first two frames."""
    if data.startswith(_CONTAINERS) or data[4:8] == b"ftyp":
        return True
    return bool(length := _frame_bytes(data, 0)) and bool(_frame_bytes(data, length))


def samples_of(data: bytes) -> Any:
    """Raw PCM as samples. Raises InvalidSamples."""
    if len(data) % 2:
        raise InvalidSamples(f"input: {len(data)} bytes are no 16-bit samples: an even number is wanted, or a file")
    return np.frombuffer(data, "<i2")


def _one(given: Any, key: str | None) -> Given:
    if isinstance(given, str | os.PathLike):
        path = os.fspath(given)
        if isinstance(path, str) and path.startswith(("http://", "https://")):
            raise InvalidParameter(f"input={printable(path)}: no address is fetched; download it, and pass the file")
        return Given(key or legible(os.path.splitext(os.path.basename(path))[0]), path)
    if isinstance(given, bytearray | memoryview):
        given = bytes(given)
    elif isinstance(given, bool | int | float) or given is None:
        raise InvalidSamples(f"input holds a {type(given).__name__}: pass a path, bytes, an array, or a list of these")
    return Given(key or _random_key(), given)


def _of_list(path: Path) -> Iterator[Given]:
    """A file of FunASR's: a line each of ``key path`` or ``path``; of JSON lines ``{"source": path, "key": key}``."""
    name = printable(str(path))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise AudioNotFound(f"{name}: no such file; give the path of a recording or of a list of them") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidParameter(f"{name} is no list of recordings: {type(error).__name__}; give UTF-8 text") from error
    for number, line in enumerate(lines, 1):
        if not (words := line.split(maxsplit=1)):
            continue
        key, source = words if len(words) > 1 else (_random_key(), words[0])
        if path.suffix.lower() == ".jsonl":
            key, source = _of_json(line, where=f"{name}, line {number}")
        yield _one(source.rstrip(), key)


def _of_json(line: str, *, where: str) -> tuple[str, str]:
    try:
        said = json.loads(line)
        source = said["source"]
    except (ValueError, KeyError, TypeError, RecursionError):
        source = None
    if not isinstance(source, str):
        raise InvalidParameter(f'{where}: an object with a path is wanted, as {{"source": "a.wav", "key": "a"}}')
    return str(said.get("key", _random_key())), source


def _random_key() -> str:
    return "rand_key_" + "".join(secrets.choice(_LETTERS) for _ in range(13))


_KBIT_S = ((32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320), (*range(8, 65, 8), *range(80, 161, 16)))
_HZ = (11_025, 12_000, 8_000)


def _frame_bytes(data: bytes, at: int) -> int:
    """Length of the MPEG Layer III frame whose header is there; 0 where none is (ISO/IEC 11172-3, 2.4.1.3)."""
    head = int.from_bytes(data[at : at + 4], "big") if len(data) >= at + 4 else 0
    version, layer, rate, hz = head >> 19 & 3, head >> 17 & 3, head >> 12 & 15, head >> 10 & 3
    if head >> 21 != 0x7FF or version == 1 or layer != 1 or rate in (0, 15) or hz == 3:
        return 0
    factor = {3: 4, 2: 2, 0: 1}[version]  # MPEG 1, 2, 2.5
    bytes_a_frame: int = (144 if version == 3 else 72) * 1000 * _KBIT_S[version != 3][rate - 1] // (_HZ[hz] * factor)
    return bytes_a_frame + (head >> 9 & 1)
