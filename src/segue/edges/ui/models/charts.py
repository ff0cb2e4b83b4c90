"""Rate, latency and errors of the last minutes, by version: numbers for ``browser/charts.js``, and what they say."""

import json
from collections.abc import Sequence

from segue.edges.ui.markup import Markup, tag
from segue.edges.ui.models.figures import amount
from segue.edges.ui.models.traffic import MOMENTS, STEP_S, Course
from segue.edges.ui.words import Words

_PANELS = ("rate", "latency", "errors")


def charts(words: Words) -> Markup:
    """The places of the drawings: they stay, and are drawn anew each time."""
    minutes = f"{MOMENTS * STEP_S / 60:g}"
    drawn = [
        tag(
            "figure",
            tag("figcaption", words(f"chart_{name}"), " ", tag("span", class_="legend")),
            tag("div", class_="plot", role="img", data_chart=name),
            tag("div", tag("span", words("ago", minutes=minutes)), tag("span", words("now")), class_="axis"),
        )
        for name in _PANELS
    ]
    return tag("div", *drawn, class_="charts")


def data(courses: Sequence[Course], words: Words) -> str:
    """JSON: for each panel its lines (``name``, ``of``: the version, ``values``), the largest value, and ``said``."""
    panels = {
        "rate": [_line(course, course.rate_per_s) for course in courses],
        "latency": [
            _line(course, values, label)
            for course in courses
            for label, values in (("p50", course.p50_ms), ("p99", course.p99_ms))
        ],
        "errors": [_line(course, course.errors) for course in courses],
    }
    return json.dumps(
        {name: {"lines": lines, "said": said(name, courses, words)} for name, lines in panels.items()},
        separators=(",", ":"),
        ensure_ascii=False,
    )


def said(panel: str, courses: Sequence[Course], words: Words) -> str:
    """A panel in words, for who does not see it."""
    if not courses:
        return words("chart_nothing")
    return words(f"chart_{panel}") + ": " + "; ".join(_said(panel, course, words) for course in courses)


def _said(panel: str, course: Course, words: Words) -> str:
    if panel == "rate":
        values = {"now": amount(course.rate_per_s[-1]), "most": amount(max(course.rate_per_s))}
    elif panel == "latency":
        values = {"p50": _last(course.p50_ms), "p99": _last(course.p99_ms)}
    else:
        values = {"count": f"{sum(course.errors):,}"}
    return words(f"said_of_{panel}", version=course.version, **values)


def _last(values: Sequence[float | None]) -> str:
    return amount(next((value for value in reversed(values) if value is not None), None))


def _line(course: Course, values: Sequence[float | None], label: str = "") -> dict[str, object]:
    return {
        "of": course.version,
        "name": f"{course.version} {label}".strip(),
        "values": [None if value is None else round(value, 2) for value in values],
    }
