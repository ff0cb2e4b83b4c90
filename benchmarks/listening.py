"""All clips in all conditions through all contenders, once: what stays are scores, segments and labels, not samples."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.clips import Clip
from benchmarks.conditions import CONDITIONS, spoil
from benchmarks.contenders import EVERYTHING, FUNASR, Heard
from benchmarks.peers import Pairs
from benchmarks.recording import Samples
from segue.accuracy.agreement import Agreement
from segue.speech.detector import Detector
from segue.speech.parameters import MODES
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment

AS_THEY_ARE = "as they are"
"""The condition that is none: no margins, no background."""


@dataclass(frozen=True)
class Listened:
    """By condition the clips in order, and by peer and condition their segments."""

    rules: Rules
    heard: Mapping[str, Sequence[Heard]]
    peers: Mapping[str, Mapping[str, Sequence[Sequence[Segment]]]]
    _counted: dict[tuple[Rules, str], tuple[Agreement, ...]] = field(default_factory=dict, repr=False)

    def contenders(self) -> list[str]:
        """Segue's modes, each with the peer that it equals under it; the others; the least that one can do."""
        names = []
        for mode in MODES:
            names += [f"segue, {mode}", *([FUNASR[mode]] if FUNASR.get(mode) in self.peers else [])]
        return [*names, *(peer for peer in self.peers if peer not in names), EVERYTHING]

    def counts(self, contender: str, condition: str) -> tuple[Agreement, ...]:
        """A contender's counts, one a clip."""
        heard = self.heard[condition]
        if contender == EVERYTHING:
            return tuple(clip.counts([Segment(0, clip.duration_ms)]) for clip in heard)
        if contender in self.peers:
            return tuple(
                clip.counts(found) for clip, found in zip(heard, self.peers[contender][condition], strict=True)
            )
        return self.counts_under(self.rules.asking({"mode": contender.removeprefix("segue, ")}), condition)

    def counts_under(self, rules: Rules, condition: str) -> tuple[Agreement, ...]:
        """Segue's counts under any rules; remembered, for a search asks again and again."""
        if (rules, condition) not in self._counted:
            counted = tuple(clip.counts(clip.segments(rules)) for clip in self.heard[condition])
            self._counted[rules, condition] = counted
        return self._counted[rules, condition]

    def over(self, contender: str, conditions: Sequence[str]) -> tuple[Agreement, ...]:
        """A contender's counts, each clip's added up over conditions."""
        return _added(self.counts(contender, condition) for condition in conditions)

    def over_under(self, rules: Rules, conditions: Sequence[str]) -> tuple[Agreement, ...]:
        """The same for Segue under any rules."""
        return _added(self.counts_under(rules, condition) for condition in conditions)

    def unequal(self, mode: str) -> tuple[int, int]:
        """(recordings whose segments differ from FunASR's in a mode, recordings compared)."""
        rules, theirs = self.rules.asking({"mode": mode}), self.peers[FUNASR[mode]]
        answers = [
            (clip.segments(rules), found)
            for name in self.heard
            for clip, found in zip(self.heard[name], theirs[name], strict=True)
        ]
        return sum(ours != list(found) for ours, found in answers), len(answers)


def listen(
    clips: Sequence[Clip],
    detector: Detector,
    *,
    peers: Mapping[str, Callable[[Samples], Pairs]],
    seed: int = 0,
) -> Listened:
    """A condition at a time, so that one condition's samples are in memory."""
    heard: dict[str, list[Heard]] = {}
    found: dict[str, dict[str, list[list[Segment]]]] = {name: {} for name in peers}
    for condition in (None, *CONDITIONS):
        name = condition.name if condition else AS_THEY_ARE
        spoilt = [
            spoil(clip, condition, [each for each in clips if each is not clip], seed=seed) if condition else clip
            for clip in clips
        ]
        heard[name] = [Heard.of(clip, detector.scorer) for clip in spoilt]
        for peer, detect in peers.items():
            found[peer][name] = [[Segment(start, end) for start, end in detect(clip.samples)] for clip in spoilt]
    return Listened(detector.rules, heard, found)


def _added(counts: Iterable[Sequence[Agreement]]) -> tuple[Agreement, ...]:
    return tuple(sum(of_clip, Agreement()) for of_clip in zip(*counts, strict=True))
