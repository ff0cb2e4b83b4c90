"""A WebSocket client in as few instructions as will do: RFC 6455 frames, made beforehand and taken apart.

The clients share the machine with the server that they measure, so what they cost is taken from it.
"""

import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_FINAL, _MASKED = 0x80, 0x80


def upgrade(path: str) -> bytes:
    """The request that opens a connection. Its key is the RFC's own: it guards against caches, and none is here."""
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join((*lines, "", "")).encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame. Its mask is zeros: the server takes it off all the same, and one frame can be sent often."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", _FINAL | opcode, _MASKED | size)
    elif size < 2**16:
        head = struct.pack("!BBH", _FINAL | opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", _FINAL | opcode, _MASKED | 127, size)
    return head + bytes(4) + payload


class Frames:
    """What a server sends after its answer to the upgrade: whole frames out of any pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def accept(self, data: bytes) -> list[tuple[int, bytes]]:
        """(opcode, payload) of those that are complete now. A server's frames are not masked; ours are not cut up."""
        data, at, found = self._rest + data, 0, []
        while (end := _end(data, at)) <= len(data):
            found.append((data[at] & 0x0F, data[_start(data, at) : end]))
            at = end
        self._rest = data[at:]
        return found


def _start(data: bytes, at: int) -> int:
    """Where the payload of the frame at ``at`` begins."""
    return at + {126: 4, 127: 10}.get(data[at + 1], 2)


def _end(data: bytes, at: int) -> int:
    """Where it ends: beyond the data when that cannot be known yet."""
    if len(data) < at + 2 or len(data) < (start := _start(data, at)):
        return len(data) + 1
    return start + (int.from_bytes(data[at + 2 : start]) if start > at + 2 else data[at + 1])
