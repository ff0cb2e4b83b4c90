"""What there is, in the protocol's words: names, versions and their states."""

from typing import TYPE_CHECKING, Any

from segue import __version__
from segue.edges.inference_protocol.inference import AUDIO, RATE, known_outputs
from segue.errors import ModelNotFound, UnknownVersion
from segue.service.served_names import check_served, names_of, own_name
from segue.speech.names import legible, printable
from segue.swap import State, VersionId

if TYPE_CHECKING:
    from segue.service import Service
    from segue.swap.snapshot import Snapshot, VersionStatus

EXTENSIONS = ("binary_tensor_data", "model_repository", "parameters")

STATES = {
    State.NEW: "UNAVAILABLE",
    State.LOADING: "LOADING",
    State.WARMING: "LOADING",
    State.READY: "READY",
    State.DRAINING: "UNLOADING",
    State.CLOSED: "UNAVAILABLE",
    State.FAILED: "UNAVAILABLE",
}
"""A version's state -> the protocol's."""

_REASONS = {State.NEW: "of an earlier run: load it", State.CLOSED: "unloaded"}


def server() -> dict[str, Any]:
    """``GET /v2``."""
    return {"name": "segue", "version": __version__, "extensions": list(EXTENSIONS)}


def metadata(service: "Service", name: str, version: str | None) -> dict[str, Any]:
    """Of a model, or of one version. Raises ModelNotFound, UnknownVersion."""
    found = [known.version for known in _named(service, name, version) if version or known.state is State.READY]
    return {
        "name": name,
        "versions": found,
        "platform": "segue",
        "inputs": [
            {"name": AUDIO, "datatype": "FP32", "shape": [-1]},
            {"name": RATE, "datatype": "INT32", "shape": [1], "parameters": {"optional": True}},
        ],
        "outputs": known_outputs(),
    }


def unready(service: "Service", name: str, version: str | None) -> str:
    """Why it cannot be asked now; empty when it can. Raises ModelNotFound, naming nothing: anybody may ask."""
    try:
        found = _named(service, name, version)
    except (ModelNotFound, UnknownVersion):
        raise ModelNotFound("there is nothing of that name; the metadata and the index say what there is") from None
    if version is None:
        return "" if service.ready else service.waits_for
    return "" if found[0].state is State.READY else f"version {version} is {found[0].state.value}"


def index(service: "Service", *, ready: bool) -> list[dict[str, Any]]:
    """Every version, under the service's own name; one entry without a version while there is none."""
    name = own_name(service)
    found = [
        {"name": name, "version": known.version, "state": STATES[known.state], "reason": _reason(known)}
        for known in service.board.snapshot().versions
    ]
    if not found:
        state = "LOADING" if service.status().under_way else "UNAVAILABLE"
        found = [{"name": name, "version": "", "state": state, "reason": printable(service.waits_for)}]
    return [entry for entry in found if entry["state"] == "READY" or not ready]


def check_version(service: "Service", name: str, version: str | None) -> None:
    """Raises ModelNotFound, UnknownVersion, for what cannot be asked under these names."""
    _named(service, name, version)


def versions_of(snapshot: "Snapshot", model_id: str) -> "list[VersionStatus]":
    """The versions that run a model, by any of its names."""
    names = names_of(model_id)
    return [known for known in snapshot.versions if known.resolved.spec.model_id in names]


def _named(service: "Service", name: str, version: str | None) -> "list[VersionStatus]":
    """The versions that a name stands for: its own for all; or the one of them that is named."""
    snapshot = service.board.snapshot()
    found = list(snapshot.versions) if name == own_name(service) else versions_of(snapshot, name)
    if version is None:
        check_served(service, name)
        return found
    if not found:
        raise ModelNotFound(f"no model {printable(name)[:100]!r} is known; {own_name(service)} stands for all versions")
    one = [known for known in found if known.version == VersionId(version)]
    if not one:
        raise UnknownVersion(f"no version {printable(version)[:100]!r} of {printable(name)[:100]} is known")
    return one


def _reason(known: "VersionStatus") -> str:
    return printable(legible(known.failure)) if known.failure else _REASONS.get(known.state, "")
