"""What a request says."""

import math

import pytest

from segue.swap.trial.evidence import Evidence, Fault, Side, per_audio_s


@pytest.mark.parametrize(
    ("fault", "excused", "counts"),
    [(None, False, False), (Fault.RAISED, False, True), (Fault.HUNG, True, False), (None, True, False)],
)
def test_a_failure_counts_unless_the_other_version_shared_it(fault: Fault | None, excused: bool, counts: bool) -> None:
    """What nobody can answer is nobody's fault."""
    assert Evidence(Side.TRIAL, "", 0.0, fault, excused).counts_against is counts


@pytest.mark.parametrize(("latency_s", "audio_s", "value"), [(2.0, 4.0, 0.5), (0.3, 0.1, 0.3), (0.3, 0.0, 0.3)])
def test_short_clips_count_as_long_as_the_floor(latency_s: float, audio_s: float, value: float) -> None:
    """A clip of 0.1 s is not ten times as slow as one of a second."""
    assert per_audio_s(latency_s, audio_s) == value


@pytest.mark.parametrize(
    ("latency_s", "audio_s", "floor_s"), [(math.nan, 1, 1), (-0.1, 1, 1), (1, 1, 0), (math.inf, 1, 1), (1, math.nan, 1)]
)
def test_what_is_no_latency_is_refused(latency_s: float, audio_s: float, floor_s: float) -> None:
    """With what was given."""
    with pytest.raises(ValueError, match="no latency"):
        per_audio_s(latency_s, audio_s, floor_s=floor_s)
