"""Which hub a repository is on."""

from segue.hub.hubs import hub_of
from segue.hub.origin import HuggingFaceRepo, ModelScopeRepo


def test_each_kind_of_repository_has_its_hub() -> None:
    """The client that is started is that hub's own."""
    assert hub_of(ModelScopeRepo("some/one", "master")).package == "modelscope_hub"
    assert hub_of(HuggingFaceRepo("some/one", "main")).package == "huggingface_hub"
