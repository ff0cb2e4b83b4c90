"""What of Gradio answers: what the page asks for, and nothing else that it has.

Gradio brings some forty endpoints. One fetches any address for whoever asks, some write files or keep a connection for
ever, and what takes JSON or fields of a form takes as much of it as there is memory.
"""

import re
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from segue.edges.ui.words import LANGUAGES

_PAGE = rf"/(?:{'|'.join(LANGUAGES)})/"
_READ = re.compile(
    _PAGE + r"(?:(?:config|theme\.css|manifest\.json|favicon\.ico)/?|(?:assets|static|svelte)/.*"
    r"|gradio_api/(?:(?:info|app_id|startup-events|queue/data|queue/status|upload_progress|theme\.css)/?"
    r"|heartbeat/[^/]+|file=(?!https?://).+))?",
    re.DOTALL,
)
_SAY = re.compile(_PAGE + r"gradio_api/(?:queue/join|component_server|cancel|reset)/?")
_UPLOAD = re.compile(_PAGE + r"gradio_api/upload/?")
_MOST_SAID_BYTES = 2**20
_FORM_BYTES = 2**16
"""What a form has around its file."""


def refusal(scope: Scope, headers: Mapping[str, str], *, most_upload_bytes: int) -> Response | None:
    """The answer to what is not let through; None for what is. ``headers``: names in lower case."""
    method, path = scope["method"], scope["path"]
    if method in ("GET", "HEAD") and _READ.fullmatch(path):
        return None
    if method != "POST":
        return _no(404, "Not Found")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if _SAY.fullmatch(path) and kind == "application/json":
        return _too_much(headers, _MOST_SAID_BYTES)
    if _UPLOAD.fullmatch(path) and kind == "multipart/form-data":
        return _too_much(headers, most_upload_bytes + _FORM_BYTES)
    return _no(404, "Not Found")


def _too_much(headers: Mapping[str, str], most_bytes: int) -> Response | None:
    """Every browser says how much it sends; the server sees to it that no more comes."""
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        return _no(411, "Content-Length is wanted")
    return _no(413, f"at most {most_bytes} bytes") if int(length) > most_bytes else None


def _no(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)
