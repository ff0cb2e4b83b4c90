"""What the audio of a session is, in the words of both shapes, and its bytes as samples."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Coding: TypeAlias = Literal["pcm", "pcmu", "pcma"]

BETA = {"pcm16": "pcm", "g711_ulaw": "pcmu", "g711_alaw": "pcma"}
"""The names that the beta shape has for them."""

PCM_RATE = 24_000
G711_RATE = 8_000

_PCM16 = np.dtype("<i2")


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Mono. ``coding``: 16-bit little-endian samples, or G.711's bytes, mu-law or A-law. ``rate``: Hz."""

    coding: Coding = "pcm"
    rate: int = PCM_RATE

    @property
    def sample_bytes(self) -> int:
        """Of one sample."""
        return _PCM16.itemsize if self.coding == "pcm" else 1

    def samples(self, data: bytes) -> NDArray[np.int16]:
        """int16 (n,) of whole samples."""
        if self.coding == "pcm":
            return np.frombuffer(data, _PCM16)
        decoded: NDArray[np.int16] = _g711(self.coding)[np.frombuffer(data, np.uint8)]
        return decoded

    @property
    def beta(self) -> str:
        """As the beta shape says it, which has no word for the rate."""
        return next(name for name, coding in BETA.items() if coding == self.coding)

    @property
    def current(self) -> dict[str, Any]:
        """As the current shape says it."""
        return {"type": f"audio/{self.coding}", **({"rate": self.rate} if self.coding == "pcm" else {})}


@cache
def _g711(coding: Coding) -> NDArray[np.int16]:
    """The sample of each byte, by libsndfile: int16 (256,)."""
    import soundfile

    subtype = "ULAW" if coding == "pcmu" else "ALAW"
    table: NDArray[np.int16]
    table, _ = soundfile.read(
        BytesIO(bytes(range(256))), samplerate=G711_RATE, channels=1, format="RAW", subtype=subtype, dtype="int16"
    )
    table.flags.writeable = False
    return table
