"""What shows the server that one may control it, and who says so. A token never gets into a message."""

import getpass
import os
import re
import socket
from typing import NamedTuple

from segue.errors import InvalidParameter
from segue.settings import Settings

_LONGEST_WHO = 128


class Token(NamedTuple):
    """``text`` is empty where there is none. ``explained`` says which it is, or why there is none; never what it is."""

    text: str
    explained: str

    def __repr__(self) -> str:
        return f"<Token: {self.explained}>"


def find_token(given: str | None, settings: Settings, *, is_here: bool) -> Token:
    """The token given, else the setting, else, for a server on this machine, the one in its home.

    A file that cannot be read is no error: what is open needs no token. Raises InvalidParameter for what cannot be one.
    """
    path = settings.home / "token"
    if given:
        return _checked(given, "the token sent is the one that was given")
    if settings.token:
        return _checked(settings.token, "the token sent is that of the setting token (SEGUE_TOKEN)")
    if not is_here:
        return Token("", "none was sent: put what the file token of the server's SEGUE_HOME holds into SEGUE_TOKEN")
    try:
        return _checked(path.read_text(encoding="utf-8"), f"the token sent is that of {path}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        return Token("", f"none was sent, for {path} cannot be read ({reason}): set SEGUE_TOKEN, or the SEGUE_HOME")


def _checked(text: str, explained: str) -> Token:
    text = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise InvalidParameter(f"{explained}, and cannot be one: letters, digits and signs on one line are")
    return Token(text, explained)


def whoami() -> str:
    """``user@host``: what the history says of changes."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run as a user without a name
        user = f"user-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"[:_LONGEST_WHO]


def header_text(text: str) -> str:
    r"""What a header can hold: other characters become ``\xe9``, ``\n``."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in text).strip()
