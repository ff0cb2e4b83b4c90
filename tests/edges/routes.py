"""The table of routes of an app: what tests of every route walk over."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Mount

MISSING = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One address; ``method`` is WS for a WebSocket."""

    method: str
    path: str

    @property
    def filled(self) -> str:
        """The path with something in place of what is variable."""
        return MISSING.sub("x", self.path.replace("{language}", "en"))


def every_route(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[Route]:
    """Each, those of routers that were included and of what is mounted too."""
    for route in routes:
        inside = getattr(route, "original_router", None)  # how newer FastAPI keeps what was included
        path = prefix + getattr(route, "path", "")
        if isinstance(route, Mount):
            yield from every_route(route.routes, path)
            yield Route("GET", f"{path}/{{path}}")
        elif inside is not None:
            yield from every_route(inside.routes, prefix)
        elif "websocket" in type(route).__name__.lower():
            yield Route("WS", path)
        else:
            for method in sorted(getattr(route, "methods", None) or ("GET",)):
                yield Route(method, path)
