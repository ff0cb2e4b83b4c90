"""The decision parameters: their names, what each accepts, in which modes it decides, and each mode's own defaults.

Names and units are FunASR's (``VADXOptions`` of funasr 1.4) where FunASR has the parameter; those of tight mode are
Silero's (``get_speech_timestamps`` of silero-vad 6), whose one pad is two here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import numpy as np

from segue.errors import InvalidParameter

Mode: TypeAlias = Literal["classic", "dynamic", "tight"]
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

MODE_DEFAULTS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "classic": {"silence_schedule": ()},
        "dynamic": {"silence_schedule": FUNASR_SCHEDULE, "speech_noise_thres": 0.5},
        "tight": {},
    }
)
"""What a mode sets otherwise than FunASR and its models do. Defaults of tight mode's own parameters are in Rules."""

# FunASR reads these and never uses them, or its values can never close the gate (FACTS: decibel and SNR at -100).
IGNORED_PARAMETERS = frozenset({
    "snr_mode", "dcd_block_size", "nn_eval_block_size", "fe_prior_thres", "speech_noise_thresh_low",
    "speech_noise_thresh_high", "do_start_point_detection", "do_end_point_detection", "output_frame_probs",
    "noise_frame_num_used_for_snr",
})  # fmt: skip

Range: TypeAlias = tuple[type[int] | type[float], float, float]
"""(whole or not, least, most)."""

_OF_ALL: Mapping[str, Range] = {
    "detect_mode": (int, 0, 1),
    "max_start_silence_time": (int, 0, 3_600_000),
    "max_single_segment_time": (int, 100, 86_400_000),
}
_OF_WINDOW: Mapping[str, Range] = {  # classic and dynamic
    "max_end_silence_time": (int, 0, 3_600_000),
    "do_extend": (int, 0, 1),
    "window_size_ms": (int, 10, 10_000),
    "sil_to_speech_time_thres": (int, 0, 10_000),
    "speech_to_sil_time_thres": (int, 0, 10_000),
    "lookback_time_start_point": (int, 0, 10_000),
    "lookahead_time_end_point": (int, 0, 10_000),
    "chunk_size": (int, 10, 3_600_000),
    "speech_2_noise_ratio": (float, 0.01, 100.0),
    "speech_noise_thres": (float, -1.0, 1.0),
}
_OF_TIGHT: Mapping[str, Range] = {
    "threshold": (float, 0.0, 1.0),
    "neg_threshold": (float, 0.0, 1.0),
    "min_speech_duration_ms": (int, 0, 10_000),
    "min_silence_duration_ms": (int, 0, 3_600_000),
    "speech_pad_start_ms": (int, 0, 10_000),
    "speech_pad_end_ms": (int, 0, 10_000),
}
_RANGES: Mapping[str, Range] = {**_OF_ALL, **_OF_WINDOW, **_OF_TIGHT}

PARAMETERS: tuple[str, ...] = (*_OF_ALL, *_OF_WINDOW, "silence_schedule", *_OF_TIGHT)
"""Names that ``--set`` and requests accept (besides ``mode`` and ``preset``)."""


def parameters_of(mode: str) -> tuple[str, ...]:
    """The names that decide something in a mode."""
    return tuple(name for name in PARAMETERS if name in _OF_ALL or (name in _OF_TIGHT) == (mode == "tight"))


def range_of(name: str) -> Range | None:
    """What a parameter's value may be: whole or not, least, most; None of ``silence_schedule``, which is text."""
    return _RANGES.get(name)


def checked_mode(value: object, source: str) -> Mode:
    """A mode, or InvalidParameter."""
    if not isinstance(value, str) or value not in MODES:
        raise InvalidParameter(f"mode={value!r} ({source}): one of {', '.join(MODES)}")
    return value  # type: ignore[return-value]  # just checked


def check_decides(name: str, mode: str, source: str) -> None:
    """Raise InvalidParameter for one that decides nothing in a mode."""
    if name not in parameters_of(mode):
        theirs = " and ".join(other for other in MODES if name in parameters_of(other))
        raise InvalidParameter(
            f"{name} ({source}) decides nothing in mode {mode}, only in {theirs}: leave it out, or ask for such a mode"
        )


def validated(name: str, value: object, source: str) -> object:
    """The value as its kind; it may come as text. Raises InvalidParameter naming the parameter and its source."""
    if name in IGNORED_PARAMETERS:
        raise InvalidParameter(f"{name} ({source}) decides nothing in FunASR; leave it out")
    if name in _RANGES:
        return _number(name, value, source, _RANGES[name])
    if name == "silence_schedule":
        return _schedule(value, source)
    raise InvalidParameter(f"{name} ({source}) is not a decision parameter; they are {', '.join(PARAMETERS)}")


def schedule_text(schedule: Schedule) -> str:
    """A schedule as ``silence_schedule`` accepts it: JSON has no number for its last limit."""
    return ",".join(f"{limit_ms:.15g}:{silence_ms}" for limit_ms, silence_ms in schedule)


def _number(name: str, value: object, source: str, accepted: Range) -> int | float:
    kind, least, most = accepted
    said = value.lower() == "true" if isinstance(value, str) and value.lower() in ("true", "false") else value
    if isinstance(said, bool) and accepted != (int, 0, 1):
        raise InvalidParameter(f"{name}={value!r} ({source}): a number from {least} to {most}")
    try:
        number = float(said)  # type: ignore[arg-type]  # what is no number lands in the except
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    whole = kind is float or number == int(number if np.isfinite(number) else 0)
    if not (least <= number <= most) or not whole:
        what = "a whole number" if kind is int else "a number"
        raise InvalidParameter(f"{name}={value!r} ({source}): {what} from {least} to {most}")
    return kind(number)


def _end_silence(value: object, source: str) -> int:
    return int(_number("silence_schedule's silence", value, source, _OF_WINDOW["max_end_silence_time"]))


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
