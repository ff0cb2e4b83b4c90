"""What rollouts say of themselves, in Chinese."""

import re

import pytest

from segue.edges.ui.models.reasons import detail, reason, states
from segue.swap.plan import Plan
from segue.swap.progress import Phase, Progress, decide, first
from segue.swap.trial import Decision, Evidence, Fault, Judge, Side, Verdict
from tests.edges.ui.models.seen import CHINESE, ENGLISH

LATIN = re.compile(r"[A-Za-z]{2,}")


def _said() -> list[str]:
    """What the plan, the judge and its guard themselves say."""
    plan = Plan(shadow=0.2, max_disagreement=0.1)
    canary = Progress(Phase.CANARY, 0.0, requests=99, share=0.01, verdict=Verdict(Decision.NO_WORSE, ""))
    judge = Judge(plan.margins())
    judge.step(0.5)
    for number in range(40):
        judge.accept(Evidence(Side.PRIMARY, f"p{number}", number / 10, latency_s_per_audio_s=0.01))
    calm = judge.verdict().why
    for number in range(3):
        judge.accept(Evidence(Side.TRIAL, f"t{number}", 5 + number / 10, Fault.RAISED, input=f"i{number}"))
    acted = [
        first(plan),
        first(Plan(canary=())),
        first(Plan()),
        decide(plan, Progress(Phase.SHADOW, 0.0, compared=77), 100.0),
        decide(plan, Progress(Phase.BAKE, 0.0), 1000.0),
        decide(plan, Progress(Phase.CANARY, 0.0, compared=60, disagreement=0.4), 1.0),
        decide(plan, canary, 100.0),
    ]
    within = calm.replace("not enough yet: ", "within the margins: ").partition("; evidence")[0]
    return [*(action.why for action in acted if action is not None), within, judge.verdict().why]


def test_all_that_a_rollout_says_by_itself_is_said_in_chinese() -> None:
    """No English word is left in what the plan, the judge and the guard say; in English it stays to the letter."""
    said = _said()
    assert len(said) == 9
    for text in filter(None, said):
        assert not LATIN.search(reason(text, CHINESE)), text
        assert reason(text, ENGLISH) == text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("a better model; it is ready", "a better model；已就绪"),
        ("set to 30 % by page 127.0.0.1", "page 127.0.0.1 将比例设为 30 %"),
        ("aborted by ada: slow", "由 ada 中止：slow"),
        ("rollout a9c1 of v3ad", "灰度发布 a9c1（v3ad）"),
        ("taken back", "已自动回退"),
        ("what nobody knows", "what nobody knows"),
        ("", ""),
    ],
)
def test_what_people_said_stays_as_it_is(said: str, expected: str) -> None:
    """Only our own sentences are translated."""
    assert reason(said, CHINESE) == expected


def test_what_is_said_of_a_step_is_said_in_chinese() -> None:
    """Of a switch and a rollout as the service tells them; the names of models stay."""
    said = ("digest 6cadc83c4c1c", "to v6cadc83c", "with v6cadc83c", "for the change under way", "me/one@v1")
    told = [detail(text, CHINESE) for text in said]
    assert told == ["摘要 6cadc83c4c1c", "至 v6cadc83c", "版本 v6cadc83c", "等待进行中的变更", "me/one@v1"]
    assert [detail(text, ENGLISH) for text in said] == list(said)


def test_steps_of_a_version() -> None:
    """As arrows, in the page's language; a state that the page does not know stays."""
    assert states("new -> loading -> odd", CHINESE) == "新建 → 加载 → odd"
    assert states("ready", ENGLISH) == "ready"
