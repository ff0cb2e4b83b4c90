"""An FSMN-VAD in 8-bit numbers: how it is made of a float one, kept in a ``model.onnx``, and read again.

Matrices become whole numbers from -64 to 64, each column with a scale of its own; what they are multiplied by becomes
0 to 255 by a scale and a zero that were found beforehand (``fsmn_calibration``). So the sums are of integers and exact,
and a frame's answer does not depend on which others it is computed with, as it would if scales were taken from each
call ("dynamic quantisation", FunASR's ``model_quant.onnx``). Seven bits instead of eight for the weights, because the
kernels of processors without VNNI add two products in 16 bits: 2 x 255 x 64 still fits, so every machine gives the same
answer. The memories, biases, front end and softmax stay float32. (The scheme: Jacob et al., arXiv:1712.05877.)

The file is a container of tensors with no operations in it: the graph is built from them as it is from any weights, and
nothing that the file says is run. Its metadata say what it was made of.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from segue.errors import ModelInvalid, ModelUnsupported, one_line
from segue.models.fsmn_weights import Affine, Block, FsmnWeights, Int8Matrix, checked
from segue.models.onnx_file import read_onnx

_PRODUCER = "segue-fsmn-vad-int8-1"
_MOST_BYTES = 16 << 20  # an FSMN-VAD has 0.45 MB; four times as much as floats
_MOST_INPUTS = 65_536  # so that a column's sum stays within 32 bits
_LARGEST = 64
_LARGEST_SCALE = 1e30


def is_int8(path: Path) -> bool:
    """Whether the file says of itself that it is one. Raises ModelInvalid when it cannot be opened."""
    try:
        with path.open("rb") as file:
            return _PRODUCER.encode() in file.read(64)
    except OSError as error:
        raise ModelInvalid(f"{path} cannot be read: {one_line(error):.300}") from error


def quantised(weights: FsmnWeights, ranges: Sequence[tuple[float, float]]) -> FsmnWeights:
    """The same network in 8-bit numbers; ``ranges``: least and largest input of each of ``weights.matrices()``.

    Its float matrices are those that the 8-bit ones stand for.
    """
    small = tuple(_quantised(matrix, *bounds) for matrix, bounds in zip(weights.matrices(), ranges, strict=True))
    whole = [matrix.matrix() for matrix in small]
    blocks = tuple(
        Block(whole[2 + 2 * i], block.memory, Affine(whole[3 + 2 * i], block.affine.bias))
        for i, block in enumerate(weights.blocks)
    )
    first, second = (Affine(whole[i], weights.inputs[i].bias) for i in (0, 1))
    last, answer = (Affine(whole[i - 2], weights.outputs[i].bias) for i in (0, 1))
    return FsmnWeights((first, second), blocks, (last, answer), small)


def _quantised(matrix: NDArray[np.float32], least: float, largest: float) -> Int8Matrix:
    scale = np.maximum(np.abs(matrix).max(axis=0), np.float32(1e-30)) / np.float32(_LARGEST)
    values = np.clip(np.rint(matrix / scale), -_LARGEST, _LARGEST).astype(np.int8)
    least, largest = min(least, 0.0), max(largest, 0.0)  # 0 is kept exactly: silence and ReLU make many
    step = max((largest - least) / 255, 1e-30)
    zero = np.uint8(np.clip(round(-least / step), 0, 255))
    return Int8Matrix(values, scale, np.float32(step), zero)


# -- the file ------------------------------------------------------------------------------------------------------


def write_int8(path: Path, weights: FsmnWeights, *, facts: Mapping[str, str]) -> None:
    """Keep them in ``path``; ``facts`` say where they come from."""
    tensors: dict[str, NDArray[Any]] = {}
    biases = [affine.bias for affine in (*weights.inputs, *(b.affine for b in weights.blocks), *weights.outputs)]
    for name, matrix in zip(_products(len(weights.blocks)), weights.int8, strict=True):
        tensors[f"{name}.values"], tensors[f"{name}.scale"] = matrix.values, matrix.scale
        tensors[f"{name}.input_scale"] = np.asarray(matrix.input_scale)
        tensors[f"{name}.input_zero"] = np.asarray(matrix.input_zero)
        if _has_bias(name):
            tensors[f"{name}.bias"] = biases.pop(0)
    tensors |= {f"fsmn.{i}.memory": block.memory for i, block in enumerate(weights.blocks)}
    constants = [numpy_helper.from_array(np.asarray(value, order="C"), name) for name, value in tensors.items()]
    model = helper.make_model(helper.make_graph([], "weights", [], [], constants), producer_name=_PRODUCER)
    helper.set_model_props(model, dict(facts))
    path.write_bytes(model.SerializeToString())


def read_int8(path: Path, layers: int) -> FsmnWeights:
    """Read what ``write_int8`` wrote. Raises ModelInvalid for anything else, ModelUnsupported for other layers."""
    tensors = _tensors(path)
    names = _products(layers)

    def take(name: str, kind: type[np.generic], dimensions: int) -> NDArray[Any]:
        array = tensors.pop(name, None)
        if array is None or array.dtype != kind or array.ndim != dimensions or 0 in array.shape:
            raise ModelInvalid(f"{path}: {name} is missing, or not {kind.__name__} of {dimensions} dimensions")
        if array.dtype == np.float32 and not np.isfinite(array).all():
            raise ModelInvalid(f"{path}: {name} holds NaN or infinite values")
        return array

    def matrix(name: str) -> Int8Matrix:
        values, scale = take(f"{name}.values", np.int8, 2), take(f"{name}.scale", np.float32, 1)
        step, zero = take(f"{name}.input_scale", np.float32, 0), take(f"{name}.input_zero", np.uint8, 0)
        if (
            len(values) > _MOST_INPUTS
            or scale.shape != values.shape[1:]
            or np.abs(values.astype(np.int16)).max() > _LARGEST
        ):
            raise ModelInvalid(f"{path}: {name} is not of 8-bit numbers from -64 to 64 with a scale a column")
        if not all((array > 0).all() and (array < _LARGEST_SCALE).all() for array in (scale, step)):
            raise ModelInvalid(f"{path}: {name} has scales that are not above 0, or not below {_LARGEST_SCALE:g}")
        return Int8Matrix(values, scale, np.float32(step), np.uint8(zero))

    small = tuple(matrix(name) for name in names)
    biases = [take(f"{name}.bias", np.float32, 1) for name in names if _has_bias(name)]
    affines = [Affine(q.matrix(), biases.pop(0)) for name, q in zip(names, small, strict=True) if _has_bias(name)]
    blocks = tuple(
        Block(small[2 + 2 * i].matrix(), take(f"fsmn.{i}.memory", np.float32, 2), affines[2 + i]) for i in range(layers)
    )
    if tensors:
        raise ModelUnsupported(f"{path} has more than an FSMN-VAD of {layers} layers, as config.yaml says, needs")
    return checked(FsmnWeights((affines[0], affines[1]), blocks, (affines[-2], affines[-1]), small), path)


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    model, tensors = read_onnx(path, most_bytes=_MOST_BYTES)
    if model.producer_name != _PRODUCER or model.graph.node or len(tensors) != len(model.graph.initializer):
        raise ModelInvalid(f"{path} is not what segue models quantize writes")
    return tensors


def _products(layers: int) -> list[str]:
    inner = [f"fsmn.{i}.{part}" for i in range(layers) for part in ("linear", "affine")]
    return ["in_linear1", "in_linear2", *inner, "out_linear1", "out_linear2"]


def _has_bias(name: str) -> bool:
    return not name.endswith(".linear")  # a block's projection has none
