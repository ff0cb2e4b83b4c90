"""Which files of a model matter, and when a copy is complete. A value, so that other kinds of model bring their own."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from segue.errors import DigestMismatch, ModelIncomplete


@dataclass(frozen=True, slots=True)
class Layout:
    """A copy is complete when it has every ``required`` file and, if ``any_of`` is not empty, one file of that."""

    required: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every file that matters. Nothing else is fetched, hashed or kept."""
        return self.required + self.any_of + self.optional

    def lacks(self, present: Collection[str]) -> str:
        """What is missing from a copy with these files, in words; empty when the copy is complete."""
        missing = [name for name in self.required if name not in present]
        if self.any_of and not any(name in present for name in self.any_of):
            missing.append(" or ".join(self.any_of))
        return ", ".join(missing)

    def choose(self, offered: Mapping[str, str | None], *, pins: Mapping[str, str], where: str) -> list[str]:
        """The files to take from a copy that offers ``offered`` (name -> SHA-256, or None when it is not known).

        With ``pins`` only pinned files count, and those that differ are left out as long as the rest is complete: a
        user's own export beside the original weights must not spoil them. Raises DigestMismatch or ModelIncomplete.
        """
        here = [name for name in self.names if name in offered and (not pins or name in pins)]
        differing = [name for name in here if pins and offered[name] not in (None, pins[name])]
        chosen = [name for name in here if name not in differing]
        missing = self.lacks(chosen)
        if missing and differing:
            raise DigestMismatch(f"{where}: {', '.join(differing)} is not the file that is pinned; not used")
        if missing:
            raise ModelIncomplete(f"{where} has no {missing}; a model needs {self}")
        return chosen

    def __str__(self) -> str:
        either = [" or ".join(self.any_of)] if self.any_of else []
        return ", ".join([*self.required, *either])
