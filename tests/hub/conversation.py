"""One fetch from a hub of the tests, as the resolver does it."""

from pathlib import Path

from segue.hub.catalog import FSMN_VAD
from segue.hub.child import Hub, fetch
from segue.hub.origin import Fetched, HubRepo


def pull(
    hub: Hub,
    repo: HubRepo,
    destination: Path,
    *,
    timeout_s: float = 60,
    pins: dict[str, str] | None = None,
    said: list[str] | None = None,
) -> Fetched:
    return fetch(
        hub,
        repo,
        destination,
        layout=FSMN_VAD,
        pins=pins or {},
        connect_timeout_s=0.5,
        fetch_timeout_s=timeout_s,
        progress=(said if said is not None else []).append,
    )


def downloaded(destination: Path) -> dict[str, bytes]:
    """What a fetch left there under the model's names."""
    return {path.name: path.read_bytes() for path in destination.iterdir() if not path.name.startswith(".")}
