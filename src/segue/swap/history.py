"""The routes that rollback goes to, the next one last. Pure functions on tuples.

1. A settled route (nothing on trial) that is left by a switch is remembered; a trial is passed through, so a rollback
   in the middle of one goes to what served before it.
2. A trial that ends where it began leaves no trace.
3. Going back forgets the route left: a second rollback goes one further back, never forth and back.
"""

from collections.abc import Callable, Iterator

from segue.swap.route import Route
from segue.swap.spec import VersionId

LONGEST = 16
"""Routes remembered. Every row of the journal that speaks of a route holds them all."""


def after_switch(back: tuple[Route, ...], left: Route | None, entered: Route) -> tuple[Route, ...]:
    """The history after a switch from one route to another."""
    if left is None or left == entered:
        return back
    if not left.is_trial:
        return (*back, left)[-LONGEST:]  # rule 1
    return back[:-1] if back[-1:] == (entered,) else back  # rule 2


def ways_back(
    back: tuple[Route, ...], usable: Callable[[VersionId], bool]
) -> Iterator[tuple[Route, tuple[Route, ...]]]:
    """(route, the history once it is installed), nearest first, of routes whose versions are all ``usable``."""
    for at in range(len(back) - 1, -1, -1):
        if all(usable(version) for version in back[at].versions):
            yield back[at], back[:at]  # rule 3
