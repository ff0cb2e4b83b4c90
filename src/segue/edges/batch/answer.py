"""What a service says -> what a detector on this machine would have said. Pure functions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from segue.errors import InvalidParameter, ServerRefused
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.presets import Preset
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

_FACTS_OF_THE_SCORER = ("frame_ms", "schedule_lag_frames")
"""Among a detector's parameters, though nobody can ask for them. Where a service leaves them out: FSMN-VAD's."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What would answer: the answer of ``GET /v1/serving``."""

    model: ModelIdentity
    rules: Rules


def to_serving(said: Mapping[str, Any]) -> Serving:
    """Raises ServerRefused where it does not say what it should."""
    with _understood():
        return Serving(_model(said), _rules(said))


def to_detections(said: Mapping[str, Any]) -> list[Detection]:
    """The answer of ``POST /v1/detect?parameters=true``, one a channel where they were split. Raises ServerRefused."""
    with _understood():
        model, rules, duration_ms = _model(said), _rules(said), int(said["duration_ms"])
        return [
            Detection(
                segments=tuple(Segment(int(part["start_ms"]), int(part["end_ms"])) for part in each["segments"]),
                duration_ms=duration_ms,
                rules=rules,
                model=model,
                channel=each.get("channel"),
                probabilities=(np.array(each["probabilities"], dtype=np.float32) if "probabilities" in each else None),
            )
            for each in said.get("channels", [said])
        ]


def _model(said: Mapping[str, Any]) -> ModelIdentity:
    model = said["model"]
    return ModelIdentity(model["id"], model["revision"], model["digest"], model["version"])


def _rules(said: Mapping[str, Any]) -> Rules:
    """Every parameter that decides is said, so none comes from below."""
    given = {**said["parameters"], "mode": said["mode"]}
    if name := said.get("preset"):  # its values are among the parameters; of its name nothing else is known here
        given["preset"] = Preset(name, "", {said["mode"]: {}})
    facts = {name: int(given.pop(name)) for name in _FACTS_OF_THE_SCORER if name in given}
    return Rules.of({}, ("service", given), **facts)


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, ValueError, OverflowError, InvalidParameter) as error:
        what = f"it lacks {error}" if isinstance(error, LookupError) else str(error)
        raise ServerRefused(
            f"the answer of the server is not understood ({what}): it may be another release of Segue than this one; "
            "upgrade the older of the two",
            code="not_understood",
            status=200,
        ) from error
