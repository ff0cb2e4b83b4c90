"""Whose pages may use the service: against other sites in the browser of somebody who may.

A browser sends what any page that it shows asks it to, from inside the network that it is in. Two things tell such a
request from one that was meant, and a program that is no browser has no trouble with either:

- ``Origin``, the page's own site. It has to be this server, or be listed (``allowed_origins``). Without it the request
  is of no page of another site, or can change nothing and its answer is read by nobody.
- ``Host``, the name that the server was called by. Another site can have its own name lead to this machine (DNS
  rebinding): then its page has this server's origin, but under that name. On loopback the name has to be one of this
  machine, or listed (``allowed_hosts``); elsewhere names are the operator's, and are looked at only if listed.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from segue.edges.http.errors import forbidden
from segue.settings import Settings, is_loopback
from segue.speech.names import shown

_ANY = "*"
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")
_PORTS = {"http": "80", "https": "443"}


class Site:
    """ASGI middleware: 403 for what another site sends, before anything of it is read."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._hosts = frozenset(_name(host) for host in (*settings.allowed_hosts, settings.host))
        self._checks_host = (settings.is_loopback or bool(settings.allowed_hosts)) and _ANY not in self._hosts
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not (said := self._objection(Headers(scope=scope))):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await receive()  # the first message, which says that it wants to be one
        await forbidden(said, scope["state"]["request_id"])(scope, receive, send)

    def _objection(self, headers: Headers) -> str:
        """What is wrong with it, for whoever has set it up; empty where nothing is."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if self._checks_host and not all(_name(host) in self._hosts or is_loopback(_name(host)) for host in hosts):
            return (
                f"Host {shown(hosts[0])} is no name of this server: call it by its address, or list the name in the "
                "setting allowed_hosts"
            )
        if origins and not all(self._is_ours(origin.lower(), hosts) for origin in origins):
            return (
                f"Origin {shown(origins[0])} is another site than this server: its pages may use it once it is listed "
                "in the setting allowed_origins"
            )
        return ""

    def _is_ours(self, origin: str, hosts: list[str]) -> bool:
        if _ANY in self._origins or origin in self._origins:
            return True
        scheme, _, place = origin.partition("://")
        port = _PORTS.get(scheme)
        # Behind a proxy the scheme is another than ours; both write no port where it is the scheme's own.
        return bool(port and len(hosts) == 1) and place.removesuffix(f":{port}") == hosts[0].lower().removesuffix(
            f":{port}"
        )


def _name(host: str) -> str:
    """A host's name, without its port and brackets; what is none is as it is."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2] if found else host).lower()
