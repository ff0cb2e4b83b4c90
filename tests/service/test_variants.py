"""The int8 variant of a model: a model of its own, its origin on it, its licence with it; or nothing is left."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from segue import service
from segue.errors import AudioNotFound, InvalidParameter, ModelNotFound, ModelUnsupported, StoreError
from segue.hub import Store
from segue.service.variants import Int8Variant, quantize
from segue.settings import Settings
from segue.speech.scorer import Samples
from tests.models.networks import Network, write_network


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def network(tmp_path: Path) -> Network:
    network = write_network(tmp_path / "my model")
    (network.directory / "LICENSE.txt").write_text("do as you like", encoding="utf-8")
    (network.directory / "NOTICE").write_text("made by somebody", encoding="utf-8")
    (network.directory / "secrets.txt").write_text("not to be passed on", encoding="utf-8")
    return network


def clips(directory: Path, speech: Samples, number: int) -> Path:
    directory.mkdir()
    for i in range(number):
        soundfile.write(directory / f"{i}.wav", speech[i * 48_000 : (i + 1) * 48_000], 16_000)
    (directory / "notes.txt").write_text("no recording", encoding="utf-8")
    return directory


def test_the_store_has_a_model_of_its_own(settings: Settings, network: Network) -> None:
    """It is in the store under a name with its digest, found without a network, whole, not the float one."""
    variant = quantize(str(network.directory), settings=settings)
    assert variant.name == f"local/my_model-int8@{variant.made.digest[:12]}"
    again = service.fetch(variant.name, settings=settings)
    assert again.digest == variant.made.digest != service.fetch(str(network.directory), settings=settings).digest
    assert Store(settings.home / "models").verify() == []
    detector = service.load(variant.name, settings=settings)
    assert detector.model.digest == variant.made.digest
    assert detector.scorer.sample_rate == 8_000


def test_origin_and_licence_go_along(settings: Settings, network: Network) -> None:
    """NOTICE has the original's digest and notice and Segue's version; licences are copied, no more."""
    variant = quantize(str(network.directory), settings=settings)
    files = {path.name for path in variant.made.directory.iterdir()}
    assert files == {"model.onnx", "am.mvn", "config.yaml", "NOTICE", "LICENSE.txt"}
    notice = (variant.made.directory / "NOTICE").read_text(encoding="utf-8")
    assert service.fetch(str(network.directory), settings=settings).digest in notice
    assert "made by somebody" in notice
    assert "Segue 0." in notice


def test_the_default_models_licence_is_named(settings: Settings, model_directory: Path, tmp_path: Path) -> None:
    """A directory with the default model's bytes is known for what it is: NOTICE has licence and name."""
    variant = quantize(str(model_directory), settings=settings, out=tmp_path / "out")
    notice = (tmp_path / "out" / "NOTICE").read_text(encoding="utf-8")
    assert "FunASR Model License 1.1" in notice
    assert "speech_fsmn_vad_zh-cn-16k-common-pytorch" in notice
    assert variant.cost.bytes_after < variant.cost.bytes_before / 3


def test_a_directory_is_the_same_model(settings: Settings, network: Network, tmp_path: Path) -> None:
    """Written to a directory, new or empty, it has the digest that the store's has; both load."""
    (tmp_path / "empty").mkdir()
    made = [quantize(str(network.directory), settings=settings, out=tmp_path / name) for name in ("new/one", "empty")]
    stored = quantize(str(network.directory), settings=settings)
    assert {variant.made.digest for variant in made} == {stored.made.digest}
    assert service.load(tmp_path / "empty", settings=settings).scorer.frame_ms == 10
    assert {path.name for path in tmp_path.iterdir()} == {"my model", "new", "empty", "home"}


def test_a_name_of_ones_own(settings: Settings, network: Network) -> None:
    """The name may be given, with a revision; no alias and no known model's name is accepted."""
    assert quantize(str(network.directory), settings=settings, name="me/small@v1").name == "me/small@v1"
    for bad in ("fsmn-vad", "iic/speech_fsmn_vad_zh-cn-8k-common", "small", "hf:me/small"):
        with pytest.raises(InvalidParameter, match="a model of your own"):
            quantize(str(network.directory), settings=settings, name=bad)


@pytest.mark.parametrize(("number", "said"), [(4, "2 of 4 clips in talk"), (1, "the same one: its figures flatter")])
def test_clips_are_shared_out(
    settings: Settings, network: Network, tmp_path: Path, speech: Samples, number: int, said: str
) -> None:
    """Every other recording fits the scales, the rest is measured on; a single one does both, and that is said."""
    folder = clips(tmp_path / "talk", speech, number)
    variant = quantize(str(network.directory), settings=settings, clips=folder)
    assert said in variant.measured_on
    assert variant.cost.audio_s == 3 * max(number // 2, 1)
    for name in ("NOTICE", "model.onnx"):
        assert str(tmp_path).encode() not in (variant.made.directory / name).read_bytes()


def refused(
    settings: Settings, network: Network, tmp_path: Path
) -> dict[str, tuple[type[Exception], dict[str, object]]]:
    (tmp_path / "none").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    small = quantize(str(network.directory), settings=settings, name="me/small@v1").name
    return {
        "no clips": (AudioNotFound, {"clips": tmp_path / "none"}),
        "no folder of clips": (AudioNotFound, {"clips": tmp_path / "nowhere"}),
        "a directory that is in use": (InvalidParameter, {"out": tmp_path / "full"}),
        "a directory and a name": (InvalidParameter, {"out": tmp_path / "new", "name": "me/x"}),
        "below a file": (StoreError, {"out": tmp_path / "full" / "mine" / "below"}),
        "a model that is not here": (ModelNotFound, {"model": str(tmp_path / "nowhere")}),
        "an int8 model": (ModelUnsupported, {"model": small}),
    }


def test_what_cannot_be_made_leaves_nothing(settings: Settings, network: Network, tmp_path: Path) -> None:
    """Each refusal is one line of its own class; no directory, nothing in the store, nothing in staging is left."""
    cases = refused(settings, network, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for what, (error, asked) in cases.items():
        arguments: dict[str, object] = {"model": str(network.directory), **asked}
        with pytest.raises(error) as caught:
            quantize(settings=settings, **arguments)  # type: ignore[arg-type]  # each case has its own
        assert len(str(caught.value).splitlines()) == 1, what
    assert [path for path in sorted(tmp_path.rglob("*")) if path.suffix != ".lock"] == [
        path for path in before if path.suffix != ".lock"
    ]


def test_the_figures_are_numbers(settings: Settings, network: Network) -> None:
    """Everything that is printed can be written as JSON, by hand or by machine."""
    from dataclasses import asdict

    variant: Int8Variant = quantize(str(network.directory), settings=settings)
    assert json.loads(json.dumps(asdict(variant.cost)))["frames"] == variant.cost.frames > 0
    assert np.isfinite(variant.cost.largest_dp)
