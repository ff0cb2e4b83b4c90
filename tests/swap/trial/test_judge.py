"""Worse, no worse, or not enough yet."""

import json
import math
import pickle
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.swap.trial.evidence import Evidence, Fault, Side
from segue.swap.trial.judge import Decision, Judge, Margins

EVIDENCE = st.builds(
    Evidence,
    st.sampled_from(Side),
    st.sampled_from(["", "a", "b", "c", "d"]),
    st.floats(0, 1e6),
    st.sampled_from([None, None, None, *Fault]),
    st.booleans(),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.sampled_from(["", "x", "y", "z"]),
    st.one_of(st.none(), st.floats(0, 1)),
)


def requests(
    count: int, share: float, *, base: float = 0.0, trial: float = 0.0, ratio: float = 1.0, seed: int = 1
) -> Iterator[Evidence]:
    """Each with a key of its own, a tenth of a second apart."""
    draw = random.Random(seed)
    for number in range(count):
        on_trial = draw.random() < share
        failed = draw.random() < (trial if on_trial else base)
        pace = 0.02 * math.exp(draw.gauss(0, 0.5)) * (ratio if on_trial else 1.0)
        side = Side.TRIAL if on_trial else Side.PRIMARY
        fault = Fault.RAISED if failed else None
        yield Evidence(side, f"key {number}", number / 10, fault, False, None if failed else pace, f"input {number}")


def judge_of(share: float, evidence: Iterator[Evidence], margins: Margins | None = None) -> Judge:
    """Having heard all."""
    judge = Judge(margins, share=share)
    for each in evidence:
        judge.accept(each)
    return judge


def test_nothing_is_not_enough() -> None:
    """Silence is no success."""
    verdict = Judge(share=0.1).verdict()
    assert verdict.decision is Decision.NOT_ENOUGH
    assert verdict.why == (
        "not enough yet: failed 0 of 0 (0 %) on trial, 0 of 0 (0 %) on the primary; latency not compared; "
        "evidence so far: failures 0 %, latency 0 %, from 0 keys on trial"
    )


def test_one_side_alone_is_not_enough() -> None:
    """A thousand good answers on trial, and nobody to compare with."""
    judge = judge_of(0.5, (each for each in requests(2000, 0.5) if each.side is Side.TRIAL))
    assert judge.verdict().decision is Decision.NOT_ENOUGH


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_good_version_is_no_worse_after_some_hundred(share: float) -> None:
    """Not after a hundred requests; surely after a thousand on the rarer side."""
    early = judge_of(share, requests(int(100 / min(share, 1 - share)), share))
    assert early.verdict().decision is Decision.NOT_ENOUGH
    late = judge_of(share, requests(int(1000 / min(share, 1 - share)), share)).verdict()
    assert late.decision is Decision.NO_WORSE
    assert late.why.startswith("within the margins: failed 0 of ")
    assert "latency 1.0" in late.why or "latency 0.9" in late.why


def test_a_version_that_fails_more_is_worse_and_says_so_with_figures() -> None:
    """1 % and 8 %; once said it stays, whatever comes."""
    judge = judge_of(0.1, requests(8000, 0.1, base=0.01, trial=0.08))
    verdict = judge.verdict()
    assert verdict.decision is Decision.WORSE
    assert verdict.why.startswith("worse by failures: failed ")
    assert verdict.why.endswith(" 200 is enough")
    for each in requests(5000, 0.1):
        judge.accept(each)
    assert judge.is_worse
    assert judge.verdict().why == verdict.why


def test_a_slower_version_is_worse() -> None:
    """Twice as slow; 25 % are tolerated."""
    verdict = judge_of(0.1, requests(8000, 0.1, ratio=2.0)).verdict()
    assert verdict.decision is Decision.WORSE
    assert verdict.why.startswith("worse by latency: latency ")
    assert "1.25 times are tolerated" in verdict.why


def test_a_faster_version_that_fails_less_is_no_worse() -> None:
    """Better is no worse."""
    verdict = judge_of(0.5, requests(4000, 0.5, base=0.05, trial=0.0, ratio=0.5)).verdict()
    assert verdict.decision is Decision.NO_WORSE


def test_a_small_rise_takes_nothing_back() -> None:
    """0 and 0.3 %, as sure as can be: below the least rise that matters."""
    evidence = list(requests(20_000, 0.5, trial=0.003))
    assert not judge_of(0.5, iter(evidence)).is_worse
    assert judge_of(0.5, iter(evidence), Margins(least=0.0)).is_worse


def test_a_heavy_key_is_one_coin() -> None:
    """A thousand failures of one key on trial, none of them in a row, say no more than one."""
    judges = []
    for failures in (1, 1000):
        judge = Judge(share=0.1)
        for number in range(failures):
            judge.accept(Evidence(Side.TRIAL, "heavy", number, Fault.RAISED, input=str(number)))
            judge.accept(Evidence(Side.TRIAL, "heavy", number, None, False, 0.02))
        judges.append(judge)
    one, thousand = (judge.verdict() for judge in judges)
    assert thousand.decision is Decision.NOT_ENOUGH
    assert one.figures["evidence_failures_worse"] == thousand.figures["evidence_failures_worse"]
    assert thousand.figures["evidence_failures_worse"] < 10


def test_a_key_that_fails_after_it_was_counted_speaks_against_no_worse() -> None:
    """Its first request was good; a later one was not: that is one failure more, once, and no longer a success."""
    judge = judge_of(0.5, requests(800, 0.5))
    assert judge.verdict().decision is Decision.NO_WORSE
    judge.accept(Evidence(Side.TRIAL, "late", 80.0, latency_s_per_audio_s=0.02))
    before = judge.verdict().figures["evidence_failures_no_worse"]
    after = []
    for number in range(2):
        judge.accept(Evidence(Side.TRIAL, "late", 81.0, Fault.RAISED, input=f"late {number}"))
        after.append(judge.verdict().figures["evidence_failures_no_worse"])
    assert after[0] < before / 4
    assert after[1] == after[0]


def test_few_keys_are_never_enough_for_success() -> None:
    """Twenty keys with 20,000 good answers are twenty units."""
    evidence = list(requests(20_000, 0.5))
    judge = Judge(share=0.5)
    for number, each in enumerate(evidence):
        side = Side.TRIAL if number % 20 < 10 else Side.PRIMARY
        judge.accept(Evidence(side, f"client {number % 20}", each.at_s, None, False, each.latency_s_per_audio_s))
    verdict = judge.verdict()
    assert verdict.decision is Decision.NOT_ENOUGH
    assert verdict.figures["trial_keys"] == verdict.figures["primary_keys"] == 10


def test_failures_that_both_share_do_not_count_against_the_trial() -> None:
    """A third of the inputs is broken, for either version."""
    judge = Judge(share=0.5)
    for number, each in enumerate(requests(6000, 0.5)):
        fault = Fault.RAISED if number % 3 == 0 else None
        pace = None if fault else each.latency_s_per_audio_s
        judge.accept(Evidence(each.side, each.key, each.at_s, fault, fault is not None, pace, each.input))
    verdict = judge.verdict()
    assert not judge.is_worse
    assert verdict.figures["trial_failures"] == 0
    assert verdict.figures["trial_requests"] > 2500


def test_a_step_must_show_anew_that_it_is_no_worse() -> None:
    """At the share that is on; the same share again changes nothing."""
    judge = judge_of(0.1, requests(10_000, 0.1))
    judge.step(0.1)
    assert judge.verdict().decision is Decision.NO_WORSE
    judge.step(0.5)
    assert judge.verdict().decision is Decision.NOT_ENOUGH
    for each in requests(2000, 0.5, seed=2):
        judge.accept(each)
    assert judge.verdict().decision is Decision.NO_WORSE


def test_what_was_under_way_before_the_step_counts_by_the_share_of_then() -> None:
    """Its failures do; it is no unit of the step."""
    judge = Judge(share=0.01)
    judge.step(0.5)
    late = Evidence(Side.TRIAL, "a", 0.0, Fault.RAISED, share=0.01)
    judge.accept(late)
    figures = judge.verdict().figures
    assert (figures["trial_failures"], figures["trial_keys"]) == (1, 0)
    assert figures["evidence_failures_worse"] > 2  # at a half it would be 1.1


def test_a_version_that_turns_bad_after_a_good_step_is_caught() -> None:
    """The good past is not held against the evidence."""
    judge = judge_of(0.1, requests(20_000, 0.1, base=0.01, trial=0.01))
    judge.step(0.5)
    taken = 0
    for each in requests(4000, 0.5, base=0.01, trial=0.08, seed=3):
        judge.accept(each)
        taken += each.side is Side.TRIAL
        if judge.is_worse:
            break
    assert judge.is_worse
    assert taken < 800


def test_while_baking_it_is_held_against_what_the_primary_was() -> None:
    """All are on trial, none with the primary: a rise is caught; the same rate is not."""
    for trial, worse in ((0.01, False), (0.06, True)):
        judge = judge_of(0.5, requests(4000, 0.5, base=0.01, trial=0.01))
        judge.step(1.0)
        for each in requests(3000, 1.0, trial=trial, seed=4):
            judge.accept(Evidence(each.side, "b" + each.key, each.at_s, each.fault, False, each.latency_s_per_audio_s))
        assert judge.is_worse is worse


def test_what_the_guard_finds_is_the_reason() -> None:
    """Three in a row, and an alarm."""
    judge = Judge(share=0.1)
    for number in range(3):
        assert not judge.is_worse
        judge.accept(Evidence(Side.TRIAL, f"{number}", number, Fault.RAISED, input=str(number)))
    assert judge.verdict().why.startswith("3 failures in a row")
    judge = Judge(share=0.1)
    judge.alarm("memory 2.1 GB, 1.5 GB are allowed")
    assert judge.verdict().decision is Decision.WORSE
    assert judge.verdict().why == "memory 2.1 GB, 1.5 GB are allowed"


def test_an_untimed_answer_is_no_unit() -> None:
    """The next one of its key is."""
    judge = Judge(share=0.5)
    judge.accept(Evidence(Side.TRIAL, "a", 0.0))
    assert judge.verdict().figures["trial_keys"] == 0
    judge.accept(Evidence(Side.TRIAL, "a", 0.0, latency_s_per_audio_s=0.02))
    assert judge.verdict().figures["trial_keys"] == 1


def test_the_order_of_failures_of_one_moment_does_not_matter() -> None:
    """For the claim that it is worse."""
    evidence = [each for each in requests(3000, 0.1, base=0.01, trial=0.02) if each.fault is not None]
    values = []
    for seed in range(3):
        random.Random(seed).shuffle(evidence)
        values.append(judge_of(0.1, iter(evidence)).verdict().figures["evidence_failures_worse"])
    assert values == pytest.approx([values[0]] * 3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(EVIDENCE, max_size=60),
    st.floats(0, 1),
    st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1)), max_size=3),
)
def test_whatever_comes_it_judges(evidence: list[Evidence], share: float, steps: list[tuple[int, float]]) -> None:
    """Figures are finite numbers that JSON has, the reason is one line, worse stays; a copy goes on as the original."""
    judge, was_worse = Judge(share=share), False
    for number, each in enumerate(evidence):
        for at, to in steps:
            if at == number:
                judge.step(to)
        judge.accept(each)
        assert judge.is_worse or not was_worse
        was_worse = judge.is_worse
    verdict = judge.verdict()
    assert judge.is_worse is (verdict.decision is Decision.WORSE)
    assert all(math.isfinite(value) for value in verdict.figures.values())
    assert json.loads(json.dumps(verdict.figures)) == verdict.figures
    assert "\n" not in verdict.why
    assert pickle.loads(pickle.dumps(judge)).verdict() == verdict


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"failures": 0.0}, "margin of failures 0.0: a part of the requests"),
        ({"failures": 1.0}, "margin of failures 1.0"),
        ({"failures": math.nan}, "margin of failures nan"),
        ({"latency": 1.0}, "margin of latency 1.0: a ratio over 1"),
        ({"latency": math.inf}, "margin of latency inf"),
        ({"least": 0.5}, "least rise 0.5: from 0 to the margin of failures, 0.02"),
        ({"in_a_row": 0}, "0 failures in a row: 1 or more"),
    ],
)
def test_margins_that_are_none_are_refused(wrong: dict[str, float], message: str) -> None:
    """With what was given and what is wanted."""
    with pytest.raises(ValueError, match=message):
        Margins(**wrong)  # type: ignore[arg-type]  # that is the point


def test_what_is_said_where_nobody_is_compared() -> None:
    """With copies alone and in the bake time nothing is being shown: it says that nothing speaks against it."""
    for share in (0.0, 1.0):
        verdict = Judge(share=share).verdict()
        assert verdict.decision is Decision.NOT_ENOUGH
        assert verdict.why.startswith("nothing against it so far: failed 0 of 0")


def test_an_equal_version_that_runs_in_more_company_is_not_slower() -> None:
    """A trial runs beside its primary, which mostly runs alone; what runs beside two takes twice as long.

    Without the company a good version would be taken back for it.
    """
    chance = random.Random(3)
    for is_told in (True, False):
        judge = Judge(share=0.3)
        for number in range(4000):
            on_trial = chance.random() < 0.3
            company = 3 if chance.random() < (0.8 if on_trial else 0.3) else 1
            pace = 0.02 * (2.0 if company == 3 else 1.0) * chance.lognormvariate(0, 0.2)
            side = Side.TRIAL if on_trial else Side.PRIMARY
            told = company if is_told else 0
            judge.accept(Evidence(side, f"{number}", number / 10, latency_s_per_audio_s=pace, company=told))
        assert judge.is_worse is not is_told
        if is_told:
            assert judge.verdict().decision is Decision.NO_WORSE
            assert judge.verdict().figures["latency_ratio"] == pytest.approx(1.0, abs=0.05)
