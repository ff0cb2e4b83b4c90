"""config.yaml and am.mvn: what they say of a model, or a refusal in one line."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.errors import ModelError, ModelIncomplete, ModelInvalid, ModelUnsupported
from segue.models.fsmn_config import read_config
from segue.speech.features import Frontend
from tests.models.networks import Network, edit, write_network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return write_network(tmp_path_factory.mktemp("models") / "8k")


def test_what_a_directory_says_is_read(network: Network) -> None:
    """Front end, normalisation, layers and classes are those that were written."""
    config = read_config(network.directory)
    assert config.frontend == network.frontend
    np.testing.assert_array_equal(config.cmvn.shift, network.cmvn.shift)
    np.testing.assert_array_equal(config.cmvn.scale, network.cmvn.scale)
    assert (config.layers, config.silence_classes) == (2, (0,))


def test_the_default_models_own_files_are_read(model_directory: Path) -> None:
    """FunASR's own two files are no exception to any rule here."""
    config = read_config(model_directory)
    assert (config.frontend, config.layers, config.silence_classes) == (Frontend(), 4, (0,))
    assert config.cmvn.shift.shape == (400,)


def test_the_models_rules_come_from_its_config(network: Network, tmp_path: Path) -> None:
    """Decision parameters of config.yaml are the rules' own layer; FunASR's own ignored ones do not disturb."""
    edit(network, tmp_path, lambda c: c["model_conf"].update(max_end_silence_time=700, fe_prior_thres=0.1, snr_mode=0))
    rules = read_config(tmp_path).rules
    assert rules.max_end_silence_time == 700
    assert rules.sources()["max_end_silence_time"] == "model"


def refusal(directory: Path, kind: type[ModelError]) -> str:
    """The message with which ``directory`` is refused: of this very class, and one line."""
    with pytest.raises(ModelError) as caught:
        read_config(directory)
    assert type(caught.value) is kind, caught.value
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("name", ["config.yaml", "am.mvn"])
def test_a_missing_file_is_named(network: Network, tmp_path: Path, name: str) -> None:
    """A directory without one of its files is incomplete, and the message says which."""
    shutil.copytree(network.directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).unlink()
    assert name in refusal(tmp_path, ModelIncomplete)


BAD_YAML: Mapping[str, bytes] = {
    "unclosed": b"frontend_conf: {fs: 16000",
    "tabs": b"a:\n\t- b",
    "not UTF-8": b"a: \xff\xfe\x00",
    "a bool that is none": b"a: !!bool maybe",
    "a number without digits": b"a: !!int ''",
    "a date that is none": b"a: !!timestamp soon",
    "a float in base 60, too large": b"a: 1" + b":59" * 20_000 + b".5",
    "an impossible date": b"a: 2024-13-32",
    "nested too deep": b"[" * 20_000,
    "a number in base 60, of megabytes": b"a: 1" + b":1" * 500_000,
    "longer than any": b"# " + b"x" * 70_000,
    "an alias": b"a: &a [1]\nb: *a",
    "a billion laughs": b"a0: &a0 [x]\n"
    + b"".join(b"a%d: &a%d [*a%d,*a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 60)),
    "merged a billion times": b"a0: &a0 {x: 1}\n"
    + b"".join(b"a%d: &a%d {<<: [*a%d, *a%d]}\n" % (i, i, i - 1, i - 1) for i in range(1, 60)),
    "an object": b"!!python/object/apply:os.system ['true']",
    "a list": b"- 1",
    "nothing": b"",
    "a section that is a list": b"frontend_conf: [1]",
    "a section without content": b"model_conf:",
}


@pytest.mark.parametrize("content", BAD_YAML)
def test_a_damaged_config_is_refused(network: Network, tmp_path: Path, content: str) -> None:
    """A config.yaml that is no YAML, or no FunASR configuration, or could fill the memory, is invalid; nothing in it
    runs."""
    shutil.copytree(network.directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.yaml").write_bytes(BAD_YAML[content])
    assert "config.yaml" in refusal(tmp_path, ModelInvalid)


def test_keys_that_are_no_text_do_not_disturb(network: Network, tmp_path: Path) -> None:
    """A config.yaml may have keys that Segue does not know, of any type."""
    unknown: list[Any] = [2, None, "x_conf"]
    edit(network, tmp_path, lambda c: c.update(dict.fromkeys(unknown)))
    assert read_config(tmp_path).frontend.sample_rate == 8_000


UNSUPPORTED: Mapping[str, tuple[str, dict[str, object]]] = {
    "a gate on loudness": ("model_conf", {"decibel_thres": -40}),
    "a gate on the SNR": ("model_conf", {"snr_thres": 5.0}),
    "a gate that is no number": ("model_conf", {"decibel_thres": "loud"}),
    "a gate that is NaN": ("model_conf", {"decibel_thres": float("nan")}),
    "every second frame": ("frontend_conf", {"lfr_n": 2}),
    "another window": ("frontend_conf", {"window": "hanning"}),
    "dither": ("frontend_conf", {"dither": 1.0}),
    "samples not scaled": ("frontend_conf", {"upsacle_samples": False}),
    "frames beyond the ends": ("frontend_conf", {"snip_edges": False}),
    "an even number stacked": ("frontend_conf", {"lfr_m": 4}),
    "frames that leave gaps": ("frontend_conf", {"frame_shift": 30}),
    "frames of half samples": ("frontend_conf", {"fs": 22_050}),
    "memory of the future": ("encoder_conf", {"rorder": 1}),
    "memory with strides": ("encoder_conf", {"lstride": 2}),
}


@pytest.mark.parametrize("wish", UNSUPPORTED)
def test_what_is_not_implemented_is_refused(network: Network, tmp_path: Path, wish: str) -> None:
    """A configuration that would need another front end, network or gate is refused by name, never run differently."""
    section, values = UNSUPPORTED[wish]
    edit(network, tmp_path, lambda c: c[section].update(values))
    message = refusal(tmp_path, ModelUnsupported)
    assert str(next(iter(values.values()))) in message


INVALID: Mapping[str, tuple[str, dict[str, object]]] = {
    "rate": ("frontend_conf", {"fs": "16k"}),
    "rate too high": ("frontend_conf", {"fs": 10**12}),
    "rate true": ("frontend_conf", {"fs": True}),
    "no mel bands": ("frontend_conf", {"n_mels": 0}),
    "other mel bands": ("frontend_conf", {"n_mels": 9}),
    "half a millisecond": ("frontend_conf", {"frame_shift": 0.5}),
    "length null": ("frontend_conf", {"frame_length": None}),
    "layers as text": ("encoder_conf", {"fsmn_layers": "four"}),
    "no layers": ("encoder_conf", {"fsmn_layers": 0}),
    "a billion layers": ("encoder_conf", {"fsmn_layers": 10**9}),
    "silence below them": ("model_conf", {"sil_pdf_ids": [-1]}),
    "no silence": ("model_conf", {"sil_pdf_ids": []}),
    "silence as a number": ("model_conf", {"sil_pdf_ids": 0}),
    "silence as text": ("model_conf", {"sil_pdf_ids": ["0"]}),
    "a parameter as text": ("model_conf", {"max_end_silence_time": "soon"}),
    "a parameter out of range": ("model_conf", {"window_size_ms": -5}),
}


@pytest.mark.parametrize("mistake", INVALID)
def test_an_impossible_config_is_refused(network: Network, tmp_path: Path, mistake: str) -> None:
    """A value of a wrong type, out of range, or that am.mvn contradicts is invalid, and named."""
    section, values = INVALID[mistake]
    edit(network, tmp_path, lambda c: c[section].update(values))
    message = refusal(tmp_path, ModelInvalid)
    assert str(tmp_path) in message


def test_another_kind_of_model_is_refused(network: Network, tmp_path: Path) -> None:
    """A directory with another network of FunASR's is not an FSMN-VAD, and is told by its name."""
    edit(network, tmp_path, lambda c: c.update(model="Paraformer"))
    assert "Paraformer" in refusal(tmp_path, ModelUnsupported)


BAD_MVN: Mapping[str, str] = {
    "too short": "<AddShift> [ 1 2 ] <Rescale> [ 1 2 ]",
    "one vector": "<AddShift> [ 1 2 ]",
    "text": "<AddShift> [ a b ] <Rescale> [ 1 2 ]",
    "empty": "",
    "NaN": f"<AddShift> [ {'nan ' * 24} ] <Rescale> [ {'1 ' * 24} ]",
    "infinite": f"<AddShift> [ {'1 ' * 24} ] <Rescale> [ {'inf ' * 24} ]",
    "not ASCII": "ü",
    "only opening brackets": "[" * 100_000,
    "longer than any": " " * 9_000_000,
}


@pytest.mark.parametrize("content", BAD_MVN)
def test_a_damaged_normalisation_is_refused(network: Network, tmp_path: Path, content: str) -> None:
    """An am.mvn of another length, or that holds no finite numbers, is invalid."""
    shutil.copytree(network.directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / "am.mvn").write_text(BAD_MVN[content], encoding="utf-8")
    assert "am.mvn" in refusal(tmp_path, ModelInvalid)


def test_a_front_end_of_gigabytes_is_refused(network: Network, tmp_path: Path) -> None:
    """Numbers that are each accepted, and together make a filter matrix of 1 GB, are refused before it is made."""
    large = {"fs": 192_000, "frame_length": 1_000, "frame_shift": 10, "n_mels": 1_000, "lfr_m": 1}
    edit(network, tmp_path, lambda c: c["frontend_conf"].update(large))
    assert "131073 x 1000" in refusal(tmp_path, ModelUnsupported)
