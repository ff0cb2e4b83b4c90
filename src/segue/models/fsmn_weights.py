"""The weights of an FSMN-VAD network, from FunASR's checkpoint (``model.pt``) or its export (``model.onnx``).

The network (Zhang et al., Deep-FSMN, arXiv:1803.05030): two affines, a ReLU, then blocks of projection, memory (each
channel adds a weighted sum of its own past) and affine with ReLU, then two affines and a softmax. Matrices here are
(inputs, outputs), so that ``x @ w + b``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from segue.errors import ModelInvalid, ModelUnsupported
from segue.models.torch_archive import read_tensors

Array: TypeAlias = NDArray[np.float32]


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
class FsmnWeights:
    """All weights, float32, finite, of shapes that fit each other."""

    inputs: tuple[Affine, Affine]
    blocks: tuple[Block, ...]
    outputs: tuple[Affine, Affine]

    def arrays(self) -> Iterator[Array]:
        """Every array, in the order in which the network uses them."""
        for affine in self.inputs:
            yield from (affine.weight, affine.bias)
        for block in self.blocks:
            yield from (block.projection, block.memory, block.affine.weight, block.affine.bias)
        for affine in self.outputs:
            yield from (affine.weight, affine.bias)


def read_checkpoint(path: Path, layers: int) -> FsmnWeights:
    """From a state dict with FunASR's names. Raises ModelInvalid."""
    tensors = read_tensors(path)

    def get(name: str) -> NDArray[Any]:
        if f"encoder.{name}" not in tensors:
            raise ModelInvalid(f"{path} has no tensor encoder.{name}: not an FSMN-VAD of {layers} layers")
        return tensors[f"encoder.{name}"]

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
    return _checked(
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
    try:
        graph = onnx.load(path, load_external_data=False).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    except Exception as error:  # protobuf and onnx raise many kinds for damaged files
        raise ModelInvalid(f"{path} cannot be read as ONNX: {type(error).__name__}: {error}") from error
    nodes = [node for node in graph.node if node.op_type not in _LAYOUT_OPS]
    expected = [*_AFFINE, *_AFFINE, "Relu", *(_BLOCK * layers), *_AFFINE, *_AFFINE, "Softmax"]
    if [node.op_type for node in nodes] != expected:
        raise ModelUnsupported(f"{path} is not FunASR's float export of an FSMN-VAD of {layers} layers")
    arrays = [constants[name] for node in nodes for name in node.input if name in constants]
    if len(arrays) != 8 + 4 * layers:
        raise ModelUnsupported(
            f"{path} has {len(arrays)} weight arrays, an FSMN-VAD of {layers} layers has {8 + 4 * layers}"
        )
    heads = [Affine(*arrays[i : i + 2]) for i in (0, 2, len(arrays) - 4, len(arrays) - 2)]
    blocks = tuple(
        Block(arrays[i], _taps(arrays[i + 1], path), Affine(arrays[i + 2], arrays[i + 3]))
        for i in range(4, len(arrays) - 4, 4)
    )
    return _checked(FsmnWeights((heads[0], heads[1]), blocks, (heads[2], heads[3])), path)


def _taps(conv: NDArray[Any], path: Path) -> NDArray[Any]:
    """A depthwise convolution's kernel (channels, 1, taps, 1) -> (channels, taps)."""
    if conv.ndim != 4 or conv.shape[1] != 1 or conv.shape[3] != 1:
        raise ModelInvalid(f"{path}: a memory kernel has shape {conv.shape}, expected (channels, 1, taps, 1)")
    return conv[:, 0, :, 0]


def _checked(weights: FsmnWeights, path: Path) -> FsmnWeights:
    """Shapes that chain, float, finite."""
    affines = [*weights.inputs, *(block.affine for block in weights.blocks), *weights.outputs]
    whole = all(
        a.weight.ndim == 2 and a.bias.shape == a.weight.shape[1:] and a.weight.dtype.kind == "f" for a in affines
    ) and all(b.projection.ndim == 2 and b.memory.dtype.kind == "f" for b in weights.blocks)
    if whole:
        width = weights.inputs[0].weight.shape[1]
        chain = [weights.inputs[1].weight]
        for block in weights.blocks:
            chain += [block.projection, np.empty((len(block.memory), len(block.memory)), bool), block.affine.weight]
        for matrix in (*chain, *(affine.weight for affine in weights.outputs)):
            whole = whole and matrix.shape[0] == width
            width = matrix.shape[1]
        whole = whole and len({block.memory.shape for block in weights.blocks}) == 1
    if not whole:
        raise ModelInvalid(f"{path}: the weights' shapes do not fit each other: {[a.shape for a in weights.arrays()]}")
    if not all(np.isfinite(array).all() for array in weights.arrays()):
        raise ModelInvalid(f"{path}: the weights hold NaN or infinite values")
    return weights
