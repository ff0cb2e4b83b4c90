"""What serves now, in a few lines."""

from segue.edges.ui.models.serving import named, serving
from segue.service.status import JournalReport, RouteReport
from segue.swap import VersionId
from tests.edges.ui.models.seen import CHINESE, ENGLISH, EVIL, status, version


def test_it_says_what_serves_and_where_a_rollback_leads() -> None:
    """Model, version, what is tried beside it; the button names what it goes back to."""
    route = RouteReport(VersionId("v1"), VersionId("v2"), 0.25, VersionId("v2"))
    told = serving(status(route=route, back=["v0"]), ENGLISH)
    assert "me/one@v1" in told
    assert "25 % of the requests are answered by v2 (canary)" in told
    assert "v2 gets copies of requests (shadow)" in told
    assert "goes back to v0" in told
    assert "disabled" not in told


def test_a_way_back_that_there_is_not_cannot_be_gone() -> None:
    """The button is disabled, and says why."""
    told = serving(status(), ENGLISH)
    assert "nothing served before" in told
    assert "disabled" in told


def test_while_nothing_serves_it_says_why() -> None:
    """What the service waits for, as text that cannot be HTML."""
    told = serving(status(route=None, ready=False, waits_for=EVIL, versions=[]), CHINESE)
    assert "尚无模型提供服务" in told
    assert EVIL not in told
    assert "&lt;img" in told


def test_a_journal_in_trouble_is_an_alert() -> None:
    """Rows that could not be written, and what was found damaged."""
    told = serving(status(journal=JournalReport("", 3, "set aside")), ENGLISH)
    assert told.count('role="alert"') == 2
    assert "3 rows could not be written yet" in told
    assert "set aside" in told


def test_a_version_of_which_nothing_is_told_has_its_name() -> None:
    """As one would ask for it, or else by its name."""
    assert named(None, "v9") == "v9"
    assert named(version("v9", options={"mode": "tight"}), "v9") == "me/one@v1 mode=tight"
