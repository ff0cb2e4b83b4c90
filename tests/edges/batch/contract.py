"""A service that speaks the contract, made of a detector on this machine: what a batch through a service talks to."""

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Any

from segue.errors import SegueError
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.detector import Detector
from segue.speech.parameters import parameters_of
from segue.speech.rules import Rules
from tests.client.loopback import Asked, Loopback, Says, refusal
from tests.fakes import loudness_detector

BROKEN = Says(raw=b"")
"""The connection ends without an answer."""


class Contract:
    """Answers requests with its ``detector``, which may be replaced at any time; ``version`` is the name of that.

    ``faults`` are given instead of answers to recordings, each once. ``closed`` versions are refused where asked for.
    ``before`` is called with each recording. While it ``is_away``, no request has an answer; while it
    ``is_starting`` it knows no version.
    """

    def __init__(self, detector: Detector | None = None, version: str = "v1") -> None:
        self.faults: deque[Says] = deque()
        self.closed: set[str] = set()
        self.is_away = self.is_starting = False
        self.before: Callable[[Asked], None] = lambda _: None
        self.serve(detector or loudness_detector(), version)

    def serve(self, detector: Detector, version: str) -> None:
        """Replace what answers, in one step."""
        model = dataclasses.replace(detector.model, version=version)
        self.detector = dataclasses.replace(detector, model=model)

    def running(self) -> Loopback:
        """On a port of its own, while the context lasts."""
        return Loopback(self.answer)

    def answer(self, asked: Asked) -> Says:
        """What Loopback calls."""
        if asked.path == "/v1/detect":
            self.before(asked)
        if self.is_away:
            return BROKEN
        if asked.path == "/livez":
            return Says({"status": "alive"})
        if asked.path == "/v1/detect" and self.faults:
            return self.faults.popleft()
        if (wanted := asked.headers.get("x-segue-version")) in self.closed:
            return refusal(409, "version_not_ready", f"version {wanted} is closed")
        if self.is_starting:
            named = refusal(404, "unknown_version", f"{wanted}: there is no such version")
            return named if wanted else refusal(503, "not_ready", "the model loads", Retry_After="2")
        if asked.path == "/readyz":
            return Says({"status": "ready"})
        detector = self.detector
        query: dict[str, Any] = dict(asked.query)
        split = query.pop("channels", "mix") == "split"
        probabilities, parameters = (query.pop(name, "false") == "true" for name in ("probabilities", "parameters"))
        try:
            if asked.path == "/v1/serving":
                rules = detector.rules.asking(query)
                return Says(_about(detector.model, rules) | {"parameters": _parameters(rules), "epoch": 1})
            detect = detector.detect_channels if split else _one(detector)
            return Says(_result(detect(asked.body, probabilities=probabilities, **query), split, parameters))
        except SegueError as error:
            return refusal(422, error.code, str(error).replace("bytes:", "body:", 1))


def _one(detector: Detector) -> Callable[..., list[Detection]]:
    return lambda *given, **options: [detector.detect(*given, **options)]


def _about(model: ModelIdentity, rules: Rules) -> dict[str, Any]:
    return {
        "model": dataclasses.asdict(model),
        "mode": rules.mode,
        "request_id": "r",
        **({"preset": rules.preset} if rules.preset else {}),
    }


def _parameters(rules: Rules) -> dict[str, Any]:
    schedule = ",".join(f"{limit_ms:g}:{silence_ms}" for limit_ms, silence_ms in rules.silence_schedule)
    parameters = {name: getattr(rules, name) for name in parameters_of(rules.mode)}
    return parameters | ({"silence_schedule": schedule} if "silence_schedule" in parameters else {})


def _result(detections: list[Detection], split: bool, parameters: bool) -> dict[str, Any]:
    first = detections[0]
    about = _about(first.model, first.rules) | {"duration_ms": first.duration_ms}
    if parameters:
        about["parameters"] = _parameters(first.rules)
    return about | ({"channels": [_channel(found) for found in detections]} if split else _channel(first))


def _channel(found: Detection) -> dict[str, Any]:
    segments = [{"start_ms": segment.start_ms, "end_ms": segment.end_ms} for segment in found.segments]
    p = {} if found.probabilities is None else {"probabilities": [round(float(p), 6) for p in found.probabilities]}
    return {"segments": segments, **({} if found.channel is None else {"channel": found.channel}), **p}
