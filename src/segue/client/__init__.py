"""How a command speaks with a running service: over HTTP, with its token, and one clear error for whatever goes wrong.

Top to bottom: address (which server is meant) -> token (what shows that one may) -> recording (the body of a detect)
-> client (one request and its answer) -> failure (why there was none).
"""

from segue.client.address import DEFAULT_URL
from segue.client.client import READ_TIMEOUT_S, Client

__all__ = ["DEFAULT_URL", "READ_TIMEOUT_S", "Client"]
