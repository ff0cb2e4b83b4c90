"""The query and the headers of a request -> what it asks."""

from urllib.parse import urlencode

import pytest
from fastapi import Request

from segue.edges.http.asks import to_describe, to_detect
from segue.errors import InvalidParameter
from segue.speech.rules import PARAMETERS


def request(query: str = "", **headers: str) -> Request:
    """A request of that query and these headers (``x_segue_key``), with the ID ``r1``."""
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request(
        {"type": "http", "query_string": query.encode(), "headers": raw, "state": {"request_id": "r1"}, "path": "/"}
    )


def test_a_bare_request_asks_for_the_defaults() -> None:
    """Channels mixed, JSON, nothing more than segments, the version's own rules; the key is the request's ID."""
    wanted = to_detect(request())
    assert (wanted.form, wanted.parameters) == ("json", False)
    ask = wanted.ask
    assert (ask.key, ask.version, ask.split, ask.probabilities, dict(ask.asked)) == ("r1", None, False, False, {})


def test_everything_can_be_asked_for() -> None:
    """Each name of the query and each header reaches the service; a parameter as text, which the rules read."""
    asked = dict.fromkeys(PARAMETERS, "1")
    query = urlencode({**asked, "mode": "dynamic", "channels": "split", "probabilities": "true", "parameters": "1"})
    wanted = to_detect(request(query, x_segue_key="caller 7", x_segue_version="v1"))
    assert wanted.parameters
    ask = wanted.ask
    assert (ask.key, ask.version, ask.split, ask.probabilities) == ("caller 7", "v1", True, True)
    assert dict(ask.asked) == {**asked, "mode": "dynamic"}
    assert dict(to_describe(request("mode=dynamic&max_end_silence_time=5")).asked) == {
        "mode": "dynamic",
        "max_end_silence_time": "5",
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("channel=split", "'channel': there is no such parameter; there are mode, preset, channels, "),
        ("max_end_silence=5", "max_end_silence_time"),
        ("=", "'': there is no such parameter"),
        ("channels=left", "channels='left': one of mix, split"),
        ("probabilities=yes", "probabilities='yes': one of true, false, 1, 0"),
        ("format=xml", "format='xml': one of json, jsonl, rttm"),
        ("format=rttm&probabilities=true", "rttm cannot hold probabilities: ask for json or jsonl"),
        ("format=jsonl&parameters=true", "jsonl cannot hold parameters: ask for json"),
        ("mode=dynamic&mode=classic", "mode is given twice: 'dynamic' and 'classic'"),
        ("x" * 5000, "…: there is no such parameter"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: str, message: str) -> None:
    """Each is told what it said and what there is; nothing is ignored."""
    with pytest.raises(InvalidParameter) as refused:
        to_detect(request(query))
    assert message in str(refused.value)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("query", ["channels=mix", "probabilities=true", "format=json", "parameters=true"])
def test_the_form_of_an_answer_is_no_question_of_who_would_answer(query: str) -> None:
    """``/v1/serving`` takes what decides, and says so of the rest."""
    with pytest.raises(InvalidParameter, match="there are mode, preset, detect_mode"):
        to_describe(request(query))


@pytest.mark.parametrize("value", ["x" * 257, "a\tb", "é\x80"])
def test_a_header_is_printable_and_short(value: str) -> None:
    """A key that cannot be shown, or one without end, is refused."""
    with pytest.raises(InvalidParameter, match="at most 256 printable characters"):
        to_detect(request(x_segue_key=value))
