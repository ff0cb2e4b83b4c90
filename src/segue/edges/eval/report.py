"""An evaluation -> objects for JSON. Pure functions."""

from collections.abc import Mapping, Sequence
from typing import Any

from segue.accuracy.agreement import FRAME_MS, percentiles
from segue.accuracy.comparison import CONFIDENCE, Difference
from segue.accuracy.evaluation import METRICS, Evaluated
from segue.edges.eval.hearing import Heard
from segue.edges.eval.setups import Setup
from segue.speech.names import legible
from segue.speech.parameters import schedule_text

PERCENTILES = (5, 25, 50, 75, 95)


def of_setup(setup: Setup) -> dict[str, Any]:
    """The model, and every parameter that decides."""
    model = setup.detector.model
    parameters = setup.rules.parameters()
    if schedule := setup.rules.silence_schedule:
        parameters["silence_schedule"] = schedule_text(schedule)
    return {
        "model": {"id": legible(model.id), "revision": model.revision, "digest": model.digest},
        "mode": setup.rules.mode,
        "preset": setup.rules.preset or None,
        "parameters": parameters,
    }


def of_evaluated(one: Evaluated, *, in_frames: bool) -> dict[str, Any]:
    """All figures; times in milliseconds, or in frames of 10 ms. A figure of nothing is null."""
    found = one.agreement(in_frames=in_frames)
    unit = "frames" if in_frames else "ms"
    times = {"speech": found.reference, "detected": found.detected, "both": found.both, "missed": found.missed}
    times |= {"false_alarm": found.false_alarm, "neither": found.neither}
    return {
        "duration_ms": one.duration_ms,
        **{f"{name}_{unit}": value for name, value in times.items()},
        **{name: metric.of(found) for name, metric in METRICS.items()},
        "start_shift_ms": _of_shifts(one.shifts.start_ms),
        "end_shift_ms": _of_shifts(one.shifts.end_ms),
    }


def of_files(heard: Sequence[Heard], evaluated: Sequence[Evaluated], *, in_frames: bool) -> list[dict[str, Any]]:
    """One object a recording: its figures, or its error."""
    figures = {one.name: one for one in evaluated}
    return [
        {"file": legible(one.file), "error": {"code": one.code, "message": legible(one.error)}}
        if one.error
        else {"file": legible(one.file), **of_evaluated(figures[one.file], in_frames=in_frames)}
        for one in heard
    ]


def of_differences(differences: Mapping[str, Difference]) -> dict[str, Any]:
    """Metric -> both figures, second minus first, and the interval; null where there is none."""
    return {
        name: {
            "first": found.first,
            "second": found.second,
            "difference": found.value,
            "low": found.low,
            "high": found.high,
            "clear": found.is_clear,
        }
        for name, found in differences.items()
    }


def of_method(seed: int) -> dict[str, Any]:
    """How the intervals were made."""
    return {"interval": CONFIDENCE, "method": "paired bootstrap over recordings, expanded percentiles", "seed": seed}


def of_unit(in_frames: bool) -> int | None:
    """The length of a frame, where figures are in frames."""
    return FRAME_MS if in_frames else None


def _of_shifts(shifts_ms: Sequence[int]) -> dict[str, Any]:
    found = percentiles(shifts_ms, PERCENTILES)
    values = dict(zip(PERCENTILES, found, strict=True)) if found else {}
    return {"matched": len(shifts_ms), **{f"p{at}": values.get(at) for at in PERCENTILES}}
