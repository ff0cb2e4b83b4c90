"""The speech that is measured on: real where it is at hand, else spoken by espeak-ng. 16 kHz mono float32."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

RATE = 16_000
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True, eq=False)
class Recording:
    """Samples in memory, and where they are from."""

    samples: Samples
    source: str

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / RATE


def record(seconds: float, *, data: Path = DATA) -> Recording:
    """So much speech, the same every time."""
    if data.is_dir():
        paths = sorted(data.glob("*/*.wav"))
        once = np.concatenate([soundfile.read(path, dtype="float32")[0] for path in paths])
        source = f"{len(paths)} clips of real speech and noise, joined and repeated"
    else:
        from scripts.speech import conversation  # its wheel is only needed here

        once, source = conversation(seconds=min(seconds, 300), seed=0).samples, "espeak-ng's conversation, repeated"
    samples = np.resize(once, round(seconds * RATE))
    return Recording(samples, f"{seconds / 60:g} minutes, {source}")
