"""Who may: with the token everything; without it detection, where the service is open."""

from segue.errors import Unauthorized
from segue.service.home import same

_SEND = "send Authorization: Bearer TOKEN"


class Access:
    """One service's doors. Immutable; safe for threads; tokens are compared in constant time.

    ``is_open``: whether detection needs no token. ``send``, where it is asked for: how a token reaches that door.
    """

    def __init__(self, token: str, *, is_open: bool) -> None:
        self._token = token
        self.is_open = is_open

    def control(self, given: str | None, *, send: str = _SEND) -> None:
        """Let in who may see and change what serves. Raises Unauthorized."""
        if not same(given, self._token):
            raise Unauthorized(
                f"the token is {'wrong' if given else 'missing'}: {send}, "
                "with the content of $SEGUE_HOME/token on the server's machine"
            )

    def detection(self, given: str | None, *, send: str = _SEND) -> None:
        """Let in who may have speech detected. Raises Unauthorized."""
        if not self.is_open:
            self.control(given, send=send)
