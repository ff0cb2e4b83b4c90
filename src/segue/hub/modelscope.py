"""The hub ModelScope: what its client is told."""

import math
import os
from pathlib import Path

from segue.hub.child import ANSWER_FACTOR, Hub


def _environment(scratch: Path, connect_timeout_s: float) -> dict[str, str]:
    """The user's environment, with a cache of the child's own, and fewer retries than the client's unless set."""
    environment = {
        "MODELSCOPE_API_CONNECT_TIMEOUT": str(math.ceil(connect_timeout_s)),
        "MODELSCOPE_API_MAX_RETRIES": "1",
        "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "2",
        "MODELSCOPE_REPO_TREE_PAGE_RETRY_MAX_DELAY_SECONDS": "5",  # though the hub asks for an hour
        "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "2",
        "MODELSCOPE_DOWNLOAD_RETRY_MAX_DELAY_SECONDS": "5",
        "MODELSCOPE_DOWNLOAD_TIMEOUT": str(math.ceil(connect_timeout_s * ANSWER_FACTOR)),
    }
    environment.update(os.environ)
    # We lock by ourselves, and the user's cache is only read.
    environment.update(MODELSCOPE_CACHE=str(scratch), MODELSCOPE_DOWNLOAD_FILE_LOCK="false")
    return environment


MODELSCOPE = Hub(
    name="ModelScope",
    module="modelscope_child",
    package="modelscope_hub",
    extra="",
    login="log in with the modelscope command first",
    environment=_environment,
)
