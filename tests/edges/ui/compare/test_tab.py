"""The tab Compare, in a browser."""

from pathlib import Path

from playwright.sync_api import Browser, Locator

from segue import load
from tests.edges.http.server import Address
from tests.edges.ui.browser import Visit, until, visit


def panel(visitor: Visit, *, button: str) -> Locator:
    """The tab's own part of the page."""
    return visitor.page.get_by_role("tabpanel").filter(has=visitor.page.get_by_role("button", name=button, exact=True))


def give(tab: Locator, file: Path) -> None:
    """Upload a recording, and wait until it is there."""
    tab.locator("input[type=file]").first.set_input_files(file)
    tab.get_by_role("button", name="Play", exact=True).first.wait_for()


def test_two_modes_are_compared_side_by_side(
    opened: Browser, address: Address, talk_file: Path, model_directory: Path
) -> None:
    """Both segmentations over one waveform, and figures that are the library's own."""
    detector = load(str(model_directory))
    counts = [len(detector.detect(talk_file, mode=mode)) for mode in ("classic", "tight")]
    with visit(opened, address) as visitor:
        visitor.open()
        visitor.tab("Compare")
        tab = panel(visitor, button="Compare")
        give(tab, talk_file)
        tab.get_by_role("button", name="Compare", exact=True).click()
        tab.get_by_role("status").get_by_text("of the recording alike").wait_for()
        row = tab.get_by_role("row").filter(has=visitor.page.get_by_role("rowheader", name="Segments", exact=True))
        assert [int(cell) for cell in row.get_by_role("cell").all_inner_texts()] == counts
        for letter in "AB":
            tab.locator(f"#compare-picture [aria-label^='{letter}: v']").first.wait_for(state="attached")
        assert visitor.complaints == []


def test_noise_is_made_on_the_spot(opened: Browser, address: Address, talk_file: Path) -> None:
    """In noise, each side is also held against itself without it."""
    with visit(opened, address) as visitor:
        visitor.open()
        visitor.tab("Compare")
        tab = panel(visitor, button="Compare")
        give(tab, talk_file)
        tab.get_by_label("Heard").click()
        visitor.page.get_by_role("option", name="across the room", exact=False).first.click()
        tab.get_by_role("button", name="Compare", exact=True).click()
        tab.get_by_role("rowheader", name="Agreement with itself without the noise (IoU)").wait_for()


def test_what_cannot_be_compared_is_said(opened: Browser, address: Address, talk_file: Path) -> None:
    """No recording; parameters that are none; in the page's language, and what was compared before is gone."""
    with visit(opened, address) as visitor:
        visitor.open("/zh/")
        visitor.tab("对比")
        tab = panel(visitor, button="开始对比")
        tab.get_by_role("button", name="开始对比").click()
        tab.get_by_role("alert").get_by_text("还没有录音").wait_for()
        tab.locator("input[type=file]").first.set_input_files(talk_file)
        until(lambda: tab.locator("audio, .waveform-container, [data-testid=waveform-Audio]").count() > 0)
        tab.get_by_label("A 的参数").fill("threshold=2")
        tab.get_by_role("button", name="开始对比").click()
        tab.get_by_role("alert").get_by_text("threshold").wait_for()
