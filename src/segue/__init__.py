"""Segue: FSMN-VAD speech endpoint detection, exactly as FunASR does it and several times faster.

>>> import segue
>>> detector = segue.load()
>>> segments = detector.detect("meeting.m4a")
"""

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
from segue.speech.detector import Detection, Detector, DetectorStream, ModelIdentity
from segue.speech.rules import MODES, Rules
from segue.speech.scorer import Probs, Samples, Scorer, ScoreStream
from segue.speech.segmenter import Event, Segment, SpeechEnded, SpeechStarted

__version__ = "0.1.0"

__all__ = [
    "MODES",
    "AudioError",
    "Detection",
    "Detector",
    "DetectorStream",
    "Event",
    "InferenceFailed",
    "InvalidParameter",
    "ModelError",
    "ModelIdentity",
    "OutputError",
    "Probs",
    "Rules",
    "Samples",
    "ScoreStream",
    "Scorer",
    "Segment",
    "SegueError",
    "SpeechEnded",
    "SpeechStarted",
    "StoreError",
    "StreamFinished",
    "load",
]
