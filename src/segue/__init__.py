"""Segue: FSMN-VAD speech endpoint detection, exactly as FunASR does it and several times faster.

And a model, that or any other, that is replaced while it is used.

>>> import segue
>>> detector = segue.load()
>>> segments = detector.detect("meeting.m4a")
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segue.errors import (
        AudioError,
        InferenceFailed,
        InvalidParameter,
        ModelError,
        OutputError,
        SegueError,
        StoreError,
        StreamFinished,
    )
    from segue.service import load
    from segue.speech.cut import Clip, cut
    from segue.speech.detection import Detection, ModelIdentity
    from segue.speech.detector import Detector
    from segue.speech.plot import plot
    from segue.speech.presets import PRESETS, Preset
    from segue.speech.rules import MODES, Rules
    from segue.speech.scorer import Samples, Scorer, ScoreStream, SilenceProbs
    from segue.speech.segmenter import Event, Segment, SpeechEnded, SpeechStarted
    from segue.speech.stream import DetectorStream
    from segue.swap import Journal, Lease, ModelSpec, Resolved, Route, Switchboard

__version__ = "0.1.0"

__all__ = [
    "MODES",
    "PRESETS",
    "AudioError",
    "Clip",
    "Detection",
    "Detector",
    "DetectorStream",
    "Event",
    "InferenceFailed",
    "InvalidParameter",
    "Journal",
    "Lease",
    "ModelError",
    "ModelIdentity",
    "ModelSpec",
    "OutputError",
    "Preset",
    "Resolved",
    "Route",
    "Rules",
    "Samples",
    "ScoreStream",
    "Scorer",
    "Segment",
    "SegueError",
    "SilenceProbs",
    "SpeechEnded",
    "SpeechStarted",
    "StoreError",
    "StreamFinished",
    "Switchboard",
    "cut",
    "load",
    "plot",
]

# Where each name is at run time: loaded when first used (PEP 562), because NumPy, SciPy and the codecs take 0.4 s that
# ``segue --help`` and ``segue.hub`` do not need. The imports above say the same to type checkers and editors.
_HOMES = {
    "segue.errors": (
        *("AudioError", "InferenceFailed", "InvalidParameter", "ModelError"),
        *("OutputError", "SegueError", "StoreError", "StreamFinished"),
    ),
    "segue.service": ("load",),
    "segue.speech.cut": ("Clip", "cut"),
    "segue.speech.detection": ("Detection", "ModelIdentity"),
    "segue.speech.detector": ("Detector",),
    "segue.speech.presets": ("PRESETS", "Preset"),
    "segue.speech.plot": ("plot",),
    "segue.speech.rules": ("MODES", "Rules"),
    "segue.speech.scorer": ("SilenceProbs", "Samples", "ScoreStream", "Scorer"),
    "segue.speech.segmenter": ("Event", "Segment", "SpeechEnded", "SpeechStarted"),
    "segue.speech.stream": ("DetectorStream",),
    "segue.swap": ("Journal", "Lease", "ModelSpec", "Resolved", "Route", "Switchboard"),
}


if not TYPE_CHECKING:  # a type checker that saw this would believe that every name exists

    def __getattr__(name: str) -> object:
        for module, names in _HOMES.items():
            if name in names:
                globals()[name] = value = getattr(import_module(module), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
