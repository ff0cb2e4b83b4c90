"""A rollout: where it is, what is known so far, what may be done with it, and how it ended."""

import math

from segue.edges.ui.markup import Markup, joined, tag
from segue.edges.ui.models.figures import amount, duration, share
from segue.edges.ui.models.reasons import reason
from segue.edges.ui.words import Words
from segue.service.mirror import MirrorReport
from segue.swap import RolloutReport

_TRIAL = ("shadow", "canary")
_ENOUGH = math.log(20)
"""Of evidence: the judge says "no worse" at 20 to 1 (rule 2 of swap/trial/judge.py)."""


def rollout(report: RolloutReport | None, mirror: MirrorReport | None, words: Words) -> Markup:
    """The part "rollout"."""
    if report is None:
        return tag("p", words("no_rollout"), class_="dim")
    parts = [_head(report, words)]
    if not report.is_over:
        parts += [_waits(report, words), _controls(report, words), _evidence(report, words)]
    else:
        kind = "good" if report.phase == "done" else "bad"
        parts.append(
            tag("p", words("ended", why=reason(report.outcome, words)), class_=f"outcome {kind}", role="status")
        )
    parts += [_copies(mirror, words), _stages(report, words)]
    return tag("div", *parts, class_="rollout", data_key=report.id)


def phase_of(phase: str, at: float, words: Words) -> str:
    """Where it is: ``canary 10 %``."""
    name = words("phase_" + phase.replace(" ", "_"))
    return f"{name} {share(at)}" if phase == "canary" else name


def _head(report: RolloutReport, words: Words) -> Markup:
    where = phase_of(report.phase, report.share, words)
    badge = tag("span", where, class_=f"badge {report.phase.replace(' ', '-')}")
    paused = tag("span", words("paused"), class_="badge paused") if report.is_paused and not report.is_over else None
    key = "rollout_over" if report.is_over else "rollout_beside"
    told = words(key, version=report.version, instead=report.instead, time=duration(report.for_s))
    by = " · ".join(filter(None, (words("by", who=report.who), report.why)))
    return joined((tag("p", badge, " ", paused, " ", told), tag("p", by, class_="dim")))


def _waits(report: RolloutReport, words: Words) -> Markup:
    return tag(
        "p", words("waits_for", what=" · ".join(waits_of(report, words)) or words("waits_nothing")), role="status"
    )


def waits_of(report: RolloutReport, words: Words) -> list[str]:
    """What keeps it where it is, as ``segue.swap.progress.waits_for`` has it, in the page's language."""
    plan, bakes = report.plan, report.phase == "bake"
    left_s = max(0.0, float(plan["bake" if bakes else "step"]) - report.for_s)
    if bakes:
        return [words("wait_bake", time=duration(math.ceil(left_s)))]
    if report.is_paused or not plan["auto"]:
        return [words("wait_word")]
    shadow = report.phase == "shadow"
    missing = int(plan["min_requests"]) - (report.compared if shadow else report.requests)
    waits = [words("wait_time", time=duration(math.ceil(left_s)))] if left_s else []
    if missing > 0:
        waits.append(words("wait_comparisons" if shadow else "wait_requests", count=missing))
    if not shadow and report.verdict == "not enough yet":
        waits.append(words("wait_evidence"))
    return waits


def _controls(report: RolloutReport, words: Words) -> Markup:
    """The slider and the buttons; after its promotion only the way back is left."""
    abort = _button(words("abort"), "abort", report, confirm=words("abort_sure", version=report.version))
    if report.phase not in _TRIAL:
        return tag("div", abort, class_="buttons")
    percent = f"{100 * report.share:g}"
    slider = tag(
        "input",
        type="range",
        id="models-share",
        min=0,
        max=100,
        step=1,
        value=percent,
        list="models-steps",
        data_act="canary",
        data_rollout=report.id,
        aria_describedby="models-share-now",
    )
    marks = tag("datalist", *(tag("option", value=f"{step:g}") for step in report.plan["canary"]), id="models-steps")
    label = tag("label", words("share"), for_="models-share")
    number = tag("output", f"{percent} %", for_="models-share", id="models-share-now")
    hold = "resume" if report.is_paused else "pause"
    buttons = (_button(words(hold), hold, report, key="hold"), _button(words("promote"), "promote", report), abort)
    return joined((tag("div", label, slider, number, marks, class_="slider"), tag("div", *buttons, class_="buttons")))


def _button(text: str, act: str, report: RolloutReport, *, confirm: str | None = None, key: str = "") -> Markup:
    return tag(
        "button", text, type="button", data_act=act, data_rollout=report.id, data_confirm=confirm, data_key=key or act
    )


def _evidence(report: RolloutReport, words: Words) -> Markup:
    """What the judge says, and on what."""
    said = [words("verdict_" + report.verdict.replace(" ", "_"))]
    figures = report.figures
    if figures.get("trial_requests") or figures.get("primary_requests"):
        names = ("trial_failures", "trial_requests", "primary_failures", "primary_requests")
        said.append(words("failed_of", **{name: f"{figures.get(name, 0):,.0f}" for name in names}))
    if "latency_ratio" in figures:
        said.append(words("latency_ratio", ratio=amount(figures["latency_ratio"])))
    if report.phase == "canary" and "evidence_failures_no_worse" in figures:
        said.append(
            words(
                "evidence",
                failures=_part(figures["evidence_failures_no_worse"]),
                latency=_part(figures["evidence_latency_no_worse"]),
                keys=f"{figures.get('trial_keys', 0):,.0f}",
            )
        )
    return tag("ul", *(tag("li", text) for text in said), class_="evidence", aria_label=words("evidence_title"))


def _part(value: float) -> str:
    """Percent of the way from nothing known to enough."""
    way = math.log(max(value, 1.0)) / _ENOUGH
    return f"{100 if way >= 1 else min(99, 100 * way):.0f} %"


def _copies(mirror: MirrorReport | None, words: Words) -> Markup:
    if mirror is None or not any((mirror.compared, mirror.waiting, mirror.dropped, mirror.failed, mirror.too_large)):
        return Markup("")
    names = ("compared", "failed", "dropped", "too_large")
    counts = words("copies", **{name: f"{getattr(mirror, name):,}" for name in names})
    agreement = words("agreement", iou=share(mirror.iou), missed=share(mirror.missed), extra=share(mirror.extra))
    return tag("p", counts, joined((None if mirror.iou is None else f" {agreement}",)))


def _stages(report: RolloutReport, words: Words) -> Markup:
    """The steps that it took; the browser says when, in its own time."""
    items = [
        tag(
            "li",
            tag("time", data_at=stage.at),
            " ",
            tag("b", phase_of(stage.phase, stage.share, words)),
            " ",
            reason(stage.why, words),
        )
        for stage in report.stages
    ]
    return tag("ol", *items, class_="stages", aria_label=words("stages"))
