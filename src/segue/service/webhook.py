"""Tells an address, by POST, how a rollout has ended: in a thread of its own, a few times, and never elsewhere."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

_LOG = logging.getLogger(__name__)

_WAITS_S = (0.0, 2.0, 10.0)
_TIMEOUT_S = (3.05, 5.0)


def tell(url: str, facts: Mapping[str, Any], stopping: threading.Event) -> threading.Thread:
    """Begin to tell; nobody waits for it. A redirect is not followed: it is an answer like any other refusal."""
    thread = threading.Thread(target=_tell, args=(url, facts, stopping), name="webhook", daemon=True)
    thread.start()
    return thread


def _tell(url: str, facts: Mapping[str, Any], stopping: threading.Event) -> None:
    import requests  # 60 ms, and most services tell nobody

    said = ""
    for wait_s in _WAITS_S:
        if stopping.wait(wait_s):
            break
        try:
            with requests.post(url, json=facts, timeout=_TIMEOUT_S, allow_redirects=False, stream=True) as answer:
                if answer.ok and not answer.is_redirect:
                    return
                said = f"status {answer.status_code}"
        except (requests.RequestException, ValueError) as error:  # what is no address is a ValueError, or worse
            said = type(error).__name__
    _LOG.error("the webhook of a rollout could not be told of its end: %s", said or "the service is being stopped")
