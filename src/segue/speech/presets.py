"""Presets: named sets of decision parameters for a kind of recording, each in here because a measurement earned it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from segue.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of decision parameters.

    ``purpose``: what it is for, in a line. ``parameters``: {mode: {parameter: value}}; in a mode that is not among
    them it sets nothing. ``mode``: the mode that who asks for the preset alone means; None leaves that open.
    """

    name: str
    purpose: str
    parameters: Mapping[str, Mapping[str, object]]
    mode: str | None = None


NO_PRESET = ("", "none")
"""Ways to say that none is wanted, over one that a lower layer named."""

_MEASURED = (
    Preset(
        "noisy",
        "steady noise, such as an air conditioner, that is not far below the speech",
        {
            "classic": {"speech_noise_thres": 0.0},
            "tight": {"threshold": 0.6, "neg_threshold": 0.5, "min_silence_duration_ms": 200},
        },
    ),
    Preset(
        "far-field",
        "a microphone across the room: soft speech, echo and noise",
        {
            "classic": {"speech_noise_thres": -0.6},
            "dynamic": {"speech_noise_thres": -0.4},
            "tight": {
                "threshold": 0.3,
                "neg_threshold": 0.2,
                "min_silence_duration_ms": 200,
                "min_speech_duration_ms": 150,
            },
        },
    ),
)
"""What each earns, in which modes, and what earned nothing, is in docs/accuracy.md; ``make accuracy`` looks again."""

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _MEASURED})
"""Name -> preset."""


def checked_preset(value: object, source: str) -> Preset | None:
    """The preset of that name, a ``Preset`` of one's own as it is, or None where none is wanted.

    Raises InvalidParameter.
    """
    if isinstance(value, Preset):
        return value
    if isinstance(value, str) and value in NO_PRESET:
        return None
    if not isinstance(value, str) or value not in PRESETS:
        known = ", ".join((*PRESETS, "none"))
        raise InvalidParameter(f"preset={value!r} ({source}): one of {known}")
    return PRESETS[value]
