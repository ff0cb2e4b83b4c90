"""Load and unload: they are changes like any other, and go through the switchboard.

To load a model is to let it serve, and is answered when it does. To unload one is to drain and close what of it does
not serve.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from segue.edges.inference_protocol.models import check_version, versions_of
from segue.errors import InvalidParameter, ModelNotFound, RequestInvalid, VersionInUse
from segue.service.served_names import model_of, own_name
from segue.speech.names import printable, shown
from segue.swap import ModelSpec, State, VersionId

if TYPE_CHECKING:
    from segue.service import Service
    from segue.swap.snapshot import Snapshot

_LOAD: Mapping[str, type | tuple[type, ...]] = {
    "revision": str,
    "version": str,
    "options": dict,
    "why": str,
    "queue": bool,
    "abort_rollout": bool,
}
_UNLOAD: Mapping[str, type | tuple[type, ...]] = {"version": str, "unload_dependents": bool}

_DRAIN_S = 5.0
"""How long unloading waits for requests that use a version. What is still used then is UNLOADING until it is not."""


async def load(service: "Service", name: str, body: object, query: Mapping[str, str], *, who: str) -> dict[str, str]:
    """Let a model serve, or a version that is known; what serves then.

    Raises as ``Service.switch``, and what its outcome is; RequestInvalid, InvalidParameter.
    """
    given = _parameters(body, query, _LOAD)
    wanted: ModelSpec | VersionId
    if "version" in given:
        if "revision" in given or "options" in given:
            raise InvalidParameter("version is given with revision or options, which it has already: leave them out")
        check_version(service, name, given["version"])
        wanted = VersionId(given["version"])
    else:
        wanted = ModelSpec(model_of(service, name), given.get("revision"), given.get("options") or {})
    flags = {flag: given.get(flag, False) for flag in ("queue", "abort_rollout")}
    begin = partial(service.switch, wanted, who=who, why=given.get("why", ""), **flags)
    operation = await run_in_threadpool(begin)
    switched = await asyncio.shield(asyncio.wrap_future(operation.future))  # whoever waits may go away
    return {"name": name, "version": str(switched.route.primary), "state": "READY"}


async def unload(service: "Service", name: str, body: object, query: Mapping[str, str], *, who: str) -> dict[str, Any]:
    """Drain and close a version, or all of a model; what is closed, and what still drains.

    Raises VersionInUse for what serves, ModelNotFound, UnknownVersion, IllegalTransition, RequestInvalid.
    """
    given = _parameters(body, query, _UNLOAD)
    wanted = _to_unload(service, name, given.get("version"))
    closed: list[VersionId] = []
    draining: list[VersionId] = []
    for version in wanted:
        removed = await run_in_threadpool(service.remove, version, deadline_s=_DRAIN_S, who=who)
        (closed if removed.closed else draining).append(version)
    return {"name": name, "unloaded": closed, "unloading": draining}


def _to_unload(service: "Service", name: str, version: str | None) -> list[VersionId]:
    if version is not None:
        check_version(service, name, version)
        return [VersionId(version)]
    snapshot = service.board.snapshot()
    serving = snapshot.route.versions if snapshot.route else ()
    known = versions_of(snapshot, name)
    if name == own_name(service) or any(each.version in serving for each in known):
        raise VersionInUse(f"{printable(name)} serves: load another model first, or name a version that does not serve")
    if not known:
        raise ModelNotFound(f"no model {printable(name)[:100]!r} is loaded; the index lists what there is")
    return _loaded(snapshot, [each.version for each in known])


def _loaded(snapshot: "Snapshot", versions: list[VersionId]) -> list[VersionId]:
    return [each for each in versions if snapshot[each].state not in (State.NEW, State.CLOSED, State.FAILED)]


def _parameters(body: object, query: Mapping[str, str], known: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """Of the body, of its ``config`` (JSON in a text, all that tritonclient lets one give), and texts of the query."""
    if not isinstance(body, dict) or not isinstance(body.get("parameters", {}), dict):
        raise RequestInvalid(f"the body is {shown(body)}: an object is wanted, with parameters or without")
    if others := body.keys() - {"parameters"}:
        raise RequestInvalid(f"{shown(min(others))}: only parameters is taken")
    given = dict(body.get("parameters", {}))
    if "config" in given and known is _LOAD:
        given |= _config(given.pop("config"))
    for name, value in [*query.items(), *given.items()]:
        kind = known.get(name)
        if kind is None:
            raise InvalidParameter(f"{shown(name)}: there is no such parameter; there are {', '.join(known)}")
        if not isinstance(value, kind) or (name in query and kind is not str):
            raise InvalidParameter(f"{name}={shown(value)}: a value of another kind is wanted, in the body")
    return {**query, **given}


def _config(text: object) -> dict[str, Any]:
    try:
        config = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise InvalidParameter(f'config={shown(text)}: a JSON object in a text is wanted, as {{"revision": "…"}}')
    return config
