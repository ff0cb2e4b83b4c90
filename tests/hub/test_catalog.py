"""What is known, and what a name means."""

import pytest

from segue.hub.catalog import CATALOG, Catalog, KnownModel
from segue.hub.digests import is_sha256, model_digest
from segue.hub.names import check_model_id, is_revision, parse_model

ID = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"


@pytest.mark.parametrize("name", [ID, "fsmn-vad", "damo/speech_fsmn_vad_zh-cn-16k-common-pytorch", "funasr/fsmn-vad"])
def test_every_name_of_the_default_model_means_it(name: str) -> None:
    """The ID, the old ID, the Hugging Face name and the alias are one model, at its pinned revision."""
    known = CATALOG.lookup(name)
    assert known is not None
    assert (known.model_id, known.revision, known.sample_rate) == (ID, "v2.0.4", 16_000)
    assert len(known.pins) == 4


def test_the_8_khz_sister_is_known_and_not_pinned() -> None:
    """Its rate is 8 kHz and its digests are recorded at first use."""
    known = CATALOG.lookup("iic/speech_fsmn_vad_zh-cn-8k-common")
    assert known is not None
    assert known.sample_rate == 8_000
    assert known.pins == {}


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("fsmn-vda", ID),
        ("iic/fsmn-vad", ID),
        ("iic/speech_fsmn_vad_zh-cn-16k-common", ID),
        ("IIC/speech_fsmn_vad_zh-cn-8k-comon", "iic/speech_fsmn_vad_zh-cn-8k-common"),
    ],
)
def test_a_slip_is_close_to_what_was_meant(slip: str, meant: str) -> None:
    """What was meant is among the few names that are suggested."""
    assert CATALOG.lookup(slip) is None
    assert meant in CATALOG.close_names(slip)


def test_nothing_is_close_to_another_model_altogether() -> None:
    """No suggestion is better than a wrong one."""
    assert CATALOG.close_names("qwen/Qwen3-8B") == []


@pytest.mark.parametrize("known", CATALOG.models, ids=lambda known: known.model_id)
def test_the_catalogue_is_well_formed(known: KnownModel) -> None:
    """IDs, aliases, revisions and pins are valid, no two models share a name, and the files make a whole model."""
    check_model_id(known.model_id)
    assert is_revision(known.revision)
    assert all(parse_model(alias) == (alias, None) for alias in known.aliases)
    assert all(is_sha256(pin) for pin in known.pins.values())
    assert not known.layout.lacks(known.files)
    assert sum(len(set(known.names) & set(other.names)) > 0 for other in CATALOG.models) == 1


def test_any_complete_copy_of_a_pinned_release_has_its_digest() -> None:
    """The wheel's four files, ModelScope's three, and a stray configuration.json beside them are the same model."""
    pins = CATALOG.models[0].pins
    three = {name: sha256 for name, sha256 in pins.items() if name != "model.onnx"}
    assert CATALOG.digest_of(three) == CATALOG.digest_of(pins) == model_digest(pins)
    assert CATALOG.digest_of({**three, "configuration.json": "0" * 64}) == model_digest(pins)


def test_other_content_has_a_digest_of_its_own() -> None:
    """One byte changed, or a file missing, is not the pinned release."""
    pins = CATALOG.models[0].pins
    changed = {**pins, "config.yaml": "0" * 64}
    incomplete = {name: sha256 for name, sha256 in pins.items() if name != "am.mvn"}
    assert len({CATALOG.digest_of(files) for files in (pins, changed, incomplete)}) == 3
    assert Catalog(()).digest_of(pins) == model_digest(pins)
