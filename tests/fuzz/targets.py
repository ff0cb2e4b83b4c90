"""The table: each parser that meets the network, and what its fuzzing begins with. What one raises is a finding."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.fuzz import app, head, parsers, seeds

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """One parser."""

    name: str
    parse: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]

    def corpus(self) -> list[bytes]:
        """What it begins with, and what earlier runs have kept."""
        kept = sorted((CORPUS / self.name).glob("*")) if (CORPUS / self.name).is_dir() else []
        return [*self.seeds(), *(path.read_bytes() for path in kept)]


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target("head", head.head, seeds.heads),
            Target("form", parsers.form, seeds.forms),
            Target("request", parsers.request, seeds.requests),
            Target("body", parsers.body, seeds.bodies),
            Target("message", parsers.message, lambda: iter([b'{"type": "finish"}'])),
            Target("name", parsers.name, seeds.names),
            Target("audio", parsers.audio, seeds.audios),
            Target("app", app.request, seeds.app_requests),
            Target("live", app.live, seeds.app_lives),
        )
    }
)
