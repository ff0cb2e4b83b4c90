"""HTML that cannot be broken by what is in it."""

import pytest

from segue.edges.ui.markup import Markup, joined, tag


def test_text_and_values_are_escaped() -> None:
    """Neither a text nor the value of an attribute can end the place that it is in."""
    made = tag("p", "<b>", tag("i", "&"), title='"><script>', data_key=1)
    assert made == '<p title="&quot;&gt;&lt;script&gt;" data-key="1">&lt;b&gt;<i>&amp;</i></p>'


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"class_": "a", "for_": "b"}, '<input class="a" for="b">'),
        ({"disabled": True}, "<input disabled>"),
        ({"disabled": False, "list": None}, "<input>"),
        ({"value": 0}, '<input value="0">'),
    ],
)
def test_attributes(attributes: dict[str, object], expected: str) -> None:
    """Names are those of HTML, True stands alone, None and False are not there, and zero is a value."""
    assert tag("input", **attributes) == expected


def test_text_that_no_encoding_can_hold_is_told_all_the_same() -> None:
    """A name with bytes that are no UTF-8 costs nobody the page."""
    assert tag("p", "a\udce9", title="\ud800").encode() == rb'<p title="\ud800">a\xe9</p>'


def test_what_is_empty_is_left_out_between_others() -> None:
    """Parts that are None or empty take no place, nor what stands between; zero does."""
    assert joined(("a", None, "", 0, Markup("<br>")), " & ") == "a &amp; 0 &amp; <br>"
