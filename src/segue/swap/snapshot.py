"""The switchboard at one moment: frozen, for policies, status pages and operators."""

from dataclasses import dataclass

from segue.swap.lifecycle import State
from segue.swap.route import Route
from segue.swap.spec import Resolved, VersionId


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version. Times are of the switchboard's clock, in seconds.

    ``leases`` are those out on all its lives. ``stranded`` lives had a call
    that never came back: their memory cannot come back before the process ends. ``bake_left_s`` is None unless the
    version is superseded and warm; at 0 the next sweep drains it.
    """

    version: VersionId
    resolved: Resolved
    state: State
    incarnation: int
    leases: int
    stranded: int
    bake_left_s: float | None
    failure: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment. ``back`` are the routes that rollback goes to, the next one last."""

    epoch: int
    route: Route | None
    back: tuple[Route, ...]
    under_way: str
    versions: tuple[VersionStatus, ...]
    pending_rows: int
    """Rows that the journal could not write yet."""

    def __getitem__(self, version: VersionId) -> VersionStatus:
        """The status of one version. Raises KeyError."""
        for status in self.versions:
            if status.version == version:
                return status
        raise KeyError(version)

    def __str__(self) -> str:
        """What serves, what drains, how many leases are out: one line."""
        parts = [f"epoch {self.epoch}", f"serves {self.route}" if self.route else "serves nothing"]
        serving = self.route.versions if self.route else ()
        for status in self.versions:
            users = f"({status.leases} leases)"
            if status.version in serving:
                parts.append(f"{status.version} {users}")
            elif status.state not in (State.NEW, State.CLOSED) or status.leases:
                parts.append(
                    f"{status.version} {'warm' if status.state is State.READY else status.state.value} {users}"
                )
            if status.stranded:
                parts.append(f"{status.version} memory of {status.stranded} cannot come back")
        if self.under_way:
            parts.append(f"under way: {self.under_way}")
        if self.pending_rows:
            parts.append(f"{self.pending_rows} journal rows pending")
        return "; ".join(parts)
