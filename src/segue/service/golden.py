"""Golden clips: what a version must do as well on as the one that serves, before it gets a single request.

Recordings with labels, by their names (see ``segue eval``); or recordings alone: then what the serving version answers
stands for the labels, and the version may differ from it by so much.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from segue.accuracy.evaluation import Evaluated, evaluate, total
from segue.accuracy.pairing import pair
from segue.accuracy.references import is_reference
from segue.errors import GoldenFailed, InvalidPlan, SegueError, one_line
from segue.speech.detector import Detector
from segue.speech.folder import files_in
from segue.speech.names import is_audio, natural, printable
from segue.speech.segmenter import Segment


@dataclass(frozen=True, slots=True)
class Golden:
    """How both versions did. ``reference``: what they were measured by."""

    clips: int
    reference: str
    serving_f1: float
    wanted_f1: float

    def __str__(self) -> str:
        clips = f"{self.clips} golden clip{'s' * (self.clips != 1)}"
        beside = "" if self.reference == "answers" else f", the serving version {self.serving_f1:.3f}"
        return f"{clips}: F1 {self.wanted_f1:.3f}{beside}"


def examine(
    directory: str, serving: Detector, wanted: Detector, *, margin: float, progress: Callable[[str], None]
) -> Golden:
    """Let both detect every clip. Raises GoldenFailed when the wanted one is worse by more than ``margin`` of F1.

    Also when it fails at a clip that the serving one answers. Raises InvalidPlan for a directory without clips, and
    for labels that do not match them.
    """
    clips = _clips(directory)
    labels = _labels(directory, clips)
    served, tried = list[Evaluated](), list[Evaluated]()
    for number, file in enumerate(clips, 1):
        name = os.path.basename(file)
        progress(f"golden clip {number} of {len(clips)}")
        try:
            answer = serving.detect(file)
        except SegueError as error:
            raise InvalidPlan(f"golden clip {printable(name)} cannot be used: {one_line(error)}") from error
        reference = labels[file] if labels else tuple(answer)
        served.append(evaluate(name, reference, answer, answer.duration_ms))
        try:
            found = wanted.detect(file)
        except Exception as error:
            raise GoldenFailed(f"it fails at golden clip {printable(name)}: {one_line(error)}") from error
        tried.append(evaluate(name, reference, found, answer.duration_ms))
    golden = Golden(len(clips), "labels" if labels else "answers", _f1(served), _f1(tried))
    if golden.wanted_f1 < golden.serving_f1 - margin:
        raise GoldenFailed(f"it is worse by more than {margin:g} on {golden}")
    return golden


def _clips(directory: str) -> list[str]:
    found = _files(directory, is_audio)
    if not found:
        raise InvalidPlan(f"golden={directory!r}: has no audio files")
    return found


def _labels(directory: str, clips: Sequence[str]) -> Mapping[str, Sequence[Segment]]:
    files = _files(directory, is_reference)
    if not files:
        return {}
    pairing = pair(_named(clips), _named(files))
    problems = (*pairing.problems, *pairing.unused)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidPlan(f"golden={directory!r}: {problems[0]}{more}")
    return {file: reference.segments for file, reference in pairing.pairs}


def _files(directory: str, wanted: Callable[[str], bool]) -> list[str]:
    """In natural order."""

    def refuse(error: OSError | ValueError) -> None:
        why = getattr(error, "strerror", None) or "no path has such characters"
        raise InvalidPlan(f"golden={directory!r}: cannot be listed ({why}); name a directory") from error

    try:
        return sorted(files_in(directory, wanted, refused=refuse), key=natural)
    except InvalidPlan:
        raise
    except ValueError as error:  # a NUL, or half a character
        refuse(error)
        raise


def _named(files: Sequence[str]) -> Mapping[str, str]:
    return {file: os.path.basename(file) for file in files}


def _f1(each: Sequence[Evaluated]) -> float:
    """Pooled; where nobody speaks and nothing is found, all is right."""
    found = total(each).ms
    return 1.0 if found.f1 is None else found.f1
