"""Which presets earn their place."""

import numpy as np
import pytest

from benchmarks.accuracy_tables import beside_peers, by_condition, by_family, presets, searched
from benchmarks.conditions import CONDITIONS
from benchmarks.contenders import EVERYTHING, Heard
from benchmarks.held_out import HeldOut, Interval
from benchmarks.listening import AS_THEY_ARE, Listened
from benchmarks.preset_search import SITUATIONS, Candidate, conditions_of, grid, search
from segue.speech.parameters import MODES
from segue.speech.presets import PRESETS
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment


def listened(*, far_field: float, peers: bool = False) -> Listened:
    """Six clips of 3 s, the middle second speech, of which the network is sure; in far field only by ``far_field``."""

    def heard(p_speech: float) -> list[Heard]:
        p_silence = np.full(300, 0.999, dtype=np.float32)
        p_silence[100:200] = 1 - p_speech
        return [Heard(p_silence, (Segment(1000, 2000),), 3000)] * 6

    families = {condition.name: condition.family for condition in CONDITIONS}
    names = [AS_THEY_ARE, *families]
    clips = {name: heard(far_field if families.get(name) == "far-field" else 0.99) for name in names}
    theirs = {name: [clip.segments(Rules.of()) for clip in clips[name]] for name in names}
    return Listened(Rules.of(), clips, {"funasr-onnx": theirs, "other": theirs} if peers else {})


def candidate(gain: Interval, *, lost: float = 0.0) -> Candidate:
    return Candidate("noisy", "classic", (("speech_noise_thres", 0.0),), HeldOut((), ()), gain, 0.9, 0.9 - lost)


@pytest.mark.parametrize(
    ("gain", "lost", "earns"),
    [
        (Interval(0.03, 0.01, 0.05), 0.01, True),
        (Interval(0.03, -0.001, 0.06), 0.0, False),
        (Interval(0.009, 0.005, 0.02), 0.0, False),
        (Interval(0.03, 0.01, 0.05), 0.04, False),
    ],
    ids=["clear", "chance", "small", "loses more in quiet"],
)
def test_the_rule(gain: Interval, lost: float, earns: bool) -> None:
    """Clearly over 0, at least a hundredth, and more than is lost in quiet."""
    assert candidate(gain, lost=lost).earns is earns


@pytest.mark.parametrize("mode", MODES)
def test_all_that_is_tried_can_be_set(mode: str) -> None:
    """The mode's own values come first."""
    tried = list(grid(mode))
    assert tried[0] == ()
    for parameters in tried:
        Rules.of({}, ("request", {"mode": mode, **dict(parameters)}))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_situation_has_conditions(situation: str) -> None:
    """A name that is spelt otherwise would be a preset for nothing."""
    assert len(conditions_of(situation)) >= 2
    assert set(PRESETS) <= set(SITUATIONS)


def test_speech_of_which_the_network_is_unsure_is_found_by_a_lower_threshold() -> None:
    """At 0.45 the mode misses it all, and a value that is tried does not; where all is sure, nothing is changed."""
    unsure = search(listened(far_field=0.45), "far-field", "classic")
    assert unsure.earns
    assert dict(unsure.parameters)["speech_noise_thres"] < 0
    assert unsure.quiet_after == unsure.quiet_before
    sure = search(listened(far_field=0.99), "far-field", "classic")
    assert (sure.gain.value, sure.earns) == (0, False)


def test_the_tables_have_a_row_for_all_that_was_measured() -> None:
    """Beside the peers, whose sameness is checked and told; the presets; and what was looked for."""
    all_of_it = listened(far_field=0.99, peers=True)
    first = beside_peers(all_of_it)
    assert [row[0] for row in first.rows] == [
        "segue, classic", "funasr-onnx", "segue, dynamic", "segue, tight", "other", EVERYTHING,
    ]  # fmt: skip
    assert all(note.startswith("Met: in mode classic the segments of 150 of 150") for note in first.notes)
    assert [row[0] for row in by_condition(all_of_it).rows] == [condition.name for condition in CONDITIONS]
    assert "funasr-onnx" not in by_condition(all_of_it).columns
    assert {row[0] for row in by_family(all_of_it).rows} >= set(SITUATIONS)
    assert [row[0] for row in presets(all_of_it).rows] == [p.name for p in PRESETS.values() for _ in p.parameters]
    table = searched([search(all_of_it, "far-field", "classic")])
    assert table.rows[0][-1] == "earns nothing"


def test_a_peer_that_differs_is_missed() -> None:
    """Sameness is not taken for granted."""
    same = listened(far_field=0.99, peers=True)
    other = {name: [[Segment(0, 10)]] * 6 for name in same.heard}
    (note,) = beside_peers(Listened(same.rules, same.heard, {"funasr-onnx": other})).notes
    assert note.startswith("**Missed**: in mode classic the segments of 0 of 150")
