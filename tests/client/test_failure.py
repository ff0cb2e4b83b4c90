"""What the libraries raise, told apart. That they raise it is shown in test_client.py, on real connections."""

import http.client

import requests

from segue.client.failure import is_broken, is_distrust, is_no_http, is_silence, reason


def raised(inner: Exception, outer: Exception) -> Exception:
    outer.__context__ = inner
    return outer


def test_the_kinds_are_told_apart_however_deep_the_reason_lies() -> None:
    """Cause, context, ``reason`` and arguments are looked through; an error is of one kind or of none."""
    broken = requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer"))
    silent = raised(TimeoutError("timed out"), requests.ConnectionError("Read timed out."))
    foreign = requests.ConnectionError(http.client.BadStatusLine("SSH-2.0"))
    closed = requests.ConnectionError(http.client.RemoteDisconnected("closed"))
    untrusted = requests.exceptions.SSLError("certificate")
    nowhere = OSError("Could not find a suitable TLS CA certificate bundle, invalid path: x")
    late = raised(TimeoutError("timed out"), requests.ConnectTimeout("late"))
    refused = requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))
    kinds = (is_broken, is_silence, is_no_http, is_distrust)
    for error, of_kind in (
        (broken, is_broken),
        (closed, is_broken),
        (silent, is_silence),
        (foreign, is_no_http),
        (untrusted, is_distrust),
        (nowhere, is_distrust),
        (late, None),
        (refused, None),
    ):
        assert [kind for kind in kinds if kind(error)] == ([of_kind] if of_kind else []), error


def test_the_reason_is_in_the_words_of_the_system() -> None:
    """The innermost error that has words; else the text of what was raised, short and on one line."""
    assert reason(requests.ConnectionError(ConnectionRefusedError(111, "Connection refused"))) == "Connection refused"
    assert reason(raised(TimeoutError("timed out"), requests.ConnectTimeout("x"))) == "no connection in time"
    assert reason(requests.ConnectionError("a\nb" + "c" * 999)) == "a b" + "c" * 197


def test_an_error_that_leads_to_itself_ends() -> None:
    """A chain that is a ring is looked through once."""
    one, other = OSError("one"), OSError("other")
    one.__context__, other.__context__ = other, one
    assert not is_broken(one)
    assert reason(one) == "one"
