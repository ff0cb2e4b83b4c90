"""Why there was no answer. What requests, urllib3 and http.client raise is told apart and put into words here."""

import http.client
from collections.abc import Iterator

import requests

from segue.errors import one_line

_LONGEST_REASON = 200


def is_silence(error: BaseException | None) -> bool:
    """Whether the server took the request and then said nothing in time: it may still be at it."""
    if error is None or isinstance(error, requests.ConnectTimeout):
        return False
    return isinstance(error, requests.ReadTimeout) or _is_caused_by(error, TimeoutError)


def is_distrust(error: BaseException | None) -> bool:
    """Whether the server's certificate is not trusted, or the certificates to trust are not there."""
    if isinstance(error, requests.exceptions.SSLError):
        return True
    return isinstance(error, OSError) and "CA certificate bundle" in str(error)  # a bare OSError of requests


def is_no_http(error: BaseException) -> bool:
    """Whether what answered does not speak HTTP."""
    gone = _is_caused_by(error, http.client.RemoteDisconnected)
    return _is_caused_by(error, http.client.BadStatusLine) and not gone


def is_broken(error: BaseException | None) -> bool:
    """Whether there was a connection, and it broke before the answer was here."""
    kinds = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected, http.client.IncompleteRead)
    return error is not None and any(_is_caused_by(error, kind) for kind in kinds)


def reason(error: BaseException) -> str:
    """In the system's words, such as "Connection refused"."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    for each in _chain(error):
        if isinstance(each, http.client.RemoteDisconnected):
            return "it was closed"
        if isinstance(each, OSError) and each.strerror and not isinstance(each, requests.RequestException):
            return one_line(each.strerror)[:_LONGEST_REASON]
    return one_line(error)[:_LONGEST_REASON]


def _is_caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(each, kind) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from: libraries keep that as cause, context, ``reason`` or an argument."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
