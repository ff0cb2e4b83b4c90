"""What a name means. What is done with it then is in test_resolver.py."""

from pathlib import Path

import pytest

from segue.errors import InvalidModelID, ModelNotFound
from segue.hub.catalog import CATALOG
from segue.hub.origin import HuggingFaceRepo, ModelScopeRepo
from segue.hub.target import as_directory, decide, did_you_mean

ID = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"


def test_an_alias_means_the_catalogues_model_with_its_pins() -> None:
    """The alias and the ID are one target, and its revision may be named."""
    target = decide("fsmn-vad", None, CATALOG)
    assert (target.model_id, bool(target.pins), len(target.origins)) == (ID, True, 3)
    assert decide(ID, target.revision, CATALOG) == target
    assert str(target) == f"{ID}@{target.revision}"


def test_another_revision_of_a_known_model_is_asked_of_its_hub_alone() -> None:
    """Without the pins, which are of other content."""
    target = decide("fsmn-vad@v9", None, CATALOG)
    assert (target.pins, target.origins) == ({}, (ModelScopeRepo(ID, "v9"),))


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("some/one", ModelScopeRepo("some/one", "master")),
        ("some/one@v1", ModelScopeRepo("some/one", "v1")),
        ("hf:some/one", HuggingFaceRepo("some/one", "main")),
    ],
)
def test_an_unknown_id_means_one_hub(text: str, origin: ModelScopeRepo | HuggingFaceRepo) -> None:
    """With the branch that this hub takes for none, and no pins."""
    target = decide(text, None, CATALOG)
    assert (target.origins, target.revision, target.pins) == ((origin,), origin.revision, {})


def test_what_contradicts_itself_or_is_no_alias_is_refused() -> None:
    """The message names what is close."""
    with pytest.raises(InvalidModelID, match="contradict"):
        decide("some/one@v1", "v2", CATALOG)
    with pytest.raises(InvalidModelID, match="did you mean iic"):
        decide("fsmn-vat", None, CATALOG)
    assert did_you_mean(()) == ""


def test_a_directory_is_one_unless_a_known_name_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that leads nowhere is an error, an ID is none."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "fsmn-vad"):
        (tmp_path / name).mkdir()
    assert as_directory("mine", CATALOG) == Path("mine")
    assert as_directory("fsmn-vad", CATALOG) is None
    assert as_directory("./fsmn-vad", CATALOG) == Path("./fsmn-vad")
    assert as_directory("some/one", CATALOG) is None
    with pytest.raises(ModelNotFound):
        as_directory("./none", CATALOG)
