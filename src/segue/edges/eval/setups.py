"""What is evaluated: a model under rules; and the other one that it is compared with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from segue import service
from segue.speech.detector import Detector
from segue.speech.parameters import PARAMETERS, check_decides
from segue.speech.rules import Rules


@dataclass(frozen=True, slots=True)
class Setup:
    """``detector`` scores, ``rules`` decide."""

    detector: Detector
    rules: Rules


def setup(model: str | None, asked: Mapping[str, object], *, say: Callable[[str], None]) -> Setup:
    """Load a model. Raises ModelError, InvalidParameter, StoreError."""
    detector = service.load(model, progress=say)
    return Setup(detector, detector.rules.asking(asked, source="options").settled())


def other(first: Setup, asked: Mapping[str, object], change: Mapping[str, str], *, say: Callable[[str], None]) -> Setup:
    """The same but for ``change``: of the model, the mode, the preset or decision parameters. Raises as ``setup``."""
    detector = service.load(change["model"], progress=say) if "model" in change else first.detector
    wanted = {name: value for name, value in change.items() if name != "model"}
    rules = detector.rules.asking(asked, source="options").asking(wanted, source="--compare")
    for name in wanted:
        if name in PARAMETERS:  # else it would be set aside, and the two would be alike
            check_decides(name, rules.mode, "--compare")
    return Setup(detector, rules)


def labels(first: Setup, second: Setup, change: Mapping[str, str]) -> tuple[str, str]:
    """What to call the two: what they differ in, as ``--compare`` names it."""
    return _label(first, change), _label(second, change)


def _label(one: Setup, change: Mapping[str, str]) -> str:
    values = {**one.rules.parameters(), "preset": one.rules.preset or "none", "model": str(one.detector.model)}
    return ", ".join(f"{name}={values.get(name, 'none')}" for name in change)
