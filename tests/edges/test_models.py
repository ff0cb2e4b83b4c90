"""``segue models``, on a store of its own that holds the default model."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segue.edges.models import models
from segue.errors import InvalidModelID, ModelNotFound, OriginUnavailable
from segue.hub import CATALOG, Store
from tests.hub.loopback import Hub, model_files

KNOWN = CATALOG.models[0]


@pytest.fixture
def store(tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    store = Store(tmp_path / "models")
    with store.stage() as staged:
        for file in model_directory.iterdir():
            (staged / file.name).write_bytes(file.read_bytes())
        store.install(KNOWN.model_id, KNOWN.revision, source=staged, layout=KNOWN.layout, origin="test")
    return store


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments)


def test_list_shows_the_store_and_the_catalogue(store: Store) -> None:
    """The list has each model of the store with its digest, and those of the catalogue that are not here."""
    lines = run("list").output.splitlines()
    (here,) = (line for line in lines if KNOWN.model_id in line)
    assert {"fsmn-vad", "v2.0.4", "yes"} <= set(here.split())
    (other,) = (line for line in lines if "fsmn-vad-8k" in line)
    assert "no" in other.split()
    rows = json.loads(run("list", "--json").output)
    assert [row["in_store"] for row in rows] == [True, False]
    assert rows[0]["digest"] == store.models()[0].digest


def test_an_empty_store_is_listed_and_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any model the list is the catalogue, and verify says that there is none, and makes no directory."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    assert not any(row["in_store"] for row in json.loads(run("list", "--json").output))
    verified = run("verify")
    assert (verified.exit_code, list(tmp_path.iterdir())) == (0, [])
    assert "no models" in verified.output


def test_pull_of_what_is_here_asks_nobody(store: Store) -> None:
    """Pulling a model that is in the store prints where it is, at once."""
    pulled = run("pull", "fsmn-vad")
    assert pulled.exit_code == 0, pulled.output
    assert str(store.models()[0].directory) in pulled.output


def test_a_pull_that_stands_still_says_nothing_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing comes nothing new is said, and at its deadline it ends."""
    del store
    with Hub() as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("SEGUE_FETCH_TIMEOUT_S", "8")
        hub.models["iic/slow"] = {"v1": model_files()}
        hub.faults.stall.add("model.pt")
        pulled = run("pull", "iic/slow@v1")
    assert isinstance(pulled.exception, OriginUnavailable)
    lines = pulled.output.splitlines()
    assert sum("downloading" in line for line in lines) == 1, lines
    assert len(set(lines)) == len(lines), lines


def test_verify_finds_a_changed_byte(store: Store) -> None:
    """A whole store is as recorded; one changed byte is named, with what mends it, and CLI status 1."""
    assert "as recorded" in run("verify", "fsmn-vad").output
    weights = store.models()[0].directory / "am.mvn"
    weights.chmod(0o644)
    content = bytearray(weights.read_bytes())
    content[100] ^= 1
    weights.write_bytes(content)
    finished = CliRunner().invoke(models, ["verify"], standalone_mode=False)
    assert finished.return_value == 1
    assert "am.mvn has other bytes" in finished.output
    assert "segue models remove" in finished.output


@pytest.mark.parametrize("name", ["fsmn-vad-8k", "fsmn-vad@v9"])
def test_verify_of_what_is_not_here_fails(store: Store, name: str) -> None:
    """A model that is named and not here is no success: CLI status 1, and how to get it."""
    finished = CliRunner().invoke(models, ["verify", name], standalone_mode=False)
    assert finished.return_value == 1
    assert f"is not on this machine; segue models pull {name}" in finished.output
    assert store.models()


def test_no_id_is_cut_at_80_columns(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns an ID goes on in the next line; nothing of it is left out."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    output = run("list").output
    assert "…" not in output
    assert "mmon-pytorch" in output
    assert store.models()


def test_remove_asks_first(store: Store) -> None:
    """Without a terminal to ask on, remove wants --yes and deletes nothing."""
    refused = run("remove", "fsmn-vad")
    assert refused.exit_code == 2
    assert "--yes" in refused.output
    assert store.models()


def test_remove_deletes_the_files(store: Store) -> None:
    """With --yes the model is gone; removing it again says that it is not there."""
    assert run("remove", "fsmn-vad", "--yes").exit_code == 0
    assert not store.models()
    assert isinstance(run("remove", "fsmn-vad", "--yes").exception, ModelNotFound)


@pytest.mark.parametrize(
    ("name", "error"), [("nobody/nothing", ModelNotFound), ("a b", InvalidModelID), ("x/y@v1", ModelNotFound)]
)
def test_a_model_that_is_not_here_cannot_be_removed(store: Store, name: str, error: type[Exception]) -> None:
    """Unknown and impossible names are each their own error, and nothing is deleted."""
    assert isinstance(run("remove", name, "--yes").exception, error)
    assert store.models()


def test_quantize_prints_what_it_costs(store: Store) -> None:
    """A table of decisions, size and speed; the name that it prints is in the list and passes verify."""
    made = run("quantize", "fsmn-vad", "--name", "me/small@v1")
    assert made.exit_code == 0, made.output
    for said in (
        "me/small@v1",
        "no speech (--clips DIR",
        "frames decided otherwise",
        "F1 against",
        "-> 47",
        "real time",
    ):
        assert said in made.output
    assert "me/small@v1  as recorded" in run("verify", "me/small@v1").output
    assert {row["id"] for row in json.loads(run("list", "--json").output) if row["in_store"]} == {
        KNOWN.model_id,
        "me/small",
    }
    assert len(store.models()) == 2


def test_quantize_prints_json(store: Store, tmp_path: Path) -> None:
    """One object with every figure; nothing comes into the store when a directory is given."""
    made = CliRunner().invoke(models, ["quantize", "--out", str(tmp_path / "out"), "--json"])
    row = json.loads(made.stdout)
    assert row["model"] == str(tmp_path / "out")
    assert 0 < row["frames_otherwise"] < row["frames"] / 20
    assert row["bytes_after"] < row["bytes_before"] / 3
    assert len(store.models()) == 1
