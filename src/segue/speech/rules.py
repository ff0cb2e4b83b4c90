"""The rules of decision: a mode and the decision parameters, frozen, each with the place it came from.

Names, units and defaults are FunASR's (``VADXOptions`` of funasr 1.4), those of tight mode Segue's own. Precedence,
lowest first: the built-in default, the model's ``config.yaml``, the mode's defaults, the preset, the version's options,
the request's; wherever mode and preset are named, their values stand in these places. ``Rules`` remembers its layers,
so that what a stream asked for can be laid over another version's rules (``asking``).

A parameter that decides nothing in the mode in effect is checked and set aside: under another mode it counts again. It
is refused where that can only be a mistake: in a layer that names its mode, and among a version's options
(``settled``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from segue.errors import InvalidParameter
from segue.speech.parameters import (
    FUNASR_SCHEDULE,
    MODE_DEFAULTS,
    MODES,
    PARAMETERS,
    Mode,
    Schedule,
    check_decides,
    checked_mode,
    parameters_of,
    validated,
)
from segue.speech.presets import Preset, checked_preset
from segue.speech.scorer import SilenceProbs

__all__ = ["ASKABLE", "FUNASR_SCHEDULE", "MODES", "PARAMETERS", "Layer", "Mode", "Rules", "Schedule"]

ASKABLE: tuple[str, ...] = ("mode", "preset", *PARAMETERS)
"""All names that a layer may give, and so a request."""

Layer: TypeAlias = tuple[str, Mapping[str, object]]


@dataclass(frozen=True)
class Rules:
    """Every decision parameter of one mode. Immutable, equal and hashed by value; share freely between threads.

    Times are whole milliseconds. In classic and dynamic mode a frame is speech when ``1 - p0 >= p0 **
    speech_2_noise_ratio + speech_noise_thres``, in tight mode by ``threshold`` and ``neg_threshold`` (``segue.speech.
    tight``). What decides nothing in the mode is at its default. Made by ``Rules.of`` and ``asking``, which validate
    and record where each value came from.
    """

    mode: Mode = "classic"
    preset: str = ""
    """The preset in effect; empty where there is none, or it sets nothing in this mode."""
    detect_mode: int = 1
    max_end_silence_time: int = 800
    max_start_silence_time: int = 3000
    window_size_ms: int = 200
    sil_to_speech_time_thres: int = 150
    speech_to_sil_time_thres: int = 150
    speech_2_noise_ratio: float = 1.0
    do_extend: int = 1
    lookback_time_start_point: int = 200
    lookahead_time_end_point: int = 100
    max_single_segment_time: int = 60_000
    speech_noise_thres: float = 0.6
    silence_schedule: Schedule = ()
    chunk_size: int = 60_000
    """Dynamic mode: the schedule is looked up once per so many ms of audio (FunASR's name and offline value)."""
    threshold: float = 0.7
    neg_threshold: float = 0.6
    min_speech_duration_ms: int = 50
    min_silence_duration_ms: int = 100
    speech_pad_start_ms: int = 30
    speech_pad_end_ms: int = 20
    frame_ms: int = 10
    schedule_lag_frames: int = 4
    """Frames that the front end still holds back when a block of ``chunk_size`` ends (window and look-ahead)."""
    layers: tuple[Layer, ...] = field(kw_only=True, compare=False, repr=False)
    """What the values were resolved from, the model's own first."""

    @classmethod
    def of(
        cls,
        model: Mapping[str, object] = MappingProxyType({}),
        *layers: Layer,
        frame_ms: int = 10,
        schedule_lag_frames: int = 4,
    ) -> "Rules":
        """Resolve a model's own parameters and layers of ``(source, {parameter: value})``, lowest precedence first.

        A value may be text (as from a command line). ``mode`` and ``preset`` may stand anywhere, the highest counts;
        what they set comes just above the model's own. ``frame_ms`` and ``schedule_lag_frames`` are facts of the
        scorer. Raises InvalidParameter naming the parameter and its source.
        """
        kept = tuple((source, dict(layer)) for source, layer in (("model", model), *layers))
        for source, layer in kept[1:]:
            if named := _named_mode(layer, source):
                _check_all_decide(layer, named, source)
        mode, preset = _choices(kept)
        values: dict[str, object] = {"mode": mode, "preset": preset.name if preset else ""}
        values |= {"frame_ms": frame_ms, "schedule_lag_frames": schedule_lag_frames}
        deciding = frozenset(parameters_of(mode))
        for source, given in _stacked(kept, mode, preset):
            checked = {name: validated(name, value, source) for name, value in given.items()}
            values |= {name: value for name, value in checked.items() if name in deciding}
        return cls(**values, layers=kept)._checked()  # type: ignore[arg-type]  # each value was validated by name

    def asking(self, asked: Mapping[str, object], *, source: str = "request") -> "Rules":
        """These rules with what a version, request or stream asks for on top; None counts as left open."""
        given = {name: value for name, value in asked.items() if value is not None}
        if not given:
            return self
        (_, model), *layers = self.layers
        return Rules.of(
            model,
            *layers,
            (source, given),
            frame_ms=self.frame_ms,
            schedule_lag_frames=self.schedule_lag_frames,
        )

    def settled(self) -> "Rules":
        """These rules, if all that was given decides something in their mode; else raises InvalidParameter.

        For a version's options: its mode is known, so one that decides nothing there is a mistake. Not for requests
        and streams: a version of another mode may come to answer them.
        """
        for source, layer in self.layers[1:]:
            _check_all_decide(layer, self.mode, source)
        return self

    def sources(self) -> dict[str, str]:
        """Parameter name -> the layer that set it; "default" where none did."""
        found = dict.fromkeys(self.parameters(), "default")
        mode, preset = _choices(self.layers)
        for source, layer in (*_stacked(self.layers, mode, preset), *_choosing(self.layers)):
            found.update((name, source) for name in layer if name in found)
        return found

    def parameters(self) -> dict[str, object]:
        """Parameter name -> effective value, of all that decide; what makes two results comparable.

        ``preset`` is among them where one is in effect.
        """
        chosen = ("mode", "preset") if self.preset else ("mode",)
        names = (*chosen, *parameters_of(self.mode), "frame_ms", "schedule_lag_frames")
        return {name: getattr(self, name) for name in names}

    def is_speech(self, p_silence: SilenceProbs) -> NDArray[np.bool_]:
        """Decide each frame alone. ``p_silence`` float32 (frames,); answers bool (frames,)."""
        p = p_silence.astype(np.float64)  # FunASR compares Python floats
        noise = p if self.speech_2_noise_ratio == 1.0 else p**self.speech_2_noise_ratio
        return np.asarray(1.0 - p >= noise + self.speech_noise_thres)

    def end_silence_ms(self, utterance_ms: float) -> int:
        """Silence after the window turned silent that ends an utterance which has run for ``utterance_ms``."""
        allowed = self.max_end_silence_time
        for limit_ms, silence_ms in self.silence_schedule:
            if utterance_ms <= limit_ms:
                allowed = silence_ms
                break
        return max(allowed - self.speech_to_sil_time_thres, 0)

    @cached_property
    def window_frames(self) -> int:
        """Length of the sliding window."""
        return self.window_size_ms // self.frame_ms

    @cached_property
    def start_latency_frames(self) -> int:
        """How far before its trigger an utterance starts: the window, and the look-back if extending."""
        return self.window_frames + (self.lookback_time_start_point // self.frame_ms if self.do_extend else 0)

    @cached_property
    def tail_frames(self) -> int:
        """Frames of silence that belong to the utterance they follow."""
        return self.lookahead_time_end_point // self.frame_ms if self.do_extend else 0

    def _checked(self) -> "Rules":
        if self.window_frames < 1:
            raise InvalidParameter(
                f"window_size_ms={self.window_size_ms} is shorter than a frame; give {self.frame_ms} or more"
            )
        for name in ("sil_to_speech_time_thres", "speech_to_sil_time_thres"):
            if getattr(self, name) > self.window_size_ms:
                raise InvalidParameter(
                    f"{name}={getattr(self, name)}: at most window_size_ms ({self.window_size_ms}), which it counts in"
                )
        shortest = self.speech_pad_start_ms + 2 * self.min_speech_duration_ms
        if self.mode == "tight" and self.max_single_segment_time < shortest:
            raise InvalidParameter(
                f"max_single_segment_time={self.max_single_segment_time}: in tight mode at least {shortest}, which is "
                "speech_pad_start_ms and twice min_speech_duration_ms"
            )
        return self


def _choices(layers: Sequence[Layer]) -> tuple[Mode, Preset | None]:
    """The mode, and the preset if it sets anything in that mode. Raises InvalidParameter."""
    mode: Mode = "classic"
    preset: Preset | None = None
    for source, layer in layers:
        mode = _named_mode(layer, source) or mode
        preset = checked_preset(layer["preset"], source) if "preset" in layer else preset
    return mode, preset if preset and mode in preset.parameters else None


def _named_mode(layer: Mapping[str, object], source: str) -> Mode | None:
    """The mode that a layer names, itself or by its preset. Raises InvalidParameter."""
    preset = checked_preset(layer.get("preset", ""), source)
    if "mode" in layer:
        return checked_mode(layer["mode"], source)
    return checked_mode(preset.mode, f"preset {preset.name}") if preset and preset.mode else None


def _check_all_decide(layer: Mapping[str, object], mode: str, source: str) -> None:
    """Raise InvalidParameter where a layer gives what decides nothing in a mode."""
    for name in layer:
        if name in PARAMETERS:  # the rest is refused, or not, where it is validated
            check_decides(name, mode, source)
    preset = checked_preset(layer.get("preset", ""), source)
    if preset and mode not in preset.parameters:
        theirs = ", ".join(preset.parameters)
        raise InvalidParameter(f"preset={preset.name} ({source}) sets nothing in mode {mode}; it is for {theirs}")


def _stacked(layers: Sequence[Layer], mode: Mode, preset: Preset | None) -> Iterator[Layer]:
    """All that sets a value, lowest precedence first: the model's own, the mode's, the preset's, the rest."""
    settings = ({name: layer[name] for name in layer if name not in ("mode", "preset")} for _, layer in layers)
    own, *rest = zip((source for source, _ in layers), settings, strict=True)
    yield own
    yield "mode", MODE_DEFAULTS[mode]
    if preset:
        yield "preset", preset.parameters[mode]
    yield from rest


def _choosing(layers: Sequence[Layer]) -> Iterator[Layer]:
    """What of the layers chooses mode and preset."""
    for source, layer in layers:
        yield source, {name: layer[name] for name in ("mode", "preset") if name in layer}
