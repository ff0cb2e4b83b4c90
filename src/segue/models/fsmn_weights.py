"""The weights of an FSMN-VAD network, from FunASR's checkpoint (``model.pt``) or its export (``model.onnx``).

The network (Zhang et al., Deep-FSMN, arXiv:1803.05030): two affines, a ReLU, then blocks of projection, memory (each
channel adds a weighted sum of its own past) and affine with ReLU, then two affines and a softmax. Matrices here are
(inputs, outputs), so that ``x @ w + b``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray

from segue.errors import ModelInvalid, ModelUnsupported
from segue.models.onnx_file import read_onnx
from segue.models.torch_archive import read_tensors

Array: TypeAlias = NDArray[np.float32]

_MOST_BYTES_OF_EXPORT = 64 << 20  # an FSMN-VAD has 1.7 MB


@dataclass(frozen=True)
class Affine:
    """``x @ weight + bias``: weight (inputs, outputs), bias (outputs,)."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class Block:
    """``projection`` (linear, channels), ``memory`` (channels, taps; the last tap is now), ``affine``."""

    projection: Array
    memory: Array
    affine: Affine


@dataclass(frozen=True)
class Int8Matrix:
    """A matrix of small whole numbers, and how what is multiplied by it becomes 8 bit; see ``fsmn_int8``.

    ``values`` int8 (inputs, outputs), each column times its ``scale`` float32 (outputs,) is the matrix. An input x is
    ``round(x / input_scale) + input_zero`` within 0 to 255.
    """

    values: NDArray[np.int8]
    scale: Array
    input_scale: np.float32
    input_zero: np.uint8

    def matrix(self) -> Array:
        """What it stands for, float32 (inputs, outputs)."""
        return self.values.astype(np.float32) * self.scale


@dataclass(frozen=True)
class FsmnWeights:
    """All weights, float32, finite, of shapes that fit each other.

    ``int8``: the matrices again, as 8-bit numbers, in the order of use; empty for a float model.
    """

    inputs: tuple[Affine, Affine]
    blocks: tuple[Block, ...]
    outputs: tuple[Affine, Affine]
    int8: tuple[Int8Matrix, ...] = ()

    def matrices(self) -> Iterator[Array]:
        """Every matrix, in the order in which the network uses them."""
        yield from (affine.weight for affine in self.inputs)
        for block in self.blocks:
            yield from (block.projection, block.affine.weight)
        yield from (affine.weight for affine in self.outputs)

    def arrays(self) -> Iterator[Array]:
        """Every array, in the order in which the network uses them."""
        for affine in self.inputs:
            yield from (affine.weight, affine.bias)
        for block in self.blocks:
            yield from (block.projection, block.memory, block.affine.weight, block.affine.bias)
        for affine in self.outputs:
            yield from (affine.weight, affine.bias)


def read_checkpoint(path: Path, layers: int) -> FsmnWeights:
    """From a state dict with FunASR's names. Raises ModelInvalid, ModelUnsupported."""
    tensors = read_tensors(path)

    def get(name: str) -> Array:
        if f"encoder.{name}" not in tensors:
            raise ModelInvalid(f"{path} has no tensor encoder.{name}: not an FSMN-VAD of {layers} layers")
        return _single(tensors[f"encoder.{name}"], name, path)

    def affine(name: str) -> Affine:
        return Affine(get(f"{name}.linear.weight").T, get(f"{name}.linear.bias"))

    blocks = tuple(
        Block(
            projection=get(f"fsmn.{i}.linear.linear.weight").T,
            memory=_taps(get(f"fsmn.{i}.fsmn_block.conv_left.weight"), path),
            affine=affine(f"fsmn.{i}.affine"),
        )
        for i in range(layers)
    )
    if f"encoder.fsmn.{layers}.linear.linear.weight" in tensors or any("conv_right" in name for name in tensors):
        raise ModelUnsupported(f"{path} has more layers than config.yaml's {layers}, or memory of the future")
    return checked(
        FsmnWeights(
            (affine("in_linear1"), affine("in_linear2")), blocks, (affine("out_linear1"), affine("out_linear2"))
        ),
        path,
    )


# What moves or reshapes data in the export and computes nothing.
_LAYOUT_OPS = {"Transpose", "Unsqueeze", "Squeeze", "Constant", "Cast", "Concat", "Slice", "Identity", "Reshape"}
_AFFINE = ["MatMul", "Add"]
_BLOCK = ["MatMul", "Conv", "Add", "MatMul", "Add", "Relu"]


def read_export(path: Path, layers: int) -> FsmnWeights:
    """From FunASR's ONNX export, by walking its operations: any other network is refused, not misread.

    Raises ModelInvalid where the file cannot be read, ModelUnsupported where it is another network (int8 too).
    """
    model, constants = read_onnx(path, most_bytes=_MOST_BYTES_OF_EXPORT)
    graph = model.graph
    nodes = [node for node in graph.node if node.op_type not in _LAYOUT_OPS]
    expected = [*_AFFINE, *_AFFINE, "Relu", *(_BLOCK * layers), *_AFFINE, *_AFFINE, "Softmax"]
    plain = all(_is_plain(node) for node in nodes if node.op_type == "Conv")
    if [node.op_type for node in nodes] != expected or not plain:
        raise ModelUnsupported(f"{path} is not FunASR's float export of an FSMN-VAD of {layers} layers")
    arrays = [_single(constants[name], name, path) for node in nodes for name in node.input if name in constants]
    if len(arrays) != 8 + 4 * layers:
        raise ModelUnsupported(
            f"{path} has {len(arrays)} weight arrays, an FSMN-VAD of {layers} layers has {8 + 4 * layers}"
        )
    heads = [Affine(*arrays[i : i + 2]) for i in (0, 2, len(arrays) - 4, len(arrays) - 2)]
    blocks = tuple(
        Block(arrays[i], _taps(arrays[i + 1], path), Affine(arrays[i + 2], arrays[i + 3]))
        for i in range(4, len(arrays) - 4, 4)
    )
    return checked(FsmnWeights((heads[0], heads[1]), blocks, (heads[2], heads[3])), path)


def _is_plain(conv: onnx.NodeProto) -> bool:
    """Whether a convolution has no stride, dilation or padding: each output from as many frames as it has taps."""
    given = {attribute.name: set(attribute.ints) for attribute in conv.attribute}
    return given.get("strides", {1}) == given.get("dilations", {1}) == {1} and given.get("pads", {0}) == {0}


def _single(array: NDArray[Any], name: str, path: Path) -> Array:
    """In float32: numbers of half, single or double precision, finite."""
    if array.dtype.kind != "f":
        raise ModelInvalid(f"{path}: {name} holds {array.dtype}, not floating point numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        single: Array = array.astype(np.float32, copy=False)
    if not np.isfinite(single).all():
        raise ModelInvalid(f"{path}: {name} holds NaN or infinite values")
    return single


def _taps(conv: Array, path: Path) -> Array:
    """A depthwise convolution's kernel (channels, 1, taps, 1) -> (channels, taps)."""
    if conv.ndim != 4 or conv.shape[1] != 1 or conv.shape[3] != 1 or 0 in conv.shape:
        raise ModelInvalid(f"{path}: a memory kernel has shape {conv.shape}, expected (channels, 1, taps, 1)")
    return conv[:, 0, :, 0]


def checked(weights: FsmnWeights, path: Path) -> FsmnWeights:
    """Shapes that chain: each matrix takes what the one before it gives."""
    affines = [*weights.inputs, *(block.affine for block in weights.blocks), *weights.outputs]
    links = [affine.weight.shape for affine in weights.inputs]
    for block in weights.blocks:
        links += [block.projection.shape, (len(block.memory), len(block.memory)), block.affine.weight.shape]
    links += [affine.weight.shape for affine in weights.outputs]
    whole = (
        all(len(link) == 2 and 0 not in link for link in links)
        and all(before[1] == after[0] for before, after in pairwise(links))
        and all(affine.bias.shape == affine.weight.shape[1:] for affine in affines)
        and len({block.memory.shape for block in weights.blocks}) == 1
    )
    if not whole:
        raise ModelInvalid(f"{path}: the weights' shapes do not fit each other: {[a.shape for a in weights.arrays()]}")
    return weights
