"""Which hub a repository is on."""

from segue.hub.child import Hub
from segue.hub.huggingface import HUGGING_FACE
from segue.hub.modelscope import MODELSCOPE
from segue.hub.origin import HubRepo, ModelScopeRepo


def hub_of(repo: HubRepo) -> Hub:
    """What drives that hub's client."""
    return MODELSCOPE if isinstance(repo, ModelScopeRepo) else HUGGING_FACE
