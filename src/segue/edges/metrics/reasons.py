"""Why the service went back to what served before: a small set, whatever the journal says in words.

Only the words tell what the judge held against a version: they are of ``swap/trial`` and ``swap/progress.py``, and a
test holds the two together.
"""

from segue.swap import Switched

OPERATOR = "operator"
ABORTED = "aborted"
FAILURES = "failures"
LATENCY = "latency"
DISAGREEMENT = "disagreement"
VERSION_FAILED = "version_failed"
RESTART = "restart"
ALARM = "alarm"

REASONS = (OPERATOR, ABORTED, FAILURES, LATENCY, DISAGREEMENT, VERSION_FAILED, RESTART, ALARM)

_ROLLOUTS = ("rollout ", "the watch over its bake time")
_WORDS = (
    ("aborted by ", ABORTED),
    ("a rollback that failed", ABORTED),
    ("worse by latency", LATENCY),
    ("worse by failures", FAILURES),
    ("failures in a row", FAILURES),
    ("the trial ", FAILURES),
    ("mirrored requests differ", DISAGREEMENT),
)


def reason_of(event: Switched) -> str | None:
    """The reason of a way back; None for a change that is none."""
    if event.verb == "fall back":
        return VERSION_FAILED
    if event.verb != "rollback":
        return None
    if event.who == "start":
        return RESTART
    if not event.who.startswith(_ROLLOUTS):
        return OPERATOR
    return next((reason for words, reason in _WORDS if words in event.why), ALARM)
