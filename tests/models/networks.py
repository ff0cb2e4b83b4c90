"""Small FSMN-VAD networks: random weights, what they compute in plain float64, and model directories made of them."""

import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from segue.models.fsmn_calibration import quantised_on, synthetic_speech
from segue.models.fsmn_config import read_config
from segue.models.fsmn_graph import Cmvn
from segue.models.fsmn_int8 import write_int8
from segue.models.fsmn_weights import Affine, Block, FsmnWeights
from segue.speech.features import LOG_FLOOR, Frontend, Spectra

Tensors = Mapping[str, NDArray[Any]]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Sizes:
    """The numbers that FunASR's encoder_conf holds."""

    inputs: int = 24
    input_affine: int = 7
    linear: int = 10
    projection: int = 6
    taps: int = 4
    layers: int = 2
    output_affine: int = 5
    outputs: int = 9


def random_weights(sizes: Sizes, seed: int = 0) -> FsmnWeights:
    """Weights of a size that keeps activations near 1, and outputs that spread the probabilities over 0 to 1."""
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> NDArray[np.float32]:
        values: NDArray[np.float32] = (rng.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32)
        return values

    def affine(rows: int, columns: int) -> Affine:
        return Affine(matrix(rows, columns), (0.1 * rng.standard_normal(columns)).astype(np.float32))

    def block() -> Block:
        memory = (rng.standard_normal((sizes.projection, sizes.taps)) / np.sqrt(sizes.taps)).astype(np.float32)
        return Block(matrix(sizes.linear, sizes.projection), memory, affine(sizes.projection, sizes.linear))

    last = affine(sizes.output_affine, sizes.outputs)
    return FsmnWeights(
        (affine(sizes.inputs, sizes.input_affine), affine(sizes.input_affine, sizes.linear)),
        tuple(block() for _ in range(sizes.layers)),
        (affine(sizes.linear, sizes.output_affine), Affine(last.weight * np.float32(8), last.bias)),
    )


def random_cmvn(width: int, seed: int = 0) -> Cmvn:
    """Shifts and scales that bring log-mel energies of noise near 0 and 1."""
    rng = np.random.default_rng(seed)
    return Cmvn(rng.uniform(-16, -8, width), rng.uniform(0.1, 0.3, width))


def plain_posteriors(weights: FsmnWeights, features: Float64, history: Float64 | None = None) -> Float64:
    """The network as its definition states it: float64, a frame at a time, (T, inputs) -> (T, outputs).

    ``history``: (layers, taps - 1, channels), what each memory heard before; silence (zeros) where left out.
    """

    def affine(x: Float64, a: Affine) -> Float64:
        return x @ a.weight.astype(np.float64) + a.bias

    x = np.maximum(affine(affine(features, weights.inputs[0]), weights.inputs[1]), 0)
    for i, block in enumerate(weights.blocks):
        channels, taps = block.memory.shape
        now = x @ block.projection.astype(np.float64)
        past = np.zeros((taps - 1, channels)) if history is None else history[i]
        heard = np.concatenate((past, now))
        remembered = np.zeros_like(now)
        for t in range(len(now)):
            for k in range(taps):
                remembered[t] += block.memory[:, k] * heard[t + k]
        x = np.maximum(affine(now + remembered, block.affine), 0)
    logits = affine(affine(x, weights.outputs[0]), weights.outputs[1])
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def plain_features(power: Spectra, frontend: Frontend, cmvn: Cmvn) -> Float64:
    """Log mel, LFR and CMVN in float64: (T + 2 x lookahead, bins) -> (T, features)."""
    log_mel = np.log(np.maximum(power.astype(np.float64) @ frontend.mel_filters(), LOG_FLOOR))
    frames = max(0, len(power) - 2 * frontend.lookahead_frames)
    stacked = [log_mel[t : t + frontend.lfr_frames].reshape(-1) for t in range(frames)]
    features = np.array(stacked).reshape(frames, frontend.lfr_frames * frontend.mel_bins)
    return np.asarray((features + cmvn.shift) * cmvn.scale)


def state_dict(weights: FsmnWeights) -> dict[str, NDArray[np.float32]]:
    """FunASR's names, and torch's layout of matrices: (outputs, inputs)."""
    tensors: dict[str, NDArray[np.float32]] = {}

    def put(name: str, affine: Affine) -> None:
        tensors[f"encoder.{name}.linear.weight"] = np.ascontiguousarray(affine.weight.T)
        tensors[f"encoder.{name}.linear.bias"] = affine.bias

    put("in_linear1", weights.inputs[0])
    put("in_linear2", weights.inputs[1])
    for i, block in enumerate(weights.blocks):
        tensors[f"encoder.fsmn.{i}.linear.linear.weight"] = np.ascontiguousarray(block.projection.T)
        tensors[f"encoder.fsmn.{i}.fsmn_block.conv_left.weight"] = block.memory[:, None, :, None]
        put(f"fsmn.{i}.affine", block.affine)
    put("out_linear1", weights.outputs[0])
    put("out_linear2", weights.outputs[1])
    return tensors


# -- a torch archive, written by hand: torch is not installed ------------------------------------------------------

STORAGES = {"<f4": "FloatStorage", "<f8": "DoubleStorage", "<f2": "HalfStorage", "<i8": "LongStorage"}


@dataclass
class Tensor:
    """A tensor in a torch pickle: where it lies in which storage."""

    key: str
    storage: str
    count: int
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def opcodes(value: object) -> bytes:
    """``value`` as the opcodes of pickle protocol 2 that torch.save writes, tensors included."""
    match value:
        case Tensor():
            reference = (
                b"("
                + text("storage")
                + b"ctorch\n"
                + value.storage.encode()
                + b"\n"
                + b"".join(map(opcodes, (value.key, "cpu", value.count)))
                + b"tQ"
            )
            where = b"".join(map(opcodes, (value.offset, value.shape, value.stride, False)))
            return b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference + where + b"ccollections\nOrderedDict\n)RtR"
        case dict():
            return b"}(" + b"".join(opcodes(k) + opcodes(v) for k, v in value.items()) + b"u"
        case list() | tuple():
            items = b"(" + b"".join(map(opcodes, value))
            return items + b"t" if isinstance(value, tuple) else b"]" + items + b"e"
        case _:
            return pickle.dumps(value, protocol=2)[2:-1]  # numbers, text, None: without PROTO and STOP


def write_archive(path: Path, pickled: bytes, storages: Mapping[str, bytes], **members: bytes) -> None:
    """A torch archive of these very bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickled)
        for name, data in members.items():
            archive.writestr(f"model/{name}", data)
        for key, data in storages.items():
            archive.writestr(f"model/data/{key}", data)


def write_checkpoint(path: Path, tensors: Tensors, wrap: str | None = None) -> None:
    """What ``torch.save(state_dict, path)`` writes; ``wrap`` puts the state dict into an entry of that name."""
    placed: dict[str, object] = {}
    storages: dict[str, bytes] = {}
    for i, (name, array) in enumerate(tensors.items()):
        stored = np.array(array, order="C")
        storages[str(i)] = stored.tobytes()
        stride = tuple(step // stored.itemsize for step in stored.strides)
        kind = STORAGES[stored.dtype.newbyteorder("<").str]
        placed[name] = Tensor(str(i), kind, stored.size, 0, stored.shape, stride)
    whole = placed if wrap is None else {wrap: placed, "epoch": 7, "lr": 0.5, "note": None, "steps": [1, 2]}
    write_archive(path, b"\x80\x02" + opcodes(whole) + b".", storages, byteorder=b"little", version=b"3\n")


# -- FunASR's export, operation by operation -----------------------------------------------------------------------


@dataclass
class Export:
    """Writes the operations that torch.onnx writes for FunASR's encoder."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def weight(self, name: str, value: NDArray[Any]) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        out = out or f"/{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def ints(self, *values: int) -> str:
        return self.op("Constant", value=numpy_helper.from_array(np.array(values, dtype=np.int64)))

    def affine(self, x: str, affine: Affine, name: str) -> str:
        product = self.op("MatMul", x, self.weight(f"onnx::{name}", affine.weight))
        return self.op("Add", self.weight(f"{name}.bias", affine.bias), product)

    def block(self, x: str, block: Block, i: int) -> str:
        channels, taps = block.memory.shape
        projected = self.op("MatMul", x, self.weight(f"onnx::{i}.projection", block.projection))
        wide = self.op("Transpose", self.op("Unsqueeze", projected, self.ints(1)), perm=[0, 3, 2, 1])
        cache = self.op("Cast", f"in_cache{i}", to=int(TensorProto.FLOAT))
        known = self.op("Concat", cache, wide, axis=2)
        self.op("Slice", known, self.ints(1 - taps), self.ints(2**62), self.ints(2), self.ints(1), out=f"out_cache{i}")
        kernel = self.weight(f"{i}.conv_left", block.memory[:, None, :, None])
        conv = {"dilations": [1, 1], "group": channels, "kernel_shape": [taps, 1], "pads": [0] * 4, "strides": [1, 1]}
        added = self.op("Add", wide, self.op("Conv", known, kernel, **conv))
        narrow = self.op("Squeeze", self.op("Transpose", added, perm=[0, 3, 2, 1]), self.ints(1))
        return self.op("Relu", self.affine(narrow, block.affine, f"{i}.affine"))


def export(weights: FsmnWeights) -> onnx.ModelProto:
    """What FunASR exports for these weights."""
    e = Export()
    x = e.affine(e.affine("speech", weights.inputs[0], "in_linear1"), weights.inputs[1], "in_linear2")
    x = e.op("Relu", x)
    for i, block in enumerate(weights.blocks):
        x = e.block(x, block, i)
    x = e.affine(e.affine(x, weights.outputs[0], "out_linear1"), weights.outputs[1], "out_linear2")
    e.op("Softmax", x, axis=-1, out="logits")
    channels, taps = weights.blocks[0].memory.shape

    def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    caches = range(len(weights.blocks))
    graph = helper.make_graph(
        e.nodes,
        "main_graph",
        [value("speech", 1, "T", len(weights.inputs[0].weight))]
        + [value(f"in_cache{i}", 1, channels, taps - 1, 1) for i in caches],
        [value("logits", 1, "T", len(weights.outputs[1].bias))]
        + [value(f"out_cache{i}", 1, channels, "H", 1) for i in caches],
        e.weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=7)


# -- whole directories ---------------------------------------------------------------------------------------------

KALDI_8K = Frontend(sample_rate=8_000, mel_bins=8, lfr_frames=3)


def config(frontend: Frontend = KALDI_8K, layers: int = 2, **model_conf: object) -> dict[str, Any]:
    """A config.yaml like FunASR's own."""
    return {
        "frontend": "WavFrontendOnline",
        "frontend_conf": {
            "fs": frontend.sample_rate,
            "window": "hamming",
            "n_mels": frontend.mel_bins,
            "frame_length": frontend.frame_length_ms,
            "frame_shift": frontend.frame_shift_ms,
            "dither": 0.0,
            "lfr_m": frontend.lfr_frames,
            "lfr_n": 1,
        },
        "model": "FsmnVADStreaming",
        "model_conf": {"sil_pdf_ids": [0], "decibel_thres": -100.0, "snr_thres": -100.0, **model_conf},
        "encoder": "FSMN",
        "encoder_conf": {"fsmn_layers": layers, "rorder": 0, "lstride": 1},
    }


def cmvn_text(shift: Sequence[float], scale: Sequence[float]) -> str:
    """Kaldi's nnet1 text form, as FunASR ships it."""
    n = len(shift)
    shifts, scales = (" ".join(f"{value!r}" for value in map(float, values)) for values in (shift, scale))
    return (
        f"<Nnet> \n<Splice> {n} {n}\n[ 0 ]\n<AddShift> {n} {n} \n<LearnRateCoef> 0 [ {shifts} ]\n"
        f"<Rescale> {n} {n} \n<LearnRateCoef> 0 [ {scales} ]\n</Nnet> \n"
    )


@dataclass(frozen=True)
class Network:
    """A whole small model, and the directory that holds it."""

    frontend: Frontend
    weights: FsmnWeights
    cmvn: Cmvn
    directory: Path

    def p_silence(self, power: Spectra) -> Float64:
        """What the network says of these rows, by the plain statement."""
        return plain_posteriors(self.weights, plain_features(power, self.frontend, self.cmvn))[:, 0]


def write_network(
    directory: Path, *, frontend: Frontend = KALDI_8K, kind: str = "model.pt", seed: int = 0, **sizes: int
) -> Network:
    """A model directory of random weights: ``kind`` is model.pt or model.onnx."""
    width = frontend.mel_bins * frontend.lfr_frames
    size = Sizes(inputs=width, **sizes)
    network = Network(frontend, random_weights(size, seed), random_cmvn(width, seed), directory)
    directory.mkdir(parents=True, exist_ok=True)
    if kind == "model.pt":
        write_checkpoint(directory / kind, state_dict(network.weights))
    else:
        (directory / kind).write_bytes(export(network.weights).SerializeToString())
    (directory / "am.mvn").write_text(cmvn_text(list(network.cmvn.shift), list(network.cmvn.scale)), encoding="ascii")
    (directory / "config.yaml").write_text(yaml.safe_dump(config(frontend, size.layers)), encoding="utf-8")
    return network


def write_int8_of(float_model: Path, directory: Path) -> Path:
    """The int8 variant of a model directory, its scales from noise and synthetic sound."""
    rate = read_config(float_model).frontend.sample_rate
    noise = np.random.default_rng(0).standard_normal(rate, dtype=np.float32)
    weights = quantised_on(float_model, [synthetic_speech(rate, seconds=20, seed=0), noise])
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("am.mvn", "config.yaml"):
        shutil.copy(float_model / name, directory)
    write_int8(directory / "model.onnx", weights, facts={"Made from": "a test"})
    return directory


def edit(network: Network, directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Make ``directory`` a copy of ``network`` whose config.yaml is changed."""
    shutil.copytree(network.directory, directory, dirs_exist_ok=True)
    config = yaml.safe_load((directory / "config.yaml").read_text(encoding="utf-8"))
    change(config)
    (directory / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
