"""The tab Models in a real browser, while requests run: what it lets in, shows and does."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from tests.edges.http.server import Address
from tests.edges.http.service import TIMEOUT_S, LoudService, loud_service, model, recording
from tests.edges.ui.browser import Visit, page_of, until, visit

expect.set_options(timeout=20_000)  # a busy machine takes its time


@dataclass
class House:
    """A service with models ``a`` (which serves), ``b`` and ``c``, and its page."""

    service: LoudService
    address: Address
    directory: Path

    def model(self, name: str) -> str:
        return str(self.directory / name)

    @property
    def primary(self) -> str:
        route = self.service.board.route
        assert route is not None
        return str(route.primary)


@pytest.fixture(scope="module")
def the_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("models")
    for name in "abc":
        model(directory, name)
    with loud_service(directory / "home", bake_s=600.0, max_resident=4) as service:
        service.serve(directory / "a")
        service.start()
        with page_of(service) as address:
            yield House(service, address, directory)


@pytest.fixture
def house(the_house: House) -> Iterator[House]:
    """``a`` serves, before and after."""
    yield the_house
    the_house.service.on_accept = lambda _: None
    under_way = the_house.service.rollouts.under_trial
    if under_way is not None and under_way.id:
        the_house.service.rollouts.abort(under_way.id, who="test")
    the_house.service.serve(the_house.directory / "a")


@dataclass
class Caller:
    """Asks for detection again and again, in a thread: what it was answered."""

    address: Address
    failures: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)

    def call(self, number: int) -> None:
        headers = {"X-Segue-Key": f"key-{number}"}
        answer = requests.post(f"{self.address.url}/v1/detect", data=recording(), headers=headers, timeout=TIMEOUT_S)
        if answer.status_code != 200:
            self.failures.append(answer.text)
            return
        version = answer.json()["model"]["version"]
        self.versions[version] = self.versions.get(version, 0) + 1

    def answered_by(self, version: str) -> None:
        """Wait until this version has answered."""
        before = self.versions.get(version, 0)
        until(lambda: self.versions.get(version, 0) > before, what=f"{version} answers nobody: {self.versions}")


@contextmanager
def calling(address: Address) -> Iterator[Caller]:
    caller, is_over = Caller(address), threading.Event()

    def run(first: int) -> None:
        number = first
        while not is_over.is_set():
            caller.call(number)
            number += 2

    threads = [threading.Thread(target=run, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield caller
    finally:
        is_over.set()
        for thread in threads:
            thread.join(TIMEOUT_S)


@contextmanager
def inside(opened: Browser, house: House, path: str = "/en/", tab: str = "Models", **context: Any) -> Iterator[Visit]:
    """Somebody who has given the token and looks at the tab."""
    with visit(opened, house.address, **context) as visitor:
        body = {"token": house.service.token}
        assert visitor.page.request.post(f"{house.address.url}/page/session", data=body).ok
        visitor.open(path)
        visitor.tab(tab)
        visitor.page.locator(".models .now").wait_for()
        yield visitor
        assert visitor.complaints == []
        assert visitor.strangers == []


def outcome(page: Page) -> Locator:
    """What came of the change that was begun last."""
    return page.locator("[data-part=change] .outcome")


def row(page: Page, version: str) -> Locator:
    """Of a version that is loaded."""
    table = page.get_by_role("table", name="Loaded versions")
    return table.get_by_role("row").filter(has=page.get_by_text(version, exact=True))


def test_who_has_not_given_the_token_sees_a_field_for_it_and_nothing_else(opened: Browser, house: House) -> None:
    """Nothing of the service is on the tab; a wrong token is refused in words; the right one opens, and is kept."""
    with visit(opened, house.address) as visitor:
        page = visitor.open("/en/").page
        visitor.tab("Models")
        field = page.get_by_label("Token", exact=True)
        field.wait_for()
        tab = page.locator("#models")
        assert house.primary not in tab.inner_html()
        assert house.model("a") not in tab.inner_html()
        expect(tab.get_by_role("textbox")).to_have_count(1)
        field.fill("wrong")
        field.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="The token is wrong.")).to_be_visible()
        assert page.context.cookies() == []
        field.fill(house.service.token)
        page.get_by_role("button", name="Unlock").click()
        page.get_by_role("heading", name="Serving now").wait_for()
        page.reload()
        visitor.tab("Models")
        expect(page.locator(".models .now")).to_contain_text(house.primary)
        assert visitor.complaints == []


def endpoints(address: Address) -> list[tuple[str, int, str]]:
    """All functions of the page that its browser side may call: (language, component, name)."""
    found = []
    for language in ("en", "zh"):
        config = requests.get(f"{address.url}/{language}/config", timeout=TIMEOUT_S).json()
        for component in config["components"]:
            names = component["props"].get("server_fns") or []
            if component["props"].get("elem_id") == "models":
                found += [(language, component["id"], name) for name in names]
    return found


ACTS: list[object] = [
    {"act": "switch", "model": "/b"},
    {"act": "rollout", "model": "/b"},
    *({"act": act} for act in ("rollback", "cancel", "close", "canary", "pause", "resume", "promote", "abort")),
    None,
    [],
    "text",
]


def test_no_function_of_the_page_answers_without_the_cookie(house: House) -> None:
    """Whoever calls them directly, with no cookie or a wrong one, learns nothing and changes nothing."""
    found = endpoints(house.address)
    assert sorted(name for _, _, name in found) == ["act", "act", "look", "look"]
    before = (house.service.status().epoch, house.service.history(1)[0].seq)
    asked: list[object] = [{"have": {}, "change": "", "before": None, "whole": True}, *ACTS]
    jars: list[dict[str, str]] = [{}, {"segue": "x", "segue-00000000": "y"}]
    for language, component, name in found:
        for said in asked:
            for cookies in jars:
                answer = requests.post(
                    f"{house.address.url}/{language}/gradio_api/component_server",
                    json={"data": said, "component_id": component, "fn_name": name, "session_hash": "any"},
                    cookies=cookies,
                    timeout=TIMEOUT_S,
                )
                assert answer.status_code == 200
                told = json.loads(answer.json())
                assert list(told) in (["login"], ["error"])
                assert house.primary not in answer.text
    assert (house.service.status().epoch, house.service.history(1)[0].seq) == before


def test_the_page_has_no_other_way_in(house: House) -> None:
    """The tab adds no Gradio event, so that there is nothing else to be called."""
    for language in ("en", "zh"):
        config = requests.get(f"{house.address.url}/{language}/config", timeout=TIMEOUT_S).json()
        (tab,) = (each["id"] for each in config["components"] if each["props"].get("elem_id") == "models")
        touched = [
            event
            for event in config["dependencies"]
            if tab in [*event["inputs"], *event["outputs"], *(target for target, _ in event["targets"])]
        ]
        assert touched == []


def test_nonsense_from_who_may_is_refused_in_words(house: House) -> None:
    """Not a traceback, and no harm."""
    visitor = requests.Session()
    body = {"token": house.service.token}
    assert visitor.post(f"{house.address.url}/page/session", json=body, timeout=TIMEOUT_S).ok
    nonsense: list[object] = [
        {"have": {}, "change": "", "before": 2**70},
        None,
        [],
        7,
        {"have": 1},
        {"act": ["switch"]},
        {"act": "fly"},
        {"act": "switch", "model": {}},
    ]
    for language, component, name in endpoints(house.address):
        for said in nonsense:
            answer = visitor.post(
                f"{house.address.url}/{language}/gradio_api/component_server",
                json={"data": said, "component_id": component, "fn_name": name, "session_hash": "any"},
                timeout=TIMEOUT_S,
            )
            assert list(json.loads(answer.json())) == ["error"]


def test_a_reason_that_is_no_text_costs_nobody_the_page(house: House) -> None:
    """Half a character is kept as what it is, and shown as such."""
    visitor = requests.Session()
    body = {"token": house.service.token}
    assert visitor.post(f"{house.address.url}/page/session", json=body, timeout=TIMEOUT_S).ok
    component = next(number for language, number, _ in endpoints(house.address) if language == "en")

    def ask(name: str, said: dict[str, object]) -> dict[str, Any]:
        answer = visitor.post(
            f"{house.address.url}/en/gradio_api/component_server",
            data=json.dumps({"data": said, "component_id": component, "fn_name": name, "session_hash": "any"}),
            headers={"Content-Type": "application/json"},
            timeout=TIMEOUT_S,
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = json.loads(answer.json())
        return told

    told = ask("act", {"act": "switch", "model": house.model("b"), "why": "half \ud83d"})
    assert list(told) == ["change"], told
    house.service.operation(told["change"]).future.result(TIMEOUT_S)
    seen = ask("look", {"have": {}, "change": told["change"], "before": None, "whole": True})
    assert "half \\ud83d" in seen["parts"]["change"][1]
    assert "half \\ud83d" in seen["parts"]["history"][1]


def test_switch_canary_promote_and_roll_back_by_clicking_while_requests_run(opened: Browser, house: House) -> None:
    """Each act shows its steps and what came of it; the answers change their version and no request fails."""
    first = house.primary
    with calling(house.address) as caller, inside(opened, house) as visitor:
        page = visitor.page
        caller.answered_by(first)

        page.get_by_label("Model ID, alias or directory").fill(house.model("b"))
        page.get_by_label("Options, NAME=VALUE").fill("max_end_silence_time=500")
        page.get_by_label("Reason").fill("a <b>better</b> one")
        page.get_by_role("button", name="Switch now").click()
        expect(outcome(page)).to_contain_text(f"serves now, instead of {first}; it took")
        second = house.primary
        steps = page.get_by_role("list", name="Steps", exact=True).get_by_role("listitem").locator("b")
        expect(steps).to_have_text(["Fetch", "Verify", "Load", "Warm", "Switch"])
        expect(page.locator(".now .serves")).to_contain_text(f"{house.model('b')} max_end_silence_time=500")
        expect(row(page, second)).to_contain_text("primary 100 %")
        expect(row(page, first)).to_contain_text("can serve again at once")
        caller.answered_by(second)

        page.get_by_label("Model ID, alias or directory").fill(house.model("c"))
        page.get_by_label("Options, NAME=VALUE").fill("")
        page.get_by_text("Plan of the rollout").click()
        page.get_by_role("slider", name="Canary begins with").fill("40")
        page.get_by_label("Shadow, % of the recordings").fill("")
        page.get_by_label("Least time of a step").fill("1h")
        page.get_by_role("button", name="Begin a rollout").click()
        share = page.get_by_role("slider", name="Canary share")
        expect(share).to_have_value("40")
        third = house.service.rollouts.report().version
        caller.answered_by(third)
        expect(page.get_by_role("list", name="Evidence so far")).to_contain_text("on trial")
        share.focus()
        share.press("End")
        expect(page.locator(".message")).to_contain_text("The share is 100 %")
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        expect(row(page, third)).to_contain_text("canary 100 %")
        expect(share).to_be_focused()
        page.get_by_role("button", name="Promote").click()
        expect(page.locator(".now .serves")).to_contain_text(third)
        assert house.primary == third

        page.get_by_role("button", name="Roll back").click()
        expect(outcome(page)).to_contain_text(f"{second} serves now, instead of {third}")
        expect(page.locator("[data-part=rollout]")).to_contain_text("It is over: rollback by page")
        caller.answered_by(second)

        told = page.get_by_role("table", name="Who did what")
        expect(told).to_contain_text("a <b>better</b> one")
        expect(told).to_contain_text("page 127.0.0.1")
        expect(page.get_by_role("img", name=re.compile(f"Requests per second: .*{second}"))).to_be_visible()
    assert caller.failures == []
    assert {first, second, third} <= set(caller.versions)


def test_a_model_that_is_not_there_says_so_and_changes_nothing(opened: Browser, house: House) -> None:
    """What is wrong and what serves all the same, after its steps; what can be no name is refused at once."""
    first, epoch = house.primary, house.service.status().epoch
    with inside(opened, house) as visitor:
        page = visitor.page
        page.get_by_label("Model ID, alias or directory").fill(f"{house.directory}/nothing")
        page.get_by_role("button", name="Switch now").click()
        expect(outcome(page)).to_contain_text("There is no such model")
        expect(outcome(page)).to_contain_text(f"Nothing was changed: {first} serves.")
        expect(outcome(page)).to_have_attribute("role", "alert")
        page.get_by_label("Model ID, alias or directory").fill("no such name")
        page.get_by_role("button", name="Switch now").click()
        alert = page.locator(".message[role=alert]")
        expect(alert).to_contain_text("There can be no such model")
        page.get_by_label("Model ID, alias or directory").fill(house.model("b"))
        page.get_by_label("Options, NAME=VALUE").fill("half an option")
        page.get_by_role("button", name="Switch now").click()
        expect(alert).to_contain_text("write NAME=VALUE")
    assert (house.primary, house.service.status().epoch) == (first, epoch)


def test_what_is_prepared_can_be_cancelled(opened: Browser, house: House) -> None:
    """Its steps are seen while it is under way; cancelled, it says so, and what served serves."""
    first, may_go_on = house.primary, threading.Event()

    def hold(_: object) -> None:
        may_go_on.wait(TIMEOUT_S)

    house.service.on_accept = hold
    with inside(opened, house) as visitor:
        page = visitor.page
        page.get_by_label("Model ID, alias or directory").fill(house.model("b"))
        page.get_by_label("Options, NAME=VALUE").fill("max_end_silence_time=900")
        page.get_by_role("button", name="Switch now").click()
        running = page.locator(".steps li.running")
        expect(running).to_contain_text("Warm")
        expect(running).to_contain_text("under way")
        page.get_by_role("button", name="Cancel").click()
        expect(outcome(page)).to_contain_text("It was cancelled")
        expect(outcome(page)).to_contain_text(f"Nothing was changed: {first} serves.")
        may_go_on.set()
    assert house.primary == first


def test_a_version_is_closed_only_by_who_means_it(opened: Browser, house: House) -> None:
    """A question first; whoever says no has changed nothing."""
    house.service.serve(house.directory / "b")
    first, other = house.primary, house.service.status().back[-1]
    with inside(opened, house) as visitor:
        page = visitor.page
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name=f"Close {other}", exact=True).click()
        expect(row(page, other)).to_contain_text("warm")
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name=f"Close {other}", exact=True).click()
        expect(page.locator(".message")).to_contain_text(f"{other} is closed")
        expect(row(page, other)).to_have_count(0)
        page.get_by_text("that are not loaded").first.click()
        page.get_by_role("button", name=f"Switch to {other}", exact=True).click()
        expect(outcome(page)).to_contain_text(f"{other} serves now, instead of {first}")


def test_two_pages_see_each_other_in_two_languages(opened: Browser, house: House) -> None:
    """What one does the other shows by itself, in its own language."""
    with (
        inside(opened, house) as one,
        inside(opened, house, "/zh/", "模型管理", locale="zh-CN") as other,
    ):
        expect(other.page.locator(".now .serves")).to_contain_text(house.model("a"))
        one.page.get_by_label("Model ID, alias or directory").fill(house.model("c"))
        one.page.get_by_role("button", name="Switch now").click()
        expect(outcome(one.page)).to_contain_text("serves now")
        expect(other.page.locator(".now .serves")).to_contain_text(house.model("c"))
        expect(other.page.get_by_role("table", name="何人")).to_contain_text(f"切换到 {house.model('c')}")
        other.page.get_by_role("button", name="回滚").click()
        expect(outcome(other.page)).to_contain_text("提供服务，替换")
        expect(one.page.locator(".now .serves")).to_contain_text(house.model("a"))
        other.page.get_by_label("模型 ID、别名或目录").fill(f"{house.directory}/nothing")
        other.page.get_by_role("button", name="立即切换模型").click()
        expect(outcome(other.page)).to_contain_text("找不到该模型")
        expect(outcome(other.page)).to_contain_text("未做任何更改")


def test_what_somebody_has_hold_of_stays_while_all_around_it_changes(opened: Browser, house: House) -> None:
    """Text being typed, the place of the cursor, focus, what is open, and where on the screen it is."""
    with inside(opened, house, viewport={"width": 900, "height": 500}) as visitor:
        page = visitor.page
        page.get_by_text("Plan of the rollout").click()
        reason = page.get_by_label("Reason")
        reason.fill("half a sent")
        reason.press("ArrowLeft")
        where = reason.evaluate("(field) => field.getBoundingClientRect().y")
        kept = page.locator(".now .serves").element_handle()
        house.service.serve(house.directory / "b")
        expect(page.locator(".now .serves")).to_contain_text(house.model("b"))
        house.service.serve(house.directory / "a")
        expect(page.locator(".now .serves")).to_contain_text(house.model("a"))
        expect(reason).to_be_focused()
        reason.press("X")
        expect(reason).to_have_value("half a senXt")
        assert abs(reason.evaluate("(field) => field.getBoundingClientRect().y") - where) < 2
        assert kept is not None
        assert page.evaluate("(kept) => kept.isConnected", kept)
        expect(page.get_by_label("Canary steps, %")).to_be_visible()


def test_a_slider_does_not_move_under_the_hand(opened: Browser, house: House) -> None:
    """While somebody drags it, looks come and go and it stays where the hand is; let go, the share is that."""
    with inside(opened, house) as visitor:
        page = visitor.page
        page.get_by_label("Model ID, alias or directory").fill(house.model("b"))
        page.get_by_role("button", name="Begin a rollout").click()
        share = page.get_by_role("slider", name="Canary share")
        expect(share).to_have_value("1")
        expect(outcome(page)).to_contain_text("has begun")  # nothing moves the slider from here on
        share.hover(position={"x": 10, "y": 10})
        page.mouse.down()
        box = share.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10, steps=5)
        expect(share).to_have_value("50")
        house.service.rollouts.canary(0.2, who="another")
        expect(row(page, house.service.rollouts.report().version)).to_contain_text("canary 20 %")
        expect(share).to_have_value("50")
        page.mouse.up()
        expect(row(page, house.service.rollouts.report().version)).to_contain_text("canary 50 %")
        house.service.rollouts.canary(0.3, who="another")
        expect(share).to_have_value("30")


def test_it_asks_only_while_somebody_looks(opened: Browser, house: House) -> None:
    """Not on another tab; when somebody comes back it asks at once."""
    with inside(opened, house) as visitor:

        def asked() -> int:
            visitor.page.wait_for_timeout(50)  # only then is the browser heard
            return sum("component_server" in url for url in visitor.asked)

        before = asked()
        until(lambda: asked() > before + 1)
        visitor.tab("Detect")
        visitor.page.wait_for_timeout(500)  # what is under way may end
        before = asked()
        visitor.page.wait_for_timeout(2200)
        assert asked() == before
        visitor.tab("Models")
        until(lambda: asked() > before)


def test_a_service_that_does_not_answer_is_told_of(opened: Browser, house: House) -> None:
    """What is seen is said to be old, and when the service answers again that word goes."""
    with inside(opened, house) as visitor:
        page = visitor.page
        page.context.set_offline(True)
        expect(page.locator(".message.lost")).to_contain_text("does not answer")
        page.context.set_offline(False)
        expect(page.locator(".message.lost")).to_have_count(0)


def test_the_history_is_paged(opened: Browser, house: House) -> None:
    """Older lines follow without a gap, and back to the newest."""
    for number in range(22):
        house.service.serve(house.directory / "ab"[number % 2])
    with inside(opened, house) as visitor:
        page = visitor.page
        told = page.get_by_role("table", name="Who did what").get_by_role("row")
        expect(told).to_have_count(21)
        newest = told.nth(1).inner_text()
        page.get_by_role("button", name="Older").click()
        until(lambda: told.nth(1).inner_text() != newest)
        page.get_by_role("button", name="Newest").click()
        expect(page.get_by_role("button", name="Newest")).to_be_disabled()
        until(lambda: told.nth(1).inner_text() == newest)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(opened: Browser, house: House, scheme: str) -> None:
    """Nothing makes the page wider than 390 pixels, with all of it open and a rollout under way."""
    context = {"viewport": {"width": 390, "height": 800}, "color_scheme": scheme}
    with inside(opened, house, "/zh/", "模型管理", **context) as visitor:
        page = visitor.page
        page.get_by_label("模型 ID、别名或目录").fill(house.model("b"))
        page.get_by_text("发布计划").click()
        page.get_by_text("更多", exact=True).click()
        page.get_by_role("button", name="开始灰度发布").click()
        page.get_by_role("slider", name="灰度比例").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        table = page.get_by_role("table", name="已加载的版本")  # though its rows stand one below the other
        expect(table.get_by_role("row").filter(has_text="灰度 1 %").get_by_role("cell")).to_have_count(9)
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="中止").click()
        expect(page.locator("[data-part=rollout]")).to_contain_text("已结束：由 page 127.0.0.1 中止")
