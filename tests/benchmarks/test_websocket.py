"""The client's frames, against the library that the server uses."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from benchmarks.websocket import BINARY, TEXT, Frames, frame, upgrade

SIZES = (0, 1, 125, 126, 65_535, 65_536)


def _open_server() -> ServerProtocol:
    server = ServerProtocol()
    server.receive_data(upgrade("/v1/stream?encoding=pcm16"))
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]  # the first event is a request
    server.data_to_send()
    return server


@pytest.mark.parametrize("size", SIZES)
def test_a_server_understands_the_frames(size: int) -> None:
    """Of every form of length; the upgrade before them too."""
    server = _open_server()
    payload = bytes(number % 251 for number in range(size))
    server.receive_data(frame(BINARY, payload))
    (received,) = server.events_received()
    assert isinstance(received, Frame)
    assert (received.opcode, bytes(received.data)) == (Opcode.BINARY, payload)


@pytest.mark.parametrize("piece", [1, 2, 3, 1000, 10**9])
def test_a_servers_frames_come_out_whole(piece: int) -> None:
    """However the network cut them up."""
    server = _open_server()
    payloads = [b"x" * size for size in SIZES]
    for payload in payloads:
        server.send_text(payload)
    data = b"".join(server.data_to_send())
    frames = Frames()
    found = [each for at in range(0, len(data), piece) for each in frames.accept(data[at : at + piece])]
    assert found == [(TEXT, payload) for payload in payloads]
