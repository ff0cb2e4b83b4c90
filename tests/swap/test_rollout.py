"""One rollout: what counts as evidence, and what the journal says of it."""

import json

from segue.errors import MalformedOutput
from segue.swap import FellBack, Outcome, Plan, Released, Route, VersionId
from segue.swap.progress import Enter, Phase
from segue.swap.rollout import Rollout
from segue.swap.trial.judge import Decision

A, B = VersionId("va"), VersionId("vb")


def rollout(share: float = 0.5, phase: Phase = Phase.CANARY) -> Rollout:
    made = Rollout("c0ffee", B, A, Plan(), who="ann", why="better", began_s=0.0)
    enter = Enter(phase, "go", 0, share)
    made.enter(enter, made.route_of(enter), 0.0, epoch=1)
    return made


def key_of(made: Rollout, version: VersionId) -> str:
    """A key that the route sends there."""
    assert made.route is not None
    return next(str(n) for n in range(1000) if made.route.choose(str(n)) == version)


def back(version: VersionId, key: str, outcome: Outcome = Outcome.OK) -> Released:
    return Released(version, 1, key, outcome, 0.1, 2.0, None)


def seen(made: Rollout) -> tuple[float, float, float, float]:
    """Requests and failures that count: on trial, on the primary."""
    figures = made.report(0.0).figures
    names = ("trial_requests", "trial_failures", "primary_requests", "primary_failures")
    return tuple(figures[name] for name in names)  # type: ignore[return-value]  # four of them


def test_what_the_route_sent_there_counts() -> None:
    """On either side; and what was answered in the other's place, or by name, counts nowhere."""
    made = rollout()
    made.accept(back(B, key_of(made, B)), 1.0)
    made.accept(back(A, key_of(made, A)), 2.0)
    made.accept(back(A, key_of(made, B)), 3.0)
    made.accept(back(B, key_of(made, A)), 4.0)
    made.accept(back(VersionId("other"), key_of(made, A)), 5.0)
    made.accept(back(A, key_of(made, A), Outcome.CANCELLED), 6.0)
    assert seen(made) == (1, 0, 1, 0)
    assert made.report(0.0).requests == 1


def test_a_failure_on_trial_counts_when_the_other_has_answered() -> None:
    """Until then nothing is known; an input at which both fail is not blamed on it."""
    made = rollout()
    key = key_of(made, B)
    made.accept(back(B, key, Outcome.FAILED), 1.0)
    assert seen(made) == (0, 0, 0, 0)
    made.accept(FellBack(B, 1, A, key, "clip", "inference_failed", answered=True), 1.0)
    assert seen(made) == (1, 1, 0, 0)
    made.accept(FellBack(B, 1, A, key, "clip 2", "inference_failed", answered=False), 1.0)
    assert seen(made) == (2, 1, 0, 0)


def test_what_took_no_audio_says_nothing_of_latency() -> None:
    """A stream that goes over is heard again, a second of it: that is no slowness of the version that it goes to."""
    made = rollout()
    for number in range(1000):
        key = str(number)
        version = B if made.route and made.route.choose(key) == B else A
        made.accept(Released(version, 1, key, Outcome.OK, 5.0 if version == B else 0.1, 0.0, None), float(number))
    assert "latency_ratio" not in made.report(0.0).figures
    assert made.progress().verdict.decision is not Decision.WORSE


def test_failures_of_the_primary_count_for_it() -> None:
    """A call that was given up, too."""
    made = rollout()
    made.accept(back(A, key_of(made, A), Outcome.FAILED), 1.0)
    made.accept(back(A, key_of(made, A), Outcome.ABANDONED), 1.0)
    assert seen(made)[2:] == (2, 2)


def test_a_malformed_answer_is_enough() -> None:
    """Where the primary never gave one."""
    made = rollout()
    made.accept(FellBack(B, 1, A, "k", "clip", MalformedOutput.code, answered=True), 1.0)
    assert "malformed" in made.progress().verdict.why


def test_routes_of_its_steps() -> None:
    """Copies alone, a share under its own salt, the whole."""
    made = Rollout("c0ffee", B, A, Plan(shadow=0.2), who="", why="", began_s=0.0)
    assert made.route_of(Enter(Phase.SHADOW, "")) == Route(A, shadow=B)
    assert made.route_of(Enter(Phase.CANARY, "", 0, 0.1)) == Route(A, B, 0.1, B, "c0ffee")
    assert made.route_of(Enter(Phase.BAKE, "")) == Route(B)


def test_the_mark_is_json_and_makes_it_again() -> None:
    """Plan, step, share, whether it is paused, how often the process ended; and a new period of evidence."""
    made = rollout(0.25)
    made.is_paused, made.crashes = True, 1
    mark = json.loads(json.dumps(made.mark(None)))
    again = Rollout.of(mark, now_s=9.0)
    assert again.mark(None) == made.mark(None) | {"rollout": made.mark(None)["rollout"] | {"crashes": 0}}
    assert (again.share, again.is_paused, again.report(9.0).for_s) == (0.25, True, 0.0)
    coming = made.mark(Enter(Phase.BAKE, "", 3))["rollout"]
    assert (coming["phase"], coming["step"], coming["share"]) == ("bake", 3, 0.0)
