"""The hub Hugging Face: what its client is told."""

import math
import os
from pathlib import Path

from segue.hub.child import ANSWER_FACTOR, Hub


def _environment(scratch: Path, connect_timeout_s: float) -> dict[str, str]:
    """The user's environment, HF_ENDPOINT, HF_HOME and HF_TOKEN with it; but its caches are the child's own."""
    wait_s = str(math.ceil(connect_timeout_s * ANSWER_FACTOR))
    environment = {"HF_HUB_DOWNLOAD_TIMEOUT": wait_s, "HF_HUB_ETAG_TIMEOUT": wait_s}
    environment.update(os.environ)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ASSETS_CACHE", "HF_XET_CACHE"):
        environment[name] = str(scratch / name.lower())
    # Xet is made for files of gigabytes, keeps a cache and threads of its own, and may hand out bytes by another way
    # than the one that is tested here; plain HTTP is always there.
    environment.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    return environment


HUGGING_FACE = Hub(
    name="Hugging Face",
    module="huggingface_child",
    package="huggingface_hub",
    extra="huggingface",
    login="set HF_TOKEN to a token that may read it",
    environment=_environment,
)
