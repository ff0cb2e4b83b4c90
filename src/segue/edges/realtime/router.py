"""``WS /v1/realtime``: OpenAI's Realtime protocol, as far as it is about when somebody speaks."""

import asyncio
import json
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from segue.edges.realtime.configuration import Configuration
from segue.edges.realtime.events import failed, shown
from segue.edges.realtime.session import Session
from segue.errors import InferenceFailed, ModelNotFound, NotReady, Refusal, SegueError, ShuttingDown, VersionNotReady
from segue.hub import CATALOG
from segue.service import Ask
from segue.service.caller import client_of

if TYPE_CHECKING:
    from segue.service import Service

router = APIRouter(prefix="/v1")

_LAST_WORDS_S = 2.0
"""How long the reason of an early end may take to be read."""
_KEY = "openai-insecure-api-key."
_PLAIN = "realtime"
_BETA = "openai-beta.realtime-v1"


@router.websocket("/realtime")
async def realtime(socket: WebSocket) -> None:
    """One session; see docs/protocols.md for every event. Raises Unauthorized, before it is accepted."""
    service: Service = socket.app.state.service
    offered: list[str] = socket.scope.get("subprotocols") or []
    service.access.detection(
        _token(socket, offered), send=f"send Authorization: Bearer TOKEN, or the subprotocol {_KEY}TOKEN"
    )
    await socket.accept(subprotocol=min(offered, key=_rank, default=None))
    try:
        if not service.ready:
            raise NotReady(service.waits_for)
        key = socket.headers.get("x-segue-key") or uuid.uuid4().hex
        _check_model(service, socket.query_params.get("model"), key)
        with service.admit_stream(client_of(socket.scope)):
            await _session(socket, service, key, is_beta=_is_beta(socket, offered)).run()
    except SegueError as error:
        await _close(socket, error)


def _session(socket: WebSocket, service: "Service", key: str, *, is_beta: bool) -> Session:
    is_transcription = socket.query_params.get("intent") == "transcription"
    return Session(
        socket,
        service,
        Configuration(is_beta=is_beta, kind="transcription" if is_transcription else "realtime"),
        session_id=f"sess_{uuid.uuid4().hex[:21]}",
        key=key,
        described=service.describe(Ask(key)),
        created="transcription_session.created" if is_beta and is_transcription else "session.created",
    )


def _token(socket: WebSocket, offered: list[str]) -> str | None:
    """Of the header, or of a subprotocol, which is all that a browser can send."""
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return next((name.removeprefix(_KEY) for name in offered if name.startswith(_KEY)), None)


def _rank(name: str) -> int:
    """Of a subprotocol: the lowest is accepted, and said back, so not the one with the token if there is another."""
    return 0 if name == _PLAIN else 2 if name.startswith(_KEY) else 1


def _is_beta(socket: WebSocket, offered: list[str]) -> bool:
    return _BETA in offered or "realtime=v1" in socket.headers.get("openai-beta", "")


def _check_model(service: "Service", given: str | None, key: str) -> None:
    """Raise ModelNotFound for what does not serve; without a name any model is right."""
    if not given:
        return
    route = service.board.snapshot().route
    versions = [version for version in (route.primary, route.canary) if version] if route else []
    models = [service.describe(Ask(key, version=version)).model for version in versions]
    known = CATALOG.lookup(given)
    if not any({given, known.model_id if known else given} & {model.id, str(model), model.version} for model in models):
        serving = " and ".join(f"{model.id} ({model.version})" for model in models)
        raise ModelNotFound(f"model={shown(given)} does not serve here: leave it out, or name {serving}")


async def _close(socket: WebSocket, error: SegueError) -> None:
    """Say what went wrong, and close with the code that says whose turn it is, as ``/v1/stream`` does."""
    code = 1008
    if isinstance(error, ShuttingDown):
        code = 1012
    elif isinstance(error, NotReady | VersionNotReady | Refusal):
        code = 1013
    elif isinstance(error, InferenceFailed):
        code = 1011
    with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):  # it is gone, or reads nothing
        async with asyncio.timeout(_LAST_WORDS_S):
            await socket.send_text(json.dumps(failed(error)))
            await socket.close(code, reason=error.code)
