"""Which server is meant: the first of these that is given.

1. what the caller names (``--server``)
2. the setting ``server`` (``SEGUE_SERVER``)
3. ``url`` in the ``server.json`` that a running server writes into its home
4. http://127.0.0.1:6006
"""

import ipaddress
import json
import re
import socket
from urllib.parse import urlsplit

from segue.errors import InvalidParameter
from segue.settings import Settings

DEFAULT_URL = "http://127.0.0.1:6006"
ACCEPTED = "HOST, HOST:PORT, or a URL such as http://127.0.0.1:6006 or https://speech.example.org"
_DEFAULT_PORT = 6006


def find_url(given: str | None, settings: Settings) -> str:
    """The address of the server that is meant, in its plain form. Raises InvalidParameter."""
    return plain_url(given or settings.server or _written(settings) or DEFAULT_URL)


def plain_url(text: str) -> str:
    """``scheme://host[:port][/prefix]``. Without a scheme it is http, and then without a port 6006.

    Raises InvalidParameter, without the user and password that somebody may have put in.
    """
    bare = "://" not in text
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as the system's resolver gets it
    except ValueError:
        raise InvalidParameter(f"server: {_without_user(text)!r} is no address: give {ACCEPTED}") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidParameter(
            f"server: {_without_user(text)!r}: an address has no user, ? or # in it; a token goes into SEGUE_TOKEN"
        )
    if not host or parts.scheme not in ("http", "https") or re.search(r"[\s\x00-\x1f\\]", text):
        raise InvalidParameter(f"server: {text!r} is no address: give {ACCEPTED}")
    if bare and port is None:
        port = _DEFAULT_PORT
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def is_here(url: str) -> bool:
    """Whether it is an address of this machine: then the token in this home is meant for it, and no proxy is asked.

    A name other than localhost may lead anywhere, so it is not.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    try:
        with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))  # the system lets nobody bind an address that is not its own
    except OSError:
        return False
    return True


def _written(settings: Settings) -> str | None:
    """What a server of this home has written; one that was killed may have left it."""
    try:
        url = json.loads((settings.home / "server.json").read_bytes())["url"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return url if isinstance(url, str) else None


def _without_user(text: str) -> str:
    return re.sub(r"[^/]*@", "…@", text)
