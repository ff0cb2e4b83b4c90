"""``segue serve``: the process of a service, from its start to its last answer.

The edges that it serves are a table of names, so that none imports another; one that is not installed is left out.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import ssl
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import click

from segue.edges.serve import heaps, logs
from segue.errors import InvalidParameter

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from segue.edges.serve.connection import Connection
    from segue.edges.serve.websocket import WebSocket
    from segue.service import Service
    from segue.settings import Settings

    class Page(Protocol):
        """Of the edge that serves it, which this one does not import."""

        def begin(self) -> None:
            """Load it; returns at once."""

        def end(self, deadline_s: float) -> None:
            """Let go of its threads."""


APP = "segue.edges.http.app:build"
ROUTERS = (
    "segue.edges.stream:router",
    "segue.edges.realtime.router:router",
    "segue.edges.inference_protocol.router:router",
    "segue.edges.localai:router",
)
"""Routers that join the app."""
JOINS = ("segue.edges.metrics.router:join", "segue.edges.tracing:join")
"""What joins the app and listens to the service; the last is the outermost."""
PAGE = "segue.edges.ui.router:join"
"""Joins it after all others, and is loaded when the server listens."""

_MOST_MESSAGE_BYTES = 2**20
_PONG_S = 15
_OTHER_DESCRIPTORS = 256
_FEWEST_CONNECTIONS = 64
_LOG = logging.getLogger("segue.serve")


@click.command(
    "serve",
    epilog="""\b
Examples:
  segue serve
  segue serve --port 8000 --model ./my-fsmn-vad
  segue serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem

\b
On loopback detection is open; elsewhere it needs the token in $SEGUE_HOME/token, unless --open.
Control (segue switch, status, rollback) always needs it, and reads it on this machine by itself.
Exit status: 0 after SIGTERM or Ctrl-C, when what was in flight is done; a second one ends at once.
""",
)
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="0: any free port.  [default: 6006]")
@click.option(
    "-m", "--model", metavar="MODEL", help="The first model of this SEGUE_HOME; later what served last serves again."
)
@click.option("--open", "is_open", is_flag=True, default=None, help="Detection needs no token, wherever this listens.")
@click.option("--page/--no-page", default=None, help="The web page at /, too.  [default: page]")
@click.option("--isolate", is_flag=True, default=None, help="Every model in a process of its own, unless told not.")
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Serve over TLS.")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="The key of --tls-cert.")
def serve(
    *,
    host: str | None,
    port: int | None,
    model: str | None,
    is_open: bool | None,
    page: bool | None,
    isolate: bool | None,
    tls_cert: str | None,
    tls_key: str | None,
) -> int:
    """Run the service: detection over HTTP and WebSocket, with a model that can be replaced while it runs."""
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together: give both")
    from segue.settings import read_settings

    settings = read_settings(host=host, port=port, model=model, open=is_open, page=page, isolate=isolate)
    if tls_cert is not None and tls_key is not None:
        _check_certificate(tls_cert, tls_key)
    _set_up_process(settings.log_format)
    with _listen(settings) as listening:
        return _run(settings, listening, tls=(tls_cert, tls_key))


def _run(settings: "Settings", listening: socket.socket, *, tls: tuple[str | None, str | None]) -> int:
    from segue.service import Service

    service = Service(settings, is_open=settings.open or settings.is_loopback)
    try:
        url = _url(settings.host, listening.getsockname()[1], secure=tls[0] is not None)
        app = _build(service)
        page = _page(app, service) if settings.page else None
        service.start()
        server = _server(app, service, page, tls=tls, url=url)
        gc.collect()
        gc.freeze()  # what is loaded now stays: later collections need not look at it
        server.run(sockets=[listening])
        if page is not None:
            page.end(2.0)
    finally:
        is_closed = service.stop(2.0)
    _LOG.info("stopped%s", "" if is_closed else "; calls that never came back end with the process")
    sys.stderr.flush()
    return 0


def _build(service: "Service") -> "FastAPI":
    module, _, build = APP.partition(":")
    app: FastAPI = getattr(import_module(module), build)(service)
    for router in _installed(ROUTERS):
        app.include_router(router)
    for join in _installed(JOINS):
        join(app, service)
    app.add_middleware(logs.AccessLog)
    return app


def _installed(table: Iterable[str]) -> Iterator[Any]:
    for where in table:
        module, _, name = where.partition(":")
        try:
            found = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
        else:
            yield found


def _page(app: "FastAPI", service: "Service") -> "Page | None":
    module, _, join = PAGE.partition(":")
    try:
        page: Page = getattr(import_module(module), join)(app, service)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return page


def _protocols(settings: "Settings") -> "tuple[type[Connection], type[WebSocket]]":
    """For HTTP and for WebSockets. Some descriptors are left for what the service itself opens."""
    from segue.edges.serve.connection import Connection
    from segue.edges.serve.websocket import WebSocket

    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    class Http(Connection):
        most = settings.max_connections or max(_FEWEST_CONNECTIONS, descriptors - _OTHER_DESCRIPTORS)
        most_per_client = most * 3 // 4
        clients: ClassVar = Counter[str]()
        head_s, unread_s = settings.head_s, settings.unread_s

    class Live(WebSocket):
        last_byte_s = min(settings.unread_s, settings.stream_idle_s)

    return Http, Live


def _server_class(service: "Service", page: "Page | None", url: str) -> "type[uvicorn.Server]":
    import uvicorn

    class Server(uvicorn.Server):
        """Ends in order at the first signal, and at once at the second."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            # Only now, when signals are heard: whoever reads this may send one at once.
            service.home.announce(url)
            home = service.settings.home
            click.echo(f"segue: listening on {url} (interface: {url}/docs), SEGUE_HOME is {home}", err=True)
            if page is not None:
                # For who sits there, not for a log: the token is in it.
                link = f"{url}/#token={service.home.token()}" if sys.stderr.isatty() else f"{url}/"
                click.echo(f"segue: the page is {link}", err=True)
                page.begin()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            del frame
            if self.should_exit:
                os._exit(128 + sig)
            self.should_exit = True
            _LOG.info("%s: finishing what is in flight; again ends at once", signal.Signals(sig).name)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for server in self.servers:
                server.close()
            service.refuse_new_work()
            deadline_s = service.settings.drain_s
            if not await asyncio.to_thread(service.wait_idle, deadline_s):
                _LOG.warning("not all was answered within %g s", deadline_s)
            await super().shutdown(sockets)

    return Server


def _server(
    app: "FastAPI", service: "Service", page: "Page | None", *, tls: tuple[str | None, str | None], url: str
) -> "uvicorn.Server":
    import uvicorn

    http, websocket = _protocols(service.settings)
    return _server_class(service, page, url)(
        uvicorn.Config(
            app,
            http=http,
            ws=websocket,
            loop="uvloop",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # or anybody on this machine could name the address that its requests come from
            server_header=False,
            date_header=False,
            ws_max_size=_MOST_MESSAGE_BYTES,
            # A pong that waits behind audio is not read: a dead connection is noticed by what it does not bring.
            ws_ping_timeout=service.settings.stream_idle_s + _PONG_S,
            ws_per_message_deflate=False,  # audio does not shrink, and a small message could hold a large one
            timeout_keep_alive=service.settings.keep_alive_s,
            timeout_graceful_shutdown=1,  # what had a deadline has had it
            ssl_certfile=tls[0],
            ssl_keyfile=tls[1],
        )
    )


def _set_up_process(log_format: str) -> None:
    logs.set_up(sys.stderr, log_format)
    heaps.bound()
    # NumPy's, read at its import: loading a model must not take every core from the requests of the moment.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:  # a connection is a descriptor
        wanted = min(hard, 2**16) if hard != resource.RLIM_INFINITY else 2**16
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _check_certificate(cert: str, key: str) -> None:
    """Raise InvalidParameter unless they are a certificate and its key, without a password."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise InvalidParameter(
            f"--tls-cert {cert} and --tls-key {key} cannot be used ({error}): give a certificate and its key, as PEM "
            "and without a password"
        ) from error


def _listen(settings: "Settings") -> socket.socket:
    """A socket that listens. Raises InvalidParameter for an address that cannot be had."""
    host, port = settings.host, settings.port
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except BaseException:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:  # a name that can be none is a UnicodeError
        why = (error.strerror if isinstance(error, OSError) else "") or error
        raise InvalidParameter(
            f"cannot listen on {host} port {port} ({why}): stop what is there, or choose another --port or --host"
        ) from error
    return listening


def _url(host: str, port: int, *, secure: bool) -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = everywhere.get(host, host)
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
