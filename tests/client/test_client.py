"""The client, on real connections to a server that answers as it is told."""

import gc
import io
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segue.client import Client
from segue.errors import InvalidParameter, ServerRefused, ServerUnreachable
from segue.settings import read_settings
from tests.client.loopback import Asked, Loopback, Says, closed_port, refusal

TOKEN = "t0ken-that-nobody-may-see"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SEGUE_SERVER", "SEGUE_TOKEN", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN + "\n")
    return tmp_path


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(lambda asked: Says({"path": asked.path, "query": asked.query})) as loopback:
        yield loopback


@pytest.fixture
def client(server: Loopback) -> Iterator[Client]:
    with Client(server.url, who="ada@home") as client:
        yield client


class Clock:
    """Time that passes only in ``sleep``."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def in_turn(*answers: Says) -> Callable[[Asked], Says]:
    """The answers one after another; the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


# -- what is sent --------------------------------------------------------------------------------------------------


def test_a_question_and_its_answer(client: Client, server: Loopback) -> None:
    """Path, query and JSON arrive; who asks and the token go with them; None is left out, and truth is ``true``."""
    assert client.get("/v1/history", limit=3, before=None, all=True) == {
        "path": "/v1/history",
        "query": {"limit": "3", "all": "true"},
    }
    client.post("/v1/switch", {"version": "v1"}, wait=False)
    client.put("/v1/follow", {"model_id": "a/b"})
    client.delete("/v1/versions/v1", deadline_s=2.5)
    asked, posted, put, deleted = server.asked
    assert (asked.method, posted.method, put.method, deleted.method) == ("GET", "POST", "PUT", "DELETE")
    assert json.loads(put.body) == {"model_id": "a/b"}
    assert (json.loads(posted.body), posted.query) == ({"version": "v1"}, {"wait": "false"})
    assert (deleted.path, deleted.query, deleted.body) == ("/v1/versions/v1", {"deadline_s": "2.5"}, b"")
    for each in server.asked:
        assert each.headers["authorization"] == f"Bearer {TOKEN}"
        assert each.headers["x-segue-who"] == "ada@home"


def test_the_server_is_found_by_what_it_wrote(server: Loopback, home: Path) -> None:
    """Without an address, the one in server.json is asked."""
    (home / "server.json").write_text(json.dumps({"url": server.url}))
    with Client() as client:
        assert client.url == server.url
        assert client.get("/livez")["path"] == "/livez"


def test_a_prefix_of_the_address_is_kept(server: Loopback) -> None:
    """A server behind a path of another is asked below that path."""
    with Client(f"127.0.0.1:{server.port}/speech/") as client:
        assert client.get("/livez")["path"] == "/speech/livez"


def test_neither_proxy_nor_netrc_come_between_us_and_this_machine(
    client: Client, server: Loopback, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy set in the environment is not asked for loopback, and no .netrc replaces the token."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    (home / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    client.get("/livez")
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_server_elsewhere_is_asked_by_the_proxy_and_without_this_homes_token(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's proxy is used for others, and this machine's token stays here."""
    monkeypatch.setenv("http_proxy", server.url)
    with Client("http://segue.invalid:6006") as client:
        client.get("/livez")
    assert server.asked[0].headers["host"] == "segue.invalid:6006"
    assert "authorization" not in server.asked[0].headers


def test_threads_have_connections_of_their_own(client: Client, server: Loopback) -> None:
    """One connection a thread, kept open between its questions; ``close`` leaves none of them open."""
    together = threading.Barrier(4)

    def ask() -> None:
        together.wait()
        for _ in range(5):
            client.get("/livez")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 20
    assert len({asked.peer for asked in server.asked}) == 4
    client.close()
    del threads
    gc.collect()  # a socket left open would be a ResourceWarning, which is an error here


# -- what is refused -----------------------------------------------------------------------------------------------


def test_an_error_of_the_server_keeps_its_code_status_and_words(client: Client, server: Loopback) -> None:
    """What the server says arrives, on one line."""
    server.answer = in_turn(refusal(409, "busy", "switch x is\nunder way"))
    with pytest.raises(ServerRefused) as refused:
        client.post("/v1/switch", {})
    assert (refused.value.code, refused.value.status) == ("busy", 409)
    assert str(refused.value) == "switch x is under way"


def test_a_wrong_token_is_explained_and_not_shown(client: Client, server: Loopback, home: Path) -> None:
    """For 401 the message says which token was sent, or why none was; the token is in no text of the client."""
    server.answer = in_turn(refusal(401, "unauthorized", "the token is wrong"))
    with pytest.raises(ServerRefused) as refused:
        client.get("/v1/status")
    assert str(refused.value) == f"the token is wrong; the token sent is that of {home / 'token'}"
    assert TOKEN not in repr(refused.value) + repr(client) + repr(vars(client))


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (Says(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}, is_ours=False), "a web page"),
        (Says({"hello": 1}, headers={"Content-Type": "application/json"}, is_ours=False), "other JSON"),
        (Says([1]), "other JSON"),
        (Says({"detail": "Not Found"}, 404, {"Content-Type": "application/json"}), "other JSON"),
        (Says({"error": "Not Found"}, 404), "other JSON"),
        (Says(b"[" * 100_000), "other JSON"),
        (Says(b"", 502, is_ours=False), "something else"),
        (Says(b"x", headers={"Content-Type": "image/png"}), "image/png"),
        (Says({}, 307, {"Location": "https://u:p@x/y?token=1"}), "a redirection to https://x/y"),
        (Says(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "no HTTP"),
    ],
)
def test_what_is_no_answer_of_ours_is_said_to_be_so(client: Client, server: Loopback, said: Says, what: str) -> None:
    """Another program at the address is named for what it is, and no redirection is followed with our token."""
    server.answer = in_turn(said)
    with pytest.raises(ServerRefused) as refused:
        client.get("/v1/status")
    assert refused.value.code == "not_segue"
    assert f"what answers at {server.url} is no Segue server, for it sent {what}" in str(refused.value)
    assert len(server.asked) == 1


# -- no answer -----------------------------------------------------------------------------------------------------


def test_no_server_is_one_clear_line() -> None:
    """The address, why, how to start one and how to name another."""
    url = f"http://127.0.0.1:{closed_port()}"
    with Client(url) as client, pytest.raises(ServerUnreachable) as missing:
        client.get("/livez")
    assert str(missing.value) == (
        f"no server answers at {url} (Connection refused): start one with segue serve, "
        "or name another with --server URL"
    )


def test_a_host_that_does_not_exist_is_one_clear_line() -> None:
    """So is a name that leads nowhere."""
    with Client("http://segue.invalid:6006") as client, pytest.raises(ServerUnreachable, match="no server answers at"):
        client.get("/livez")


@pytest.mark.parametrize("host", ["x" * 80, "*.invalid", "exam ple", "%zz"])
def test_a_name_that_can_be_no_host_is_a_wrong_parameter(host: str) -> None:
    """What the libraries refuse as an address is told as such."""
    with pytest.raises(InvalidParameter, match="is no address"), Client(f"http://{host}") as client:
        client.get("/livez")


def test_a_server_that_stays_silent_is_given_up(client: Client, server: Loopback) -> None:
    """After the read timeout the error says that the server may still be at it; it is not asked again."""
    done = threading.Event()

    def late(_: Asked) -> Says:
        done.wait(60)
        return Says()

    server.answer = late
    with pytest.raises(ServerUnreachable, match=r"did not answer within 0\.05 s: it may still be at it"):
        client.post("/v1/switch", {}, read_timeout_s=0.05)
    with pytest.raises(ServerUnreachable, match="did not answer"):
        client.detect(b"x", read_timeout_s=0.05, reconnections=9)
    done.set()
    assert len(server.asked) == 2


@pytest.mark.parametrize("broken", [Says(raw=b""), Says({"a": "b" * 99}, cut=7)])
def test_a_question_is_asked_again_where_the_connection_broke(client: Client, server: Loopback, broken: Says) -> None:
    """A GET once more, on a new connection; a POST is never sent twice, for nobody knows what became of it."""
    server.answer = in_turn(broken, Says({"fine": 1}))
    assert client.get("/livez") == {"fine": 1}
    server.answer = in_turn(broken, Says({"fine": 1}))
    with pytest.raises(ServerUnreachable, match="broke before the answer was here"):
        client.post("/v1/switch", {})
    assert len(server.asked) == 3


def test_a_server_that_went_away_in_between_is_no_server() -> None:
    """Asked again on a new connection that is refused, the error tells of that, not of the one that broke before."""
    with Loopback(lambda _: Says()) as server, Client(server.url) as client:
        client.get("/livez")

        def leave(_: Asked) -> Says:
            server.stop_listening()
            return Says(raw=b"")

        server.answer = leave
        with pytest.raises(ServerUnreachable, match=r"no server answers at .* \(Connection refused\)"):
            client.get("/livez")


# -- https ---------------------------------------------------------------------------------------------------------


def test_a_certificate_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that nobody knows is refused with what to do; named, or not to be verified, it serves."""
    certificate = Path(__file__).with_name("certificate.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with Loopback(lambda _: Says({"fine": 1}), tls=tls) as server:
        with (
            Client(server.url) as client,
            pytest.raises(ServerUnreachable, match=r"is not trusted .*REQUESTS_CA_BUNDLE"),
        ):
            client.get("/livez")
        with Client(server.url, verify=str(certificate)) as client:
            assert client.get("/livez") == {"fine": 1}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with Client(server.url) as client:
            assert client.get("/livez") == {"fine": 1}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere"))
        with Client(server.url) as client, pytest.raises(ServerUnreachable, match=r"is not trusted .*nowhere"):
            client.get("/livez")


# -- detect --------------------------------------------------------------------------------------------------------


def test_a_recording_is_streamed(client: Client, server: Loopback) -> None:
    """From where the file stands, with its length; headers and query go with it; a pipe comes in chunks."""
    file = io.BytesIO(b"-" + b"sound" * 50_000)
    file.seek(1)
    client.detect(file, headers={"X-Segue-Key": "meeting 1\n"}, mode="dynamic", probabilities=False)
    assert (server.asked[0].body, server.asked[0].headers["content-length"]) == (b"sound" * 50_000, "250000")
    assert server.asked[0].headers["x-segue-key"] == "meeting 1\\n"
    assert server.asked[0].query == {"mode": "dynamic", "probabilities": "false"}
    reading, writing = os.pipe()
    os.write(writing, b"live sound")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        client.detect(pipe)
    assert server.asked[1].body == b"live sound"
    client.detect(b"")
    assert (server.asked[2].body, server.asked[2].headers["content-length"]) == (b"", "0")


@pytest.mark.parametrize(("status", "code"), [(429, "too_many_requests"), (503, "overloaded")])
def test_a_server_without_capacity_is_asked_again_when_it_said(server: Loopback, status: int, code: str) -> None:
    """Retry-After is obeyed, each time the whole recording is sent, and where it says nothing 1 s is waited."""
    clock = Clock()
    server.answer = in_turn(
        refusal(status, code, Retry_After="7"),
        refusal(status, code),
        refusal(status, code, Retry_After="soon"),
        Says({"segments": []}),
    )
    file = io.BytesIO(b"-sound")
    file.seek(1)
    with Client(server.url, clock=clock, sleep=clock.sleep) as client:
        assert client.detect(file) == {"segments": []}
    assert clock.slept == [7, 1, 1]
    assert [asked.body for asked in server.asked] == [b"sound"] * 4


def test_patience_is_bounded(server: Loopback) -> None:
    """From the first refusal on, no more than ``patience_s``; then the refusal is raised, and nobody slept in vain."""
    clock = Clock()
    server.answer = in_turn(refusal(503, "overloaded", "no room", Retry_After="4"))
    with Client(server.url, clock=clock, sleep=clock.sleep) as client:
        with pytest.raises(ServerRefused, match="no room"):
            client.detect(b"sound", patience_s=10)
        assert clock.slept == [4, 4]
        with pytest.raises(ServerRefused):
            client.detect(b"sound", patience_s=0)
    assert clock.slept == [4, 4]


def test_other_refusals_are_final(client: Client, server: Loopback) -> None:
    """What is wrong with the recording is said at once."""
    server.answer = in_turn(refusal(422, "audio_empty", "x has no bytes"))
    with pytest.raises(ServerRefused, match="x has no bytes"):
        client.detect(b"x")
    assert len(server.asked) == 1


def test_a_pipe_is_not_sent_twice(server: Loopback) -> None:
    """What is gone cannot be sent again: the refusal is raised."""
    server.answer = in_turn(refusal(503, "overloaded", Retry_After="1"))
    reading, writing = os.pipe()
    os.write(writing, b"sound")
    os.close(writing)
    clock = Clock()
    with (
        os.fdopen(reading, "rb") as pipe,
        Client(server.url, clock=clock, sleep=clock.sleep) as client,
        pytest.raises(ServerRefused),
    ):
        client.detect(pipe)
    assert (len(server.asked), clock.slept) == (1, [])


def test_a_broken_connection_is_made_anew_only_if_asked(server: Loopback) -> None:
    """Without ``reconnections`` the first break is the end; with them, as many times, waiting longer each time."""
    clock = Clock()
    with Client(server.url, clock=clock, sleep=clock.sleep) as client:
        server.answer = in_turn(Says(raw=b""), Says({"fine": 1}))
        with pytest.raises(ServerUnreachable):
            client.detect(b"sound")
        server.answer = in_turn(Says(raw=b""), Says({"fine": 1}, cut=3), Says({"fine": 1}))
        assert client.detect(b"sound", reconnections=2) == {"fine": 1}
        server.answer = in_turn(Says(raw=b""))
        with pytest.raises(ServerUnreachable):
            client.detect(b"sound", reconnections=2)
    assert clock.slept == [0.5, 1.0, 0.5, 1.0]
    assert [asked.body for asked in server.asked] == [b"sound"] * 7


def test_a_server_that_is_started_anew_is_waited_for() -> None:
    """A connection that is refused counts as one that broke: the next may be had."""
    port, clock = closed_port(), Clock()
    url = f"http://127.0.0.1:{port}"
    with Client(url, clock=clock, sleep=clock.sleep) as client, pytest.raises(ServerUnreachable):
        client.detect(b"sound", reconnections=3)
    assert clock.slept == [0.5, 1.0, 2.0]


def test_an_error_of_the_file_is_the_files(client: Client) -> None:
    """A recording that cannot be read to its end is not told as a fault of the connection, nor sent again."""

    class Faulty(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, f"no {size} bytes", "x.wav")

    with pytest.raises(OSError, match=r"x\.wav") as faulty:
        client.detect(Faulty(b"sound"), reconnections=3)
    assert not isinstance(faulty.value, ServerUnreachable)


def test_the_time_to_connect_is_that_of_the_settings() -> None:
    """A server whose queue is full, or that is behind a wall, is given up after ``connect_timeout_s``."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(8)]  # as many as fill its queue, and more
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        settings = read_settings(connect_timeout_s=0.05)
        with (
            Client(f"127.0.0.1:{listener.getsockname()[1]}", settings=settings) as client,
            pytest.raises(ServerUnreachable, match=r"\(no connection in time\)"),
        ):
            client.get("/livez")
        for each in waiting:
            each.close()
