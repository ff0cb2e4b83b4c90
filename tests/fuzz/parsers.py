"""What meets the network, each as one function of bytes: it raises what Segue raises on purpose, or nothing.

Anything else that comes out of one of them is a finding.
"""

import json
from contextlib import suppress

import numpy as np
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.requests import Request

from segue.edges.http import asks, schemas
from segue.edges.http.access import who_of
from segue.edges.http.bodies import _form
from segue.edges.http.documentation import _token
from segue.edges.http.errors import invalid
from segue.edges.http.follow import Follow
from segue.edges.http.rollouts import Begin, Share
from segue.edges.http.site import Site
from segue.edges.stream import _check_finish
from segue.errors import AudioError, InvalidModelID, ModelNotFound, SegueError
from segue.hub.catalog import CATALOG
from segue.hub.names import check_revision, parse_model
from segue.hub.target import as_directory, decide
from segue.settings import read_settings
from segue.speech.audio import decode
from segue.speech.rules import Rules
from segue.swap import plan_of, seconds_of

MOST_AUDIO_S = 60.0
_SITE = Site(lambda *_: None, settings=read_settings(allowed_hosts=["vad.example"]))  # type: ignore[arg-type]  # not called


def form(data: bytes) -> None:
    """A content type on the first line, then the body: in pieces of any size it means what it means whole."""
    kind, _, body = data.partition(b"\n")
    found = [_read_form(kind, body, size) for size in (len(body) or 1, 1, 7)]
    assert found[0] == found[1] == found[2], found


def _read_form(kind: bytes, body: bytes, size: int) -> tuple[str, bytes, str]:
    try:
        reader = _form(Headers({"content-type": kind.decode("latin-1")}))
        if reader is None:
            return "raw", body, ""
        got = b"".join(b"".join(reader.feed(body[at : at + size])) for at in range(0, len(body), size))
        reader.finish()
    except SegueError as error:
        return error.code, b"", ""
    assert len(got) <= len(body)
    assert "/" not in reader.file_name
    assert reader.file_name.isprintable()
    return "form", got, reader.file_name


def request(data: bytes) -> None:
    """A query on the first line, headers on the others: what is asked of the service, and by whom."""
    query, *lines = data.split(b"\n")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    scope = {"type": "http", "query_string": query, "headers": headers, "client": ("127.0.0.1", 1)}
    asked = Request(scope | {"state": {"request_id": "x"}})
    assert who_of(asked).isprintable()
    _SITE._objection(asked.headers)
    _token(asked.headers.get("authorization", ""))
    for read in (asks.to_detect, asks.to_describe):
        with suppress(SegueError):
            found = read(asked)
            Rules.of().asking((found.ask if isinstance(found, asks.Wanted) else found).asked)
    parse_options_header(asked.headers.get("content-type", ""))


def body(data: bytes) -> None:
    """A JSON body, as every route that takes one reads it, and the plan in it."""
    for model in (schemas.Prepare, schemas.Switch, schemas.Reason, Begin, Share, Follow):
        try:
            found = model.model_validate_json(data)
        except ValidationError as error:
            invalid(error.errors(include_url=False))
            continue
        with suppress(SegueError):
            plan_of(getattr(found, "plan", {}))
        with suppress(SegueError):
            seconds_of("every", getattr(found, "every", 1))
        with suppress(SegueError):
            Rules.of({}, ("options", getattr(found, "options", {})))
        json.dumps(found.model_dump())


def message(data: bytes) -> None:
    """A text message of a stream: the one that is known, or refused."""
    with suppress(SegueError):
        _check_finish(data.decode("utf-8", "replace"))


def name(data: bytes) -> None:
    """A model's name, and a revision on the second line: an ID of harmless parts, a directory, or refused."""
    text, _, revision = data.decode("utf-8", "surrogateescape").partition("\n")
    with suppress(InvalidModelID):
        model_id, given = parse_model(text)
        for said in (model_id, given or ""):
            assert not any(bad in said for bad in ("\0", "\\", "//", " ", "%")), said
            assert not any(part.startswith((".", "-")) for part in said.split("/")) or said == given, said
        assert model_id.count("/") <= 1
    with suppress(InvalidModelID):
        assert ".." not in check_revision(revision)
    with suppress(InvalidModelID):
        wanted = decide(text, revision or None, CATALOG)
        assert wanted.model_id.count("/") <= 1
    with suppress(InvalidModelID, ModelNotFound):
        found = as_directory(text, CATALOG)
        assert found is None or found.is_dir()


def audio(data: bytes) -> None:
    """A recording: finite samples within the limit of its length, or an AudioError of one line; mixed and split."""
    said = ""
    for channels in ("mix", "split"):
        try:
            with decode(data, target_rate=16_000, channels=channels, max_audio_s=MOST_AUDIO_S) as decoded:
                samples = 0
                for block in decoded:
                    assert np.isfinite(block).all()
                    samples += block.shape[1]
            assert samples <= MOST_AUDIO_S * 16_000 + 1
        except AudioError as error:
            said = str(error)
        assert len(said.splitlines()) <= 1
