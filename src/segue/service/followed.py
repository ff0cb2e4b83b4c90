"""What is followed, a branch or a directory, and the plan by which its new content is released: kept in a file."""

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.errors import InvalidParameter, SegueError, StoreError
from segue.swap import ModelSpec

_LOG = logging.getLogger(__name__)

LEAST_S, MOST_S = 10.0, 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Followed:
    """``plan`` is in the words of people (``plan_of``); ``since``: seconds since 1970. Raises InvalidParameter."""

    spec: ModelSpec
    plan: Mapping[str, Any]
    every_s: float
    who: str
    why: str
    since: float

    def __post_init__(self) -> None:
        if not LEAST_S <= self.every_s <= MOST_S:
            raise InvalidParameter(f"every={self.every_s:g} s: from {LEAST_S:g} s to {MOST_S / 86_400:g} days")


class FollowFile:
    """Where it is kept, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Followed | None:
        """What was followed; None for nothing. A file that cannot be read is set aside, and the log says so."""
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            spec = ModelSpec(known["model_id"], known["revision"], known["options"])
            plan = dict(known["plan"])
            return Followed(spec, plan, float(known["every_s"]), known["who"], known["why"], float(known["since"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SegueError) as error:
            _LOG.error("%s cannot be read, so nothing is followed: %s", self.path, error)
            with suppress(OSError):
                self.path.replace(self.path.with_suffix(".damaged.json"))
            return None

    def write(self, followed: Followed | None) -> None:
        """Keep it; None: nothing is followed. Raises StoreError."""
        try:
            if followed is None:
                self.path.unlink(missing_ok=True)
                return
            spec = followed.spec
            known = {
                "model_id": spec.model_id,
                "revision": spec.revision,
                "options": dict(spec.options),
                "plan": dict(followed.plan),
                "every_s": followed.every_s,
                "who": followed.who,
                "why": followed.why,
                "since": followed.since,
            }
            handle, temporary = tempfile.mkstemp(prefix=".follow-", dir=self.path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(known, file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, self.path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written ({error.strerror or error}): make room, mend the rights"
            ) from error
