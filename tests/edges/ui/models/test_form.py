"""What stays on the tab while the rest changes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.edges.ui.models.form import default_model, known_models, login, whole
from segue.hub import CATALOG
from tests.edges.http.service import LoudService, loud_service, model
from tests.edges.ui.models.seen import CHINESE, ENGLISH

DEFAULT = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LoudService]:
    with loud_service(tmp_path / "home") as made:
        yield made


def test_the_default_is_in_it_and_what_is_known_is_offered(service: LoudService, tmp_path: Path) -> None:
    """The default first, then the catalogue with its revisions, and what was served, wherever it came from."""
    directory = model(tmp_path, "a")
    service.serve(directory)
    models = known_models(service)
    assert next(iter(models)) == default_model(service) == DEFAULT
    assert {known.model_id for known in CATALOG.models} <= set(models)
    assert models[DEFAULT] == ["v2.0.4"]
    assert str(directory) in models
    told = whole(service, ENGLISH)
    assert re.search(rf'<input id="models-model" name="model" value="{DEFAULT}" list="models-known"', told)
    assert f'<option value="{directory}">' in told
    assert 'placeholder="v2.0.4"' in told


@pytest.mark.parametrize("setting", ["fsmn-vad", "me/one@v1", "directory"])
def test_the_default_is_as_one_would_write_it(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alias by its ID, a directory by its absolute path, another ID as it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory").mkdir()
    expected = {"fsmn-vad": DEFAULT, "directory": str(tmp_path / "directory")}.get(setting, setting)
    with loud_service(tmp_path / "home", model=setting) as made:
        assert default_model(made) == expected


def test_every_field_has_its_label(service: LoudService) -> None:
    """Each input is labelled by its own ID, or is inside of its label; no two have one ID."""
    for told in (str(login(ENGLISH)), str(whole(service, CHINESE))):
        fields = re.findall(r"<input [^>]*>", told)
        ids = re.findall(r'<(?:input|datalist)[^>]*? id="([\w-]+)"', told)
        assert len(ids) == len(set(ids))
        for field in fields:
            name = re.search(r' id="([\w-]+)"', field)
            assert (name and f'<label for="{name[1]}">' in told) or f'<label class="check">{field}' in told
        assert fields


def test_there_is_a_place_for_each_part(service: LoudService) -> None:
    """And who has not given the token gets none of them."""
    told = whole(service, ENGLISH)
    assert sorted(re.findall(r'data-part="(\w+)"', told)) == ["change", "history", "rollout", "serving", "versions"]
    assert "data-part" not in login(ENGLISH)


def test_a_store_that_cannot_be_read_costs_only_its_models(service: LoudService) -> None:
    """The rest is offered all the same."""
    refs = service.home.directory / "models" / "refs"
    refs.parent.mkdir(parents=True, exist_ok=True)
    refs.write_text("no directory")
    assert DEFAULT in known_models(service)
