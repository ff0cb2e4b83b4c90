"""Where a version runs: in the service, or in a process of its own. An option of the version, beside its parameters."""

from collections.abc import Mapping

from segue.errors import InvalidParameter

OPTION = "isolate"


def is_isolated(options: Mapping[str, object], *, default: bool = False) -> bool:
    """Whether a version with these options runs in a process of its own. Raises InvalidParameter."""
    value = options.get(OPTION, default)
    if not isinstance(value, bool):
        raise InvalidParameter(f"{OPTION}={value!r}: true (in a process of its own) or false (in that of the service)")
    return value


def parameters(options: Mapping[str, object]) -> dict[str, object]:
    """The decision parameters among a version's options, mode and preset included: all but where it runs."""
    return {name: value for name, value in options.items() if name != OPTION}
