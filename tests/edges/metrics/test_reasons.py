"""Why the service went back: each reason from the facts as they are told."""

from pathlib import Path

import pytest

import segue.swap
from segue.edges.metrics.reasons import _ROLLOUTS, _WORDS, REASONS, reason_of
from segue.swap import Switched


def switched(verb: str, who: str = "", why: str = "") -> Switched:
    return Switched(verb, None, None, 1, who, why)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (switched("switch", "alice"), None),
        (switched("rollout", "alice"), None),
        (switched("fall back", "", "v1 failed: it hung"), "version_failed"),
        (switched("rollback", "alice", "worse by latency, I feel"), "operator"),
        (switched("rollback", "start", "its rollout is over: it died"), "restart"),
        (switched("rollback", "rollout 12", "aborted by alice: no"), "aborted"),
        (switched("rollback", "rollout 12", "worse by failures: 3 of 9"), "failures"),
        (switched("rollback", "rollout 12", "3 failures in a row on as many inputs"), "failures"),
        (switched("rollback", "rollout 12", "the trial hung where the primary answered"), "failures"),
        (switched("rollback", "the watch over its bake time", "worse by latency: 2 times"), "latency"),
        (switched("rollback", "rollout 12", "the answers to 9 mirrored requests differ in 9%"), "disagreement"),
        (switched("rollback", "rollout 12", "its memory is over the budget"), "alarm"),
    ],
)
def test_a_way_back_has_its_reason(event: Switched, reason: str | None) -> None:
    """Which is one of the set; a change that is no way back has none."""
    assert reason_of(event) == reason
    assert reason is None or reason in REASONS


def test_the_words_are_those_of_whoever_says_them() -> None:
    """Each stands in the sources of swap/: a reason would fall out of use unnoticed if one changed there."""
    sources = [path.read_text(encoding="utf-8") for path in Path(segue.swap.__file__).parent.rglob("*.py")]
    for words in (*_ROLLOUTS, *(words for words, _ in _WORDS)):
        assert any(words in source for source in sources), words
