"""Names of files as text that can be printed. A name may hold any bytes, line breaks and escape codes among them."""

import re


def legible(name: str) -> str:
    r"""Valid text: bytes that are no UTF-8 (surrogates, as Python reads them) become ``\xe9``."""
    text = re.sub(r"[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", name)
    return text.encode("utf-8", "backslashreplace").decode()


def printable(name: str) -> str:
    r"""Valid text of one line that cannot move a cursor: line breaks and control characters become ``\n``, ``\x1b``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in legible(name))


def without_blanks(name: str) -> str:
    """Valid text that is one field where fields are separated by blanks: each blank becomes ``_``."""
    return re.sub(r"\s", "_", legible(name)) or "_"
