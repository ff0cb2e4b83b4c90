"""What a version failed at, while that is begun again on the version it would replace."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from segue.errors import InferenceFailed, SegueError
from segue.service.engine import Engine
from segue.swap import FellBack, Lease, VersionId


@dataclass(frozen=True, slots=True)
class Fall:
    """One failure of a version that has to prove itself. ``item`` names the input."""

    version: VersionId
    incarnation: int
    key: str
    item: str
    code: str

    @staticmethod
    def of(lease: Lease[Engine], error: BaseException | None, *, item: str) -> "Fall":
        """The failure that a lease ended with."""
        code = error.code if isinstance(error, SegueError) else InferenceFailed.code
        return Fall(lease.version, lease.incarnation, lease.key, item, code)

    def ended(self, instead: VersionId, *, answered: bool) -> FellBack:
        """What became of it."""
        return FellBack(self.version, self.incarnation, instead, self.key, self.item, self.code, answered)


def item_of(source: bytes | Path) -> str:
    """The name of a recording's content: equal bytes have one; a large one, which is a file, has its own.

    Uploads are reached by descriptors, whose numbers come again: a file is known by what does not.
    """
    if isinstance(source, bytes):
        return hashlib.blake2b(source, digest_size=8).hexdigest()
    try:
        known = source.stat()
    except OSError:
        return str(source)
    return f"{known.st_dev}:{known.st_ino}:{known.st_size}:{known.st_mtime_ns}"
