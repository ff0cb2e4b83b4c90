"""Which version answers whom: an immutable value, installed whole.

A key's side is decided by a hash of (salt, key), a number from 0 to 1, which lies below the canary's share or does
not. So a key keeps its side for as long as the salt lasts, in every process, and as the share grows a key once with
the canary stays with it. ``hash()`` will not do: it differs from process to process.
"""

import hashlib
import math
from dataclasses import dataclass, replace

from segue.errors import InvalidRoute
from segue.swap.spec import VersionId


@dataclass(frozen=True, slots=True)
class Route:
    """``primary`` answers, save for the keys in ``canary_share`` (0 to 1) that ``canary`` answers.

    ``shadow`` answers nobody: it is sent copies, and may be the canary too. ``salt``, such as the ID of a rollout,
    draws the keys anew. Raises InvalidRoute.
    """

    primary: VersionId
    canary: VersionId | None = None
    canary_share: float = 0.0
    shadow: VersionId | None = None
    salt: str = ""

    def __post_init__(self) -> None:
        share = self.canary_share
        if not isinstance(share, int | float) or not math.isfinite(share) or not 0 <= share <= 1:
            raise InvalidRoute(f"canary share {share!r}: a number from 0 to 1 is wanted")
        if not self.primary:
            raise InvalidRoute("a route needs a primary version")
        if self.primary in (self.canary, self.shadow):
            raise InvalidRoute(f"{self.primary} is primary: it cannot be on trial beside itself")
        if self.canary is None and (share or self.salt):
            raise InvalidRoute("a share or a salt is for a canary, and this route has none")

    def choose(self, key: str) -> VersionId:
        """The version that answers ``key``."""
        if self.canary is None:
            return self.primary
        digest = hashlib.blake2b(f"{self.salt}\0{key}".encode(errors="surrogatepass"), digest_size=8).digest()
        # An int against a float compares exactly: at share 1 even the largest hash lies below.
        return self.canary if int.from_bytes(digest) < self.canary_share * 2**64 else self.primary

    @property
    def versions(self) -> tuple[VersionId, ...]:
        """Every version in it, once each, the primary first."""
        named = (self.primary, self.canary, self.shadow)
        return tuple(dict.fromkeys(version for version in named if version is not None))

    @property
    def is_trial(self) -> bool:
        """Whether a version is on trial: such a route is passed through, never gone back to."""
        return self.canary is not None or self.shadow is not None

    def without(self, version: VersionId) -> "Route | None":
        """The route with that version gone from it, or None if it is the primary."""
        if version == self.primary:
            return None
        route = replace(self, shadow=None) if version == self.shadow else self
        return replace(route, canary=None, canary_share=0.0, salt="") if version == self.canary else route

    def __str__(self) -> str:
        canary = f" + {self.canary_share * 100:g}% {self.canary}" if self.canary else ""
        return self.primary + canary + (f" + shadow {self.shadow}" if self.shadow else "")
