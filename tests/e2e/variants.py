"""Versions that are really different: other options, other decision parameters, other weights, and equal twins."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from onnx import numpy_helper

import segue
from segue.settings import read_settings
from segue.speech.detector import Detector
from segue.swap import ModelSpec, Resolved, VersionId
from segue.swap.spec import Option


@dataclass(frozen=True, slots=True)
class Variant:
    """A version to switch to, and what it answers alone, in this process."""

    name: str
    model: str
    options: Mapping[str, Option]
    detector: Detector
    version: VersionId
    """What a service will call it."""

    @property
    def body(self) -> dict[str, Any]:
        """Of ``POST /v1/switch`` and ``POST /v1/versions``."""
        return {"model_id": self.model, "options": dict(self.options)}


def variant(name: str, model: str | Path, home: Path, **options: Option) -> Variant:
    """A version of an alias in the store of ``home``, or of a directory, under these options."""
    asked: dict[str, Any] = dict(options)
    detector = segue.load(str(model), settings=read_settings(home=home), **asked)
    spec = ModelSpec(str(model), None, options)
    return Variant(name, str(model), options, detector, Resolved(spec, detector.model.digest).version)


def isolated(here: Variant) -> Variant:
    """The same in a process of its own on the server; here it runs here."""
    options = {**here.options, "isolate": True}
    version = Resolved(ModelSpec(here.model, None, options), here.detector.model.digest).version
    return replace(here, name=f"{here.name}, isolated", options=options, version=version)


def variants(home: Path, model_directory: Path, folder: Path) -> list[Variant]:
    """Six versions, the default first, no two with the same segments on speech; ``folder`` gets their directories."""
    return [
        variant("default", "fsmn-vad", home),
        variant("eager", "fsmn-vad", home, max_end_silence_time=400),
        variant("dynamic", "fsmn-vad", home, mode="dynamic", silence_schedule="5000:1200,inf:300"),
        variant("deaf", deaf(model_directory, folder / "deaf"), home),
        variant("patient", patient(model_directory, folder / "patient"), home),
        variant("patient and strict", folder / "patient", home, speech_noise_thres=0.8, lookback_time_start_point=100),
    ]


def copy(model_directory: Path, directory: Path) -> Path:
    """A copy with model.onnx, to be changed."""
    directory.mkdir(parents=True)
    for name in ("model.onnx", "am.mvn", "config.yaml"):
        shutil.copyfile(model_directory / name, directory / name)
    return directory


def twin(model_directory: Path, directory: Path, remark: str) -> Path:
    """The same weights and rules under another digest: a comment is added to its config.yaml."""
    copy(model_directory, directory)
    with (directory / "config.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\n# {remark}\n")
    return directory


def deaf(model_directory: Path, directory: Path) -> Path:
    """Other weights: noise on all of them, and a bias towards silence."""
    copy(model_directory, directory)
    model = onnx.load(directory / "model.onnx")
    noise = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        weight = numpy_helper.to_array(tensor).copy()
        weight *= 1 + 0.03 * noise.standard_normal(weight.shape, dtype=np.float32)
        if tensor.name == "encoder.out_linear2.linear.bias":
            weight[0] += 1.5
        tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    onnx.save(model, directory / "model.onnx")
    return directory


def patient(model_directory: Path, directory: Path) -> Path:
    """Other features (their scales), and other decision parameters in its config.yaml."""
    copy(model_directory, directory)
    path = directory / "am.mvn"
    head, bracket, scales = path.read_text(encoding="ascii").rpartition("[")
    numbers, end, tail = scales.partition("]")
    scaled = " ".join(f"{0.93 * float(number):.6f}" for number in numbers.split())
    path.write_text(f"{head}{bracket} {scaled} {end}{tail}", encoding="ascii")
    config = yaml.safe_load((directory / "config.yaml").read_text(encoding="utf-8"))
    config["model_conf"] |= {"max_end_silence_time": 1300, "window_size_ms": 300, "lookahead_time_end_point": 60}
    (directory / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return directory


def mute(model_directory: Path, directory: Path) -> Path:
    """Other weights: whatever it hears is silence."""
    copy(model_directory, directory)
    model = onnx.load(directory / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "encoder.out_linear2.linear.bias":
            weight = numpy_helper.to_array(tensor).copy()
            weight[0] += 1000
            tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    onnx.save(model, directory / "model.onnx")
    return directory
