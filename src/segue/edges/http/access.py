"""Who may: the bearer token, always for control; for detection only where the service is not open."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from segue.service.caller import client_of
from segue.speech.names import printable

if TYPE_CHECKING:
    from segue.service import Service

_LONGEST_WHO = 100

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="The content of `$SEGUE_HOME/token`.")
_Given = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]


def service_of(request: Request) -> "Service":
    """The service that the app was built for."""
    service: Service = request.app.state.service
    return service


def who_of(request: Request) -> str:
    """Whom the history names: ``X-Segue-Who``, where it can be printed; else the address."""
    given = request.headers.get("x-segue-who", "").encode("latin-1").decode("utf-8", "replace").strip()
    if given and len(given) <= _LONGEST_WHO and printable(given) == given:
        return given
    return f"http {client_of(request.scope)}"


async def _control(request: Request, given: _Given) -> None:
    service_of(request).access.control(given.credentials if given else None)


async def _detection(request: Request, given: _Given) -> None:
    service_of(request).access.detection(given.credentials if given else None)


for_control = Depends(_control)
for_detection = Depends(_detection)
