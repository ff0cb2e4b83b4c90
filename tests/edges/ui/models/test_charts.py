"""Rate, latency and errors, as numbers and in words."""

import json

from segue.edges.ui.models.charts import charts, data, said
from segue.edges.ui.models.traffic import Course
from segue.swap import VersionId
from tests.edges.ui.models.seen import CHINESE, ENGLISH

COURSE = Course(VersionId("v1"), (0.0, 7.5, 3.256), (None, 4.0, None), (None, 120.0, None), (0, 2, 1))


def test_there_is_a_place_for_each_panel() -> None:
    """Three figures, each with its caption, drawn as an image."""
    told = charts(ENGLISH)
    assert told.count("<figcaption>") == told.count('role="img"') == 3
    assert "5 minutes ago" in told


def test_lines_are_of_a_version() -> None:
    """Two for the latency; what is not known is null."""
    panels = json.loads(data([COURSE], ENGLISH))
    assert list(panels) == ["rate", "latency", "errors"]
    assert panels["rate"]["lines"] == [{"of": "v1", "name": "v1", "values": [0.0, 7.5, 3.26]}]
    assert [line["name"] for line in panels["latency"]["lines"]] == ["v1 p50", "v1 p99"]
    assert panels["latency"]["lines"][1]["values"] == [None, 120.0, None]


def test_who_does_not_see_them_is_told() -> None:
    """The newest value, the largest, the sum; of nothing, that it is nothing."""
    assert said("rate", [COURSE], ENGLISH) == "Requests per second: v1 now 3.26, most 7.50"
    assert said("latency", [COURSE], ENGLISH) == "Latency, ms: v1 p50 4.00, p99 120"
    assert said("errors", [COURSE], CHINESE) == "错误数: v1 共 3"
    assert said("rate", [], CHINESE) == "最近几分钟没有请求。"
