"""What a browser sees where the page is not."""

from segue.edges.ui.waiting import TOKEN_SCRIPT, closed, waiting


def test_the_browser_looks_again_by_itself() -> None:
    """503, kept by no cache, and a page that reloads, in both languages."""
    answer = waiting("")
    said = bytes(answer.body).decode()
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["cache-control"]) == (
        503,
        "1",
        "no-store",
    )
    assert 'http-equiv="refresh"' in said
    assert "页面正在加载" in said
    assert "The page is being loaded" in said


def test_what_cannot_be_loaded_says_why_and_stays() -> None:
    """Escaped, and without looking again."""
    said = bytes(waiting("needs <gradio>").body).decode()
    assert "needs &lt;gradio&gt;" in said
    assert "refresh" not in said


def test_a_closed_door_asks_for_the_token() -> None:
    """401, with a field that is labelled, and the script that takes the token from the address."""
    answer = closed()
    said = bytes(answer.body).decode()
    assert answer.status_code == 401
    assert '<label for="token">' in said
    assert TOKEN_SCRIPT in said
