"""What the controls say -> what is asked of the service."""

import secrets
from collections.abc import Sequence

from segue.service import Ask
from segue.speech.parameters import MODES, parameters_of
from segue.speech.presets import PRESETS

NUMBERS = ("speech_noise_thres", "max_end_silence_time", "threshold", "neg_threshold", "min_silence_duration_ms")
"""The decision parameters at hand."""

_KEY = 8


def asked(*, mode: str = "", preset: str = "", channels: str = "mix", numbers: Sequence[str | None] = ("",) * 5) -> Ask:
    """Empty is left open; of the ``NUMBERS`` only those that decide something in a mode that is named are asked for.

    Whoever calls without our page may give anything: what is no mode or preset, the service refuses.
    """
    wanted: dict[str, object] = {}
    if mode:
        wanted["mode"] = mode
    if preset:
        wanted["preset"] = preset
    deciding = parameters_of(mode) if mode in MODES else NUMBERS
    given = ((name, (value or "").strip()) for name, value in zip(NUMBERS, numbers, strict=True))
    wanted |= {name: value for name, value in given if value and name in deciding}
    return Ask(
        key=secrets.token_hex(_KEY),
        split=channels == "split",
        probabilities=True,
        asked=wanted,
    )


def presets() -> tuple[str, ...]:
    """Those that may be chosen, besides leaving it open."""
    return ("none", *PRESETS)
