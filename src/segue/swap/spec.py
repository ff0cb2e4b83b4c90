"""What is to be run: a model, with options. And what it is called.

    ModelSpec     what somebody asked for: an ID, a revision, options
    Resolved      the same, pinned to the digest of its content
    VersionId     its name: a function of (digest, options) and of nothing else

So a moving ID or revision cannot make two things one, two IDs of the same bytes are one version, and a version has
the same name after it is closed, loaded again, or found in the journal of a process long gone.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NewType, TypeAlias

from segue.errors import InvalidParameter

VersionId = NewType("VersionId", str)
"""``v`` and 8 digits of the content's SHA-256; with options, ``-`` and 6 digits of theirs: ``v6cadc83c-1f09b2``."""

Option: TypeAlias = str | int | float | bool


def option_of(text: str) -> Option:
    """A number or a truth where it is one: the name of a version is made of its options, and "500" is not 500."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            number = kind(text.replace("_", "no number"))  # 1_000 is one for Python alone
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return text


class Options(Mapping[str, Option]):
    """An immutable, hashable mapping, sorted by key. Options are equal when their canonical ``text`` is."""

    __slots__ = ("_items", "text")

    def __init__(self, options: Mapping[str, Option] | None = None) -> None:
        """Raises InvalidParameter for a key that is no text, or a value that is no text, bool or finite number."""
        for key, value in (options or {}).items():
            if not isinstance(key, str) or not isinstance(value, str | int | float):
                raise InvalidParameter(
                    f"option {key!r}={value!r}: a name with a text, a number, true or false is wanted"
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise InvalidParameter(f"option {key}={value}: a finite number is wanted")
        self._items = {key: _plain(value) for key, value in sorted((options or {}).items())}
        self.text = json.dumps(self._items, separators=(",", ":"))

    def __getitem__(self, key: str) -> Option:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Options) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Options({self._items})"


def _plain(value: Option) -> Option:
    """800.0 and 800 are one option; beyond 2**53 a float is no longer an exact integer."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What somebody asked for. Any mapping will do for ``options``: it is frozen. Raises InvalidParameter."""

    model_id: str
    revision: str | None = None
    options: Mapping[str, Option] = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not isinstance(self.options, Options):
            object.__setattr__(self, "options", Options(self.options))

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return self.model_id + revision + "".join(f" {key}={value}" for key, value in self.options.items())


@dataclass(frozen=True, slots=True)
class Resolved:
    """A spec pinned to its content.

    ``digest`` names the content: a SHA-256 in hexadecimal, or any text of which the same holds. ``payload`` is what
    the loader wants, such as a directory. It is None for a version known from the journal only: the loader finds the
    content again by its digest, and raises when it has changed.
    """

    spec: ModelSpec
    digest: str
    payload: Any = field(default=None, compare=False)  # opaque here, known to the loader

    @property
    def version(self) -> VersionId:
        """The name of what this is."""
        options = Options(self.spec.options)
        name = f"v{_sha256(self.digest)[:8]}"
        return VersionId(f"{name}-{_sha256(options.text)[:6]}" if options else name)

    def is_same_as(self, other: "Resolved") -> bool:
        """Whether both run the same content with the same options, whatever it was asked for as."""
        return self.digest == other.digest and self.spec.options == other.spec.options


def _sha256(text: str) -> str:
    return text if re.fullmatch("[0-9a-f]{64}", text) else hashlib.sha256(text.encode()).hexdigest()
