"""The search for parameters: on clips whose best setting is known, and on clips that hold nothing to be found."""

import numpy as np
import pytest

from segue.accuracy.evaluation import total
from segue.accuracy.scored_clip import ScoredClip
from segue.accuracy.tuning import FEWEST, SPACES, most_trials, tune
from segue.errors import InvalidParameter
from segue.speech.parameters import parameters_of
from segue.speech.rules import MODES, Rules
from segue.speech.segmenter import Segment


def clip(seed: int, *, seconds: int = 12, silence: float = 0.5) -> ScoredClip:
    """Speech and pauses of half a second and more; in pauses p0 is about ``silence``, in speech well below."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.integers(50, 200, 40))
    edges = edges[edges < seconds * 100]
    speech = np.zeros(seconds * 100, dtype=bool)
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        speech[start:end] = True
    p = np.where(speech, 0.02, silence) + rng.normal(0, 0.01, len(speech))
    reference = tuple(
        Segment(int(start) * 10, int(end) * 10) for start, end in zip(edges[::2], edges[1::2], strict=False)
    )
    return ScoredClip(f"clip-{seed}", seconds * 1000, reference, np.clip(p, 0, 1).astype(np.float32))


CLIPS = [clip(seed) for seed in range(FEWEST)]


def test_what_can_be_found_is_found() -> None:
    """Where the default takes in much at each edge, tuning does not: on clips that it did not see either."""
    found = tune(CLIPS, Rules.of(), trials=60)
    before, held_out, training = (total(each).ms.f1 or 0 for each in (found.given, found.held_out, found.training))
    assert before < 0.9
    assert held_out > before + 0.05
    assert training >= held_out - 0.01
    assert found.changes["lookback_time_start_point"] < 100
    assert {name: getattr(found.rules, name) for name in found.changes} == dict(found.changes)
    assert total(found.training).ms == total([each.evaluate(found.rules) for each in CLIPS]).ms
    assert len(found.by_fold) == 5


def test_it_can_be_tuned_for_fewer_errors() -> None:
    """The detection error, which is better when it is less."""
    found = tune(CLIPS, Rules.of(), measure="error", trials=60)
    before, training = (total(each).ms.detection_error or 0 for each in (found.given, found.training))
    assert training < before - 0.1


def test_each_clip_is_held_out_once() -> None:
    """Its held-out figure is that of a fold's setting, which was chosen without it."""
    found = tune(CLIPS, Rules.of(), trials=20, folds=3)
    settings = [Rules.of().asking(dict(changes)) for changes in found.by_fold]
    for one, each in zip(CLIPS, found.held_out, strict=True):
        assert each.name == one.name
        assert each in [one.evaluate(rules) for rules in settings]


def test_the_label_of_a_clip_does_not_touch_its_own_setting() -> None:
    """One long clip decides all that it takes part in, whatever its label says; but not what is held against it."""
    long = clip(3, seconds=240)
    other = ScoredClip(long.name, long.duration_ms, (Segment(0, 240_000),), long.p_silence)
    one, two = (tune([*CLIPS[:3], each, *CLIPS[4:]], Rules.of(), trials=20, folds=FEWEST) for each in (long, other))
    fold = np.random.default_rng(0).permutation(FEWEST).tolist().index(3)  # as the clips are dealt out
    assert long.evaluate(Rules.of().asking(dict(one.by_fold[fold]))) == one.held_out[3]
    alike = [first == second for first, second in zip(one.by_fold, two.by_fold, strict=True)]
    assert alike == [index == fold for index in range(FEWEST)]


def test_it_is_the_same_every_time() -> None:
    """By the seed alone."""
    assert tune(CLIPS, Rules.of(), trials=20, seed=4) == tune(CLIPS, Rules.of(), trials=20, seed=4)


@pytest.mark.parametrize("trials", [2, 7, 30])
def test_the_trials_are_bounded_and_told(trials: int) -> None:
    """Each setting that is tried is counted once, and there are no more than was said before."""
    told: list[None] = []
    found = tune(CLIPS, Rules.of(), trials=trials, advance=lambda: told.append(None))
    assert found.tried == len(told) <= most_trials(trials, 5)


def test_what_is_fixed_stays() -> None:
    """A parameter that somebody gave is not searched; and all of them cannot be given."""
    found = tune(CLIPS, Rules.of(), trials=40, fixed=["lookback_time_start_point"])
    assert "lookback_time_start_point" not in found.changes
    with pytest.raises(InvalidParameter, match="nothing is left to tune in mode classic"):
        tune(CLIPS, Rules.of(), fixed=list(SPACES["classic"]))


def test_nothing_is_changed_for_next_to_nothing() -> None:
    """Clips that every setting decides alike leave all as it is, and the figures too."""
    flat = [ScoredClip(str(n), 10_000, (Segment(0, 10_000),), np.zeros(1000, dtype=np.float32)) for n in range(FEWEST)]
    found = tune(flat, Rules.of(), trials=20)
    assert found.changes == {}
    assert found.given == found.held_out == found.training


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_its_parameters(mode: str) -> None:
    """All that is searched decides in its mode, and every value is accepted."""
    rules = Rules.of({}, ("test", {"mode": mode}))
    for name, values in SPACES[mode].items():
        assert name in parameters_of(mode)
        for value in values:
            assert getattr(rules.asking({name: value}), name) == value
    assert tune(CLIPS, rules, trials=10).rules.mode == mode


def test_hysteresis_is_not_turned_about() -> None:
    """In tight mode speech never ends above the probability at which it begins."""
    found = tune(CLIPS, Rules.of({}, ("test", {"mode": "tight"})), trials=60)
    assert found.rules.neg_threshold <= found.rules.threshold


@pytest.mark.parametrize(
    ("count", "asked", "said"),
    [
        (9, {}, "9 labelled recordings with speech: tuning takes 10 or more"),
        (1, {}, "1 labelled recording with speech"),
        (10, {"folds": 11}, "11 folds: from 2 to the 10 recordings with speech"),
        (10, {"folds": 1}, "1 folds: from 2"),
        (10, {"trials": 1}, "1 trials: 2 or more"),
        (10, {"measure": "auc"}, "metric 'auc': one of f1, error"),
    ],
)
def test_what_cannot_be_tuned_is_refused(count: int, asked: dict[str, str | int], said: str) -> None:
    """Too few clips (those without speech do not count), folds, trials, or a figure that there is not."""
    silent = ScoredClip("silent", 1000, (), np.ones(100, dtype=np.float32))
    with pytest.raises(InvalidParameter, match=f"^{said}"):
        tune([*CLIPS[:count], silent], Rules.of(), **asked)  # type: ignore[arg-type]  # one of each kind
