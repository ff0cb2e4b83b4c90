"""The way to the page: by the browser's language, through the door, and beside everything else that is served."""

import requests
from playwright.sync_api import Browser

from segue.service import Service
from tests.edges.http.server import Address
from tests.edges.ui.browser import until, visit


def test_the_page_speaks_the_language_of_the_browser(opened: Browser, address: Address) -> None:
    """`/` leads a Chinese browser to the Chinese page and any other to the English one; each links to the other."""
    for locale, tab, other in (("zh-CN", "检测服务", "English"), ("de-DE", "Detect", "中文")):
        with visit(opened, address, locale=locale) as visitor:
            visitor.open("/")
            visitor.page.get_by_role("tab", name=tab, exact=True).wait_for()
            visitor.page.get_by_role("link", name=other).click()
            visitor.page.get_by_role("link", name="中文" if other == "English" else "English").wait_for()


def test_the_page_asks_nobody_else_for_anything(opened: Browser, address: Address) -> None:
    """Every request of the page goes to the service itself, and nothing on it breaks."""
    with visit(opened, address) as visitor:
        visitor.open("/en/")
        visitor.page.wait_for_load_state("networkidle")
        assert len(visitor.asked) > 10
        assert visitor.strangers == []
        assert visitor.complaints == []


def test_the_link_with_the_token_lets_in_and_forgets_it(opened: Browser, address: Address, service: Service) -> None:
    """The token goes from the address bar, into no request's address, and what is left in the browser is a cookie that
    scripts cannot read and that is not the token."""
    with visit(opened, address) as visitor:
        visitor.open("/", token=service.home.token())
        visitor.page.wait_for_function("location.hash === ''")
        (cookie,) = visitor.page.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert service.home.token() not in cookie["value"]
        visitor.page.context.clear_cookies()
        visitor.page.evaluate("token => { location.hash = `token=${token}`; }", service.home.token())
        until(lambda: len(visitor.page.context.cookies()) == 1)  # given to a page that is open already
        visitor.page.wait_for_function("location.hash === ''")
        assert not [url for url in visitor.asked if service.home.token() in url.partition("#")[0]]


def test_a_wrong_token_is_refused(address: Address) -> None:
    """401, in the service's form, and no cookie."""
    answer = requests.post(f"{address.url}/page/session", json={"token": "wrong"}, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert not answer.cookies


def test_what_is_no_page_is_answered_as_before(address: Address) -> None:
    """The API comes first, and what there is not is said in its form, as is a method that there is not."""
    assert requests.get(f"{address.url}/v1/health", timeout=30).status_code in (200, 404)
    missing = requests.get(f"{address.url}/nothing", timeout=30)
    assert missing.json()["error"]["code"] == "not_found"
    wrong = requests.get(f"{address.url}/v1/detect", timeout=30)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_the_address_without_its_slash_leads_to_the_page(address: Address) -> None:
    """As somebody types it."""
    answer = requests.get(f"{address.url}/zh", timeout=30)
    assert answer.history[0].status_code == 308
    assert answer.url == f"{address.url}/zh/"
