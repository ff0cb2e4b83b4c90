"""A multipart form with one field, ``file``: pieces of the body in, pieces of the file out. No I/O, nothing kept."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from segue.errors import RequestInvalid, one_line
from segue.speech.names import printable

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # its warnings are of bodies that are refused

FIELD = "file"

_LONGEST_NAME = 200
_HOW = f"send one field, {FIELD}, with the recording: curl -F {FIELD}=@clip.wav"


class Form:
    """Fed a body in pieces of any size, gives back what of the file is in each. Raises RequestInvalid."""

    def __init__(self, options: Mapping[bytes, bytes]) -> None:
        """``options``: those of the content type, with the boundary."""
        self.file_name = ""
        """As the client calls it, without folders; empty where it does not."""
        self._seen = False
        self._begun = False
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._data: list[bytes] = []
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header,
            "on_header_value": self._on_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._on_data,
        }
        boundary = options.get(b"boundary")
        if not boundary:
            raise _broken("its content type names no boundary")
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _broken(one_line(error)) from error

    def feed(self, piece: bytes) -> list[bytes]:
        """What of the file is in this piece of the body."""
        if not self._begun:  # after an empty line the parser passes over what is no boundary, if it is in one piece
            piece = piece.lstrip(b"\r\n")
            self._begun = bool(piece)
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _broken(one_line(error)) from error
        found, self._data = self._data, []
        return found

    def finish(self) -> None:
        """Check that the form was whole, and had the file."""
        if self._parser.state != MultipartState.END:
            raise _broken("it ends before its last boundary")
        if not self._seen:
            raise RequestInvalid(f"the form has no field {FIELD}; {_HOW}")

    def _begin(self) -> None:
        self._disposition = b""

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        field = _text(options.get(b"name", b""))
        if field != FIELD:
            raise RequestInvalid(
                f"the form has a field {printable(field)[:_LONGEST_NAME]!r}; parameters go into the query, and {_HOW}"
            )
        if self._seen:
            raise RequestInvalid(f"the form has two fields {FIELD}: one recording a request; {_HOW}")
        self._seen = True
        name = _text(options.get(b"filename", b"")).replace("\\", "/").rpartition("/")[2]
        self.file_name = printable(name)[:_LONGEST_NAME]

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])


def _broken(why: str) -> RequestInvalid:
    return RequestInvalid(f"the multipart body is broken: {why}; {_HOW}")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
