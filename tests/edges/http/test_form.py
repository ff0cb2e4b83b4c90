"""Multipart forms: pieces of the body in, pieces of the file out."""

import time

import pytest

from segue.edges.http.form import Form
from segue.errors import RequestInvalid

_BOUNDARY = {b"boundary": b"XX"}
_HEAD = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\nContent-Type: audio/wav\r\n\r\n'
_END = b"\r\n--XX--\r\n"


def fed(body: bytes, *, size: int | None = None) -> tuple[bytes, Form]:
    """The file in a body that comes in pieces of ``size``, and its form."""
    form, found = Form(_BOUNDARY), b""
    for at in range(0, len(body), size or max(1, len(body))):
        found += b"".join(form.feed(body[at : at + (size or len(body))]))
    form.finish()
    return found, form


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7, 64])
def test_the_file_is_found_whatever_the_pieces(size: int | None) -> None:
    """The bytes of the file come out as they went in, boundaries look-alikes and all, for pieces of any size."""
    content = b"RIFF\r\n--X\r\n--XY\r\n\r\n--" + bytes(range(256)) + b"\r"
    found, form = fed(_HEAD + content + _END, size=size)
    assert found == content
    assert form.file_name == "clip.wav"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ('; filename="a b.wav"', "a b.wav"),
        ('; filename="C:\\\\calls\\\\one.wav"', "one.wav"),
        ('; filename="../../etc/passwd"', "passwd"),
        ('; filename="会议.m4a"', "会议.m4a"),
        ('; filename="x\x1b[2J.wav"', "x\\x1b[2J.wav"),
        ('; filename=""', ""),
        ("", ""),
    ],
)
def test_the_name_of_the_file_is_kept_without_folders(given: str, name: str) -> None:
    """The client's name is one that can be printed and has no folders in it; a file without a name is taken too."""
    found, form = fed(f'--XX\r\nContent-Disposition: form-data; name="file"{given}\r\n\r\nabc'.encode() + _END)
    assert (found, form.file_name) == (b"abc", name)


def test_what_stands_after_the_form_is_ignored() -> None:
    """An epilogue does no harm; nor does an empty file, which is for the detector to refuse."""
    assert fed(_HEAD + b"abc" + _END + b"bye")[0] == b"abc"
    assert fed(_HEAD + _END)[0] == b""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "ends before its last boundary"),
        (b"no form at all", "broken"),
        (_HEAD + b"abc", "ends before its last boundary"),
        (_HEAD + b"abc\r\n--XX\r\n", "ends before its last boundary"),
        (b"--XX--\r\n", "no field file"),
        (b"--XX\r\nContent-Type: audio/wav\r\n\r\nabc" + _END, "a field ''"),
        (_HEAD.replace(b'"file"', b'"mode"') + b"dynamic" + _END, "a field 'mode'; parameters go into the query"),
        (_HEAD + b"abc\r\n" + _HEAD + b"def" + _END, "two fields file"),
        (b"--XX\r\n" + b"X-A: b\r\n" * 100 + b"\r\nabc" + _END, "broken"),
        (b"--XX\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\nabc" + _END, "broken"),
        (b"--XX\r\nno header\r\n\r\nabc" + _END, "broken"),
    ],
)
@pytest.mark.parametrize("size", [None, 1])
def test_a_form_that_is_none_is_refused(body: bytes, message: str, size: int | None) -> None:
    """Each broken form is one line that says what is wrong and how it is done, fed whole or byte by byte."""
    with pytest.raises(RequestInvalid, match=message) as refused:
        fed(body, size=size)
    assert "curl -F file=@clip.wav" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("options", "message"), [({}, "names no boundary"), ({b"boundary": b"x" * 300}, "256")])
def test_a_boundary_is_wanted(options: dict[bytes, bytes], message: str) -> None:
    """A form whose content type names no boundary, or one without end, is refused before anything is read."""
    with pytest.raises(RequestInvalid, match=message):
        Form(options)


@pytest.mark.parametrize("filler", [b"\r", b"\n", b"\r\n", b"\r\n-", b"\r\n--X"])
def test_no_content_makes_it_slow(filler: bytes) -> None:
    """A megabyte of what looks like the beginning of a boundary takes well under a second."""
    content = filler * (2**20 // len(filler))
    began_s = time.perf_counter()
    assert fed(_HEAD + content + _END, size=65536)[0] == content
    assert time.perf_counter() - began_s < 1.0


@pytest.mark.parametrize("size", [None, 1, 5])
def test_what_stands_before_the_form_means_the_same_in_all_pieces(size: int | None) -> None:
    """Empty lines are passed over, anything else is refused: found by fuzzing, the parser's own answer depends."""
    assert fed(b"\r\n\n\r\n" + _HEAD + b"abc" + _END, size=size)[0] == b"abc"
    with pytest.raises(RequestInvalid, match="broken"):
        fed(b"\r\npreamble\r\n" + _HEAD + b"abc" + _END, size=size)
