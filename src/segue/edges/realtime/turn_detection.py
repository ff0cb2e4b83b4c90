"""OpenAI's ``server_vad``, as decision parameters of ours (``segue.speech.rules``).

It means FunASR's state machine in classic mode with its window of 200 ms (speech at 150 ms of it, silence at 150):

- ``threshold`` T: a frame is speech when its probability s = 1 - p0 is at least T. Rules have s >= p0 ** ratio + n,
  which with ratio = 1 is s >= (1 + n) / 2: so ``speech_noise_thres`` n = 2 T - 1. Left out, the version's own decides.
- ``prefix_padding_ms``: ``lookback_time_start_point``, what is kept before the window in which speech was found.
- ``silence_duration_ms`` D: after D of silence the turn is over, and ends there: with that silence, as OpenAI's does.
  The window turns silent with the frame that is the last of 50 ms of silence, and ``max_end_silence_time`` counts from
  there, less its own 150 ms: so it is D + 100, 60 ms being the least. ``lookahead_time_end_point`` D keeps the silence.

All is in whole frames of 10 ms. What it does not name, such as the longest utterance, is the version's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segue.speech.rules import Rules

_WINDOW_MS, _SWITCH_MS = 200, 150
_HEARD_BEFORE_MS = 2 * _SWITCH_MS - _WINDOW_MS
"""By so much more than the silence itself ``max_end_silence_time`` has to be."""


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """What is asked for; OpenAI's defaults, but for the threshold, which is each model's own."""

    threshold: float | None = None
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500

    @property
    def asked(self) -> Mapping[str, object]:
        """As a stream asks for it."""
        asked: dict[str, object] = {
            "mode": "classic",
            "preset": "none",
            "detect_mode": 1,
            "silence_schedule": (),
            "window_size_ms": _WINDOW_MS,
            "sil_to_speech_time_thres": _SWITCH_MS,
            "speech_to_sil_time_thres": _SWITCH_MS,
            "do_extend": 1,
            "lookback_time_start_point": self.prefix_padding_ms,
            "lookahead_time_end_point": self.silence_duration_ms,
            "max_end_silence_time": self.silence_duration_ms + _HEARD_BEFORE_MS,
        }
        if self.threshold is not None:
            asked |= {"speech_2_noise_ratio": 1.0, "speech_noise_thres": 2 * self.threshold - 1}
        return asked

    def shown(self, rules: Rules) -> dict[str, Any]:
        """As a session says it; ``rules`` are those in effect."""
        return {
            "type": "server_vad",
            "threshold": threshold_of(rules) if self.threshold is None else self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_duration_ms,
            "create_response": False,
            "interrupt_response": False,
        }


def threshold_of(rules: Rules) -> float:
    """The least probability of speech that is speech by classic rules, to three places; 1.0 where none is."""
    low, high = 0.0, 1.0
    for _ in range(40):  # s - (1 - s) ** ratio rises with s
        middle = (low + high) / 2
        if middle - (1 - middle) ** rules.speech_2_noise_ratio >= rules.speech_noise_thres:
            high = middle
        else:
            low = middle
    return round(high, 3)
