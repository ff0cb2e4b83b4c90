"""A ModelScope hub on the loopback interface, with faults to order, for the real client to talk to."""

import hashlib
import json
import socket
import threading
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
    """What the hub does wrong. Keys of ``status`` and members of ``stall``: listing, revisions, or a file's name."""

    status: dict[str, int] = field(default_factory=dict)
    stall: set[str] = field(default_factory=set)
    body: Files = field(default_factory=dict)  # other bytes than are listed
    cut: dict[str, int] = field(default_factory=dict)  # bytes after which the connection breaks
    halves: dict[str, threading.Event] = field(default_factory=dict)  # the second half waits for this
    size: dict[str, int] = field(default_factory=dict)  # a lie in the listing
    listing: list[dict[str, object]] = field(default_factory=list)  # further entries
    message: str = "told to fail"


class Hub:
    """``models[id][revision]`` are files; ``branches`` are the revisions that move. ``requests`` is what was asked."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, Files]] = {}
        self.branches = {"master"}
        self.faults = Faults()
        self.requests: list[str] = []
        self._asked = threading.Condition()  # guards nothing but the wait for a request
        self._closing = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "Hub":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for(self, what: str) -> None:
        """Return when ``what`` was asked for."""
        with self._asked:
            assert self._asked.wait_for(lambda: what in self.requests, timeout=60), f"nobody asked for {what}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = url.path.split("/")  # "", api, v1, models, owner, name, repo|revisions, files?
        model = self.models.get("/".join(parts[4:6])) if parts[:4] == ["", "api", "v1", "models"] else None
        what = {"repo": asked.get("FilePath", "listing"), "revisions": "revisions"}.get(parts[6] if parts[6:] else "")
        if what is None or model is None:
            return _send_json(request, {"Code": 10010205001, "Message": "record not found"}, status=404)
        with self._asked:
            self.requests.append(what)
            self._asked.notify_all()
        if what in self.faults.stall:
            self._closing.wait()
            return None
        if what in self.faults.status:
            return _send_json(request, {"Code": 1, "Message": self.faults.message}, status=self.faults.status[what])
        if what == "revisions":
            return _send_json(request, {"Code": 200, "Data": {"RevisionMap": self._revisions(model)}})
        files = model.get(asked.get("Revision", "master"))
        if files is None:
            return _send_json(request, {"Code": 10010205001, "Message": "revision not found"}, status=404)
        if what == "listing":
            return _send_json(request, {"Code": 200, "Data": {"Files": self._listing(files)}})
        if what not in files:
            return _send_json(request, {"Code": 404, "Message": "file not found"}, status=404)
        return self._send_file(request, what, self.faults.body.get(what, files[what]))

    def _revisions(self, model: dict[str, Files]) -> dict[str, list[dict[str, object]]]:
        entries: dict[str, list[dict[str, object]]] = {"Branches": [], "Tags": []}
        for revision in model:
            kind = "Branches" if revision in self.branches else "Tags"
            entries[kind].append({"Revision": revision, "CreatedAt": 1_700_000_000})
        return entries

    def _listing(self, files: Files) -> list[dict[str, object]]:
        entries: list[dict[str, object]] = [
            {
                "Path": name,
                "Name": name,
                "Type": "blob",
                "Size": self.faults.size.get(name, len(data)),
                "Sha256": sha256(data),
                "CommittedDate": 1_700_000_000 + number,
                "Revision": f"{number + 1:040x}",
            }
            for number, (name, data) in enumerate(files.items())
        ]
        return entries + self.faults.listing

    def _send_file(self, request: BaseHTTPRequestHandler, name: str, data: bytes) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if name in self.faults.halves:
            request.wfile.write(data[: len(data) // 2])
            self.faults.halves[name].wait(60)
            data, self.faults.cut[name] = data[len(data) // 2 :], len(data)
        request.wfile.write(data[: self.faults.cut.get(name, len(data))])
        request.close_connection = True


def _send_json(request: BaseHTTPRequestHandler, body: object, *, status: int = 200) -> None:
    data = json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


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
