"""A hub on the loopback interface, with faults to order, for the real client to talk to: ModelScope, unless told."""

import hashlib
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

Files = dict[str, bytes]


def model_files(seed: bytes = b"") -> Files:
    """A small model that is complete, with a file beside it that does not matter."""
    return {
        "am.mvn": b"<Nnet>" + seed,
        "config.yaml": b"frontend: WavFrontend\n" + seed,
        "model.pt": hashlib.sha256(seed).digest() * 2048,
        "README.md": b"not wanted",
    }


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Faults:
    """What the hub does wrong. Keys and members of sets: listing, revisions, or a file's name (HEAD before it)."""

    status: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # with such a status
    stall: set[str] = field(default_factory=set)
    page: set[str] = field(default_factory=set)  # a page of HTML, with status 200
    redirect: dict[str, str] = field(default_factory=dict)  # "": to itself
    body: Files = field(default_factory=dict)  # other bytes than are listed
    endless: set[str] = field(default_factory=set)  # the bytes, again and again
    cut: dict[str, int] = field(default_factory=dict)  # bytes after which the connection breaks
    halves: dict[str, threading.Event] = field(default_factory=dict)  # the second half waits for this
    size: dict[str, int] = field(default_factory=dict)  # a lie in the listing
    listing: list[dict[str, object]] = field(default_factory=list)  # further entries
    message: str = "told to fail"


class Hub:
    """``models[id][revision]`` are files; ``branches`` are the revisions that move. ``requests`` is what was asked.

    ``speak`` answers a request as a hub of one kind does. Files may be had from ``elsewhere``, another origin, too.
    """

    def __init__(self, speak: "Speak | None" = None) -> None:
        self.models: dict[str, dict[str, Files]] = {}
        self.branches = {"master", "main"}
        self.faults = Faults()
        self.requests: list[str] = []
        self.tokens: dict[str, str | None] = {}  # what was asked for -> the Authorization that came with it
        self.strays: list[str] = []  # paths that were asked for and that no hub needs
        self._asked = threading.Condition()  # guards nothing but the wait for a request
        self._closing = threading.Event()
        answer = speak or speak_modelscope
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(ConnectionError):  # the client has gone
                    answer(hub, self)

            do_HEAD = do_GET  # noqa: N815  the name that the standard library looks for

            def log_message(self, *_: object) -> None:
                pass

        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        self.endpoint, self.elsewhere = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)
        self._threads = []
        for server in self._servers:
            server.daemon_threads = True
            server.block_on_close = False
            self._threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}))

    def __enter__(self) -> "Hub":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    def wait_for(self, what: str) -> None:
        """Return when ``what`` was asked for."""
        with self._asked:
            assert self._asked.wait_for(lambda: what in self.requests, timeout=60), f"nobody asked for {what}"

    def admit(self, request: BaseHTTPRequestHandler, what: str) -> bool:
        """Note that ``what`` was asked for; False if a fault of it was the answer."""
        with self._asked:
            self.requests.append(what)
            self.tokens[what] = request.headers.get("Authorization")
            self._asked.notify_all()
        if what in self.faults.stall:
            self._closing.wait()
        elif what in self.faults.status:
            body = {"Code": 1, "Message": self.faults.message, "error": self.faults.message}
            send_json(request, body, status=self.faults.status[what], headers=self.faults.headers)
        elif what in self.faults.redirect:
            send(request, b"", status=302, headers={"Location": self.faults.redirect[what] or request.path})
        elif what in self.faults.page:
            send(request, b"<html><h1>Please log in</h1></html>", headers={"Content-Type": "text/html"})
        else:
            return True
        return False

    def send_file(self, request: BaseHTTPRequestHandler, name: str, data: bytes) -> None:
        """The file, with what is wrong about it."""
        data = self.faults.body.get(name, data)
        request.send_response(200)
        if name not in self.faults.endless:
            request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if name in self.faults.halves:
            request.wfile.write(data[: len(data) // 2])
            self.faults.halves[name].wait(60)
            data, self.faults.cut[name] = data[len(data) // 2 :], len(data)
        request.wfile.write(data[: self.faults.cut.get(name, len(data))])
        while name in self.faults.endless and not self._closing.is_set():
            request.wfile.write(data)
        request.close_connection = True


Speak = Callable[[Hub, BaseHTTPRequestHandler], None]


def speak_modelscope(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    """Answer as ModelScope does."""
    url = urlsplit(request.path)
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    parts = url.path.split("/")  # "", api, v1, models, owner, name, repo|revisions, files?
    model = hub.models.get("/".join(parts[4:6])) if parts[:4] == ["", "api", "v1", "models"] else None
    what = {"repo": asked.get("FilePath", "listing"), "revisions": "revisions"}.get(parts[6] if parts[6:] else "")
    if what is None or model is None:
        return send_json(request, {"Code": 10010205001, "Message": "record not found"}, status=404)
    if not hub.admit(request, what):
        return None
    if what == "revisions":
        return send_json(request, {"Code": 200, "Data": {"RevisionMap": _revisions(hub, model)}})
    files = model.get(asked.get("Revision", "master"))
    if files is None:
        return send_json(request, {"Code": 10010205001, "Message": "revision not found"}, status=404)
    if what == "listing":
        return send_json(request, {"Code": 200, "Data": {"Files": _listing(hub, files)}})
    if what not in files:
        return send_json(request, {"Code": 404, "Message": "file not found"}, status=404)
    return hub.send_file(request, what, files[what])


def _revisions(hub: Hub, model: dict[str, Files]) -> dict[str, list[dict[str, object]]]:
    entries: dict[str, list[dict[str, object]]] = {"Branches": [], "Tags": []}
    for revision in model:
        kind = "Branches" if revision in hub.branches else "Tags"
        entries[kind].append({"Revision": revision, "CreatedAt": 1_700_000_000})
    return entries


def _listing(hub: Hub, files: Files) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = [
        {
            "Path": name,
            "Name": name,
            "Type": "blob",
            "Size": hub.faults.size.get(name, len(data)),
            "Sha256": sha256(data),
            "CommittedDate": 1_700_000_000 + number,
            "Revision": f"{number + 1:040x}",
        }
        for number, (name, data) in enumerate(files.items())
    ]
    return entries + hub.faults.listing


def send(
    request: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    """One answer; without its body where that was not asked for."""
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def send_json(
    request: BaseHTTPRequestHandler, body: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    """One answer in JSON."""
    data = json.dumps(body).encode()
    send(request, data, status=status, headers={"Content-Type": "application/json", **(headers or {})})


class DeadPort:
    """A port that answers no connection: ``refuse`` at once, or, its queue being full, never."""

    def __init__(self, *, refuse: bool) -> None:
        self._sockets = [socket.socket()]
        self._sockets[0].bind(("127.0.0.1", 0))
        address = self._sockets[0].getsockname()
        self.endpoint = f"http://127.0.0.1:{address[1]}"
        if not refuse:
            self._sockets[0].listen(0)
            for _ in range(4):  # the system drops further handshakes once the queue is full
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(address)
                self._sockets.append(filler)

    def __enter__(self) -> "DeadPort":
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._sockets:
            opened.close()
