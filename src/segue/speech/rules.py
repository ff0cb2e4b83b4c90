"""The rules of decision: a mode and the decision parameters, frozen, each with the place it came from.

Names, units and defaults are FunASR's (``VADXOptions`` of funasr 1.4). Precedence, lowest first: FunASR's built-in
default, the model's ``config.yaml``, the mode's defaults, the version's options, the request's. ``Rules`` remembers
its layers, so that what a stream asked for can be laid over another version's rules (``asking``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from segue.errors import InvalidParameter
from segue.speech.scorer import SilenceProbs

Mode: TypeAlias = Literal["classic", "dynamic"]
MODES: tuple[str, ...] = get_args(Mode)

Schedule: TypeAlias = tuple[tuple[float, int], ...]
"""((utterance up to ms, allowed end silence in ms), …), ascending; the last limit is infinite."""

# FunASR 1.4's offline schedule (``DEFAULT_SILENCE_SCHEDULE`` of its fsmn_vad_streaming): the longer an utterance has
# run, the shorter the pause that ends it.
FUNASR_SCHEDULE: Schedule = (
    (10_000, 2_000),
    (20_000, 1_000),
    (30_000, 800),
    (40_000, 600),
    (50_000, 400),
    (60_000, 200),
    (float("inf"), 100),
)

_MODE_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "classic": {"silence_schedule": ()},
    "dynamic": {"silence_schedule": FUNASR_SCHEDULE, "speech_noise_thres": 0.5},
}

# FunASR reads these and never uses them, or its values can never close the gate (FACTS: decibel and SNR at -100).
IGNORED_PARAMETERS = frozenset({
    "snr_mode", "dcd_block_size", "nn_eval_block_size", "fe_prior_thres", "speech_noise_thresh_low",
    "speech_noise_thresh_high", "do_start_point_detection", "do_end_point_detection", "output_frame_probs",
    "noise_frame_num_used_for_snr",
})  # fmt: skip

Layer: TypeAlias = tuple[str, Mapping[str, object]]


@dataclass(frozen=True)
class Rules:
    """Every decision parameter of one mode. Immutable, equal and hashed by value; share freely between threads.

    Times are whole milliseconds. A frame is speech when ``1 - p0 >= p0 ** speech_2_noise_ratio + speech_noise_thres``.
    Made by ``Rules.of`` and ``asking``, which validate and record where each value came from.
    """

    mode: Mode = "classic"
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

        A value may be text (as from a command line). ``mode`` may stand anywhere; its defaults come just above the
        model's own. ``frame_ms`` and ``schedule_lag_frames`` are facts of the scorer. Raises InvalidParameter naming
        the parameter and its source.
        """
        kept = tuple((source, dict(layer)) for source, layer in (("model", model), *layers))
        mode: Mode = "classic"
        for source, layer in kept:
            mode = _mode(layer.get("mode", mode), source)
        values: dict[str, object] = {"mode": mode, "frame_ms": frame_ms, "schedule_lag_frames": schedule_lag_frames}
        for source, given in _stacked(kept, mode):
            values |= {name: _validated(name, value, source) for name, value in given.items() if name != "mode"}
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

    def sources(self) -> dict[str, str]:
        """Parameter name -> the layer that set it; "default" where none did."""
        found = dict.fromkeys(self.parameters(), "default")
        for source, layer in _stacked(self.layers, self.mode):
            found.update(dict.fromkeys(layer, source))
        return found

    def parameters(self) -> dict[str, object]:
        """Parameter name -> effective value, of those that decide; what makes two results comparable."""
        return {spec.name: getattr(self, spec.name) for spec in fields(self) if spec.name != "layers"}

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
        return self


_INT_RANGES: Mapping[str, tuple[int, int]] = {
    "detect_mode": (0, 1),
    "do_extend": (0, 1),
    "max_end_silence_time": (0, 3_600_000),
    "max_start_silence_time": (0, 3_600_000),
    "window_size_ms": (10, 10_000),
    "sil_to_speech_time_thres": (0, 10_000),
    "speech_to_sil_time_thres": (0, 10_000),
    "lookback_time_start_point": (0, 10_000),
    "lookahead_time_end_point": (0, 10_000),
    "max_single_segment_time": (100, 86_400_000),
    "chunk_size": (10, 3_600_000),
}
_FLOAT_RANGES: Mapping[str, tuple[float, float]] = {
    "speech_2_noise_ratio": (0.01, 100.0),
    "speech_noise_thres": (-1.0, 1.0),
}

PARAMETERS: tuple[str, ...] = (*_INT_RANGES, *_FLOAT_RANGES, "silence_schedule")
"""Names that ``--set`` and requests accept (besides ``mode``)."""


def _stacked(layers: Sequence[Layer], mode: Mode) -> tuple[Layer, ...]:
    """All that sets a value, lowest precedence first: the model's own, the mode's defaults, the rest."""
    return (layers[0], ("mode", _MODE_DEFAULTS[mode]), *layers[1:])


def _mode(value: object, source: str) -> Mode:
    if not isinstance(value, str) or value not in MODES:
        raise InvalidParameter(f"mode={value!r} ({source}): one of {', '.join(MODES)}")
    return value  # type: ignore[return-value]  # just checked


def _validated(name: str, value: object, source: str) -> object:
    if name in IGNORED_PARAMETERS:
        raise InvalidParameter(f"{name} ({source}) decides nothing in FunASR; leave it out")
    if name in _INT_RANGES:
        return _number(name, value, source, int, _INT_RANGES[name])
    if name in _FLOAT_RANGES:
        return _number(name, value, source, float, _FLOAT_RANGES[name])
    if name == "silence_schedule":
        return _schedule(value, source)
    raise InvalidParameter(f"{name} ({source}) is not a decision parameter; they are {', '.join(PARAMETERS)}")


def _number(
    name: str, value: object, source: str, kind: type[int] | type[float], bounds: tuple[float, float]
) -> int | float:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number lands in the except
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    whole = kind is float or number == int(number if np.isfinite(number) else 0)
    if not (bounds[0] <= number <= bounds[1]) or not whole:
        what = "a whole number" if kind is int else "a number"
        raise InvalidParameter(f"{name}={value!r} ({source}): {what} from {bounds[0]} to {bounds[1]}")
    return kind(number)


def _end_silence(value: object, source: str) -> int:
    return int(_number("silence_schedule's silence", value, source, int, _INT_RANGES["max_end_silence_time"]))


def _schedule(value: object, source: str) -> Schedule:
    """Accepts pairs, or text such as ``10000:2000,20000:1000,inf:100``."""
    try:
        pairs = [part.split(":") for part in value.split(",") if part] if isinstance(value, str) else list(value)  # type: ignore[call-overload]  # what is not iterable lands in the except
        schedule = tuple((float(limit), _end_silence(silence, source)) for limit, silence in pairs)
    except InvalidParameter:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidParameter(
            f"silence_schedule={value!r} ({source}): pairs up-to-ms:end-silence-ms, such as 10000:2000,inf:800"
        ) from error
    limits = [limit for limit, _ in schedule]
    if limits != sorted(set(limits)) or not all(limit > 0 for limit in limits):  # NaN is not over 0 either
        raise InvalidParameter(f"silence_schedule={value!r} ({source}): the limits must be over 0 and rise")
    if schedule and limits[-1] != float("inf"):
        raise InvalidParameter(f"silence_schedule={value!r} ({source}): the last limit must be inf")
    return schedule
