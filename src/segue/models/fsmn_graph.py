"""Front-end matrices and FSMN weights -> one ONNX graph, laid out for speed: power spectra in, p(silence) out.

What is rearranged against FunASR's export, none of it changing what is computed beyond float32 rounding:

- the mel product, the logarithm and LFR stacking come into the graph; CMVN folds into the first affine, the last two
  affines (nothing stands between them) into one, and each memory's skip connection into its newest tap;
- all frames of all streams are rows of one matrix, so that every affine is a single ``Gemm`` with its ReLU fused;
- the memory is a depthwise ``Conv`` over (1, time): with the transposes beside it ONNX Runtime turns it into its
  blocked-channel kernel, seven times faster than the plain one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from segue.errors import ModelInvalid
from segue.models.fsmn_weights import Affine, Array, FsmnWeights, Int8Matrix
from segue.speech.features import LOG_FLOOR, Frontend


@dataclass(frozen=True)
class Cmvn:
    """Mean and variance normalisation: ``(x + shift) * scale``, each float (features,)."""

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]


@dataclass
class _Graph:
    """Collects nodes and constants; each verb answers the name of what it makes."""

    int8: Iterator[Int8Matrix] | None = None
    """The matrices in the order of use; None where products are of float32."""
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    multiplied: list[str] = field(default_factory=list)
    """What each product multiplies by its matrix."""

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floats(self, values: NDArray[np.floating] | float) -> str:
        return self.constant(np.asarray(values, dtype=np.float32))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: object) -> str:
        name = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))  # type: ignore[arg-type]  # onnx's stubs list no attribute types
        return name

    def cut(self, x: str, start: int, end: int, axis: int) -> str:
        return self.op("Slice", x, self.ints(start), self.ints(end), self.ints(axis))

    def model(self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> bytes:
        made = helper.make_graph(self.nodes, "fsmn_vad", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", 17)]
        if self.int8 is not None:
            opsets.append(helper.make_opsetid(_ORT, 1))
        return bytes(helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString())

    def affine(self, x: str, affine: Affine) -> str:
        return self.product(x, affine.weight, self.floats(affine.bias))

    def product(self, x: str, matrix: Array, *bias: str) -> str:
        """``x @ matrix (+ bias)``; in 8-bit numbers if there are any, by integer sums, which round nothing."""
        self.multiplied.append(x)
        if self.int8 is None:
            return self.op("Gemm" if bias else "MatMul", x, self.floats(matrix), *bias)
        q = next(self.int8)
        input_scale, input_zero = self.floats(float(q.input_scale)), self.constant(np.asarray(q.input_zero))
        small = self.op("QuantizeLinear", x, input_scale, input_zero)
        inputs = (small, self.constant(q.values), input_scale, self.floats(q.scale), input_zero, "", *bias)
        return self.op("MatMulIntegerToFloat", *inputs, domain=_ORT)


_ORT = "com.microsoft"  # ONNX Runtime's own operators
_END = 2**31 - 1
_QUIET = np.errstate(over="ignore", invalid="ignore")  # what is infinite is refused, in ``_single``


def build(
    frontend: Frontend,
    cmvn: Cmvn,
    weights: FsmnWeights,
    silence_classes: Sequence[int],
    *,
    observed: bool = False,
) -> bytes:
    """The serialised model, for N streams and T frames, history H = taps - 1, P memory channels, L blocks.

    Inputs: ``power`` float32 (N, T + 2 x lookahead, bins), ``state`` float32 (L, N, H, P).
    Outputs: ``p_silence`` float32 (N, T), ``state_out`` like ``state``; ``observed``: and, one by one, what each matrix
    is multiplied by, of a float model built in the form of an int8 one: nothing folded.

    Raises ModelInvalid where folded weights are too large for float32.
    """
    g = _Graph(iter(weights.int8) if weights.int8 else None)
    plain = observed or bool(weights.int8)
    channels, taps = weights.blocks[0].memory.shape
    features = _stacked_log_mel(g, frontend)
    times = g.op("Slice", g.op("Shape", features), g.ints(0), g.ints(2))  # [N, T]
    shape = g.op("Concat", g.ints(1), times, g.ints(channels), axis=0)  # [1, N, T, P]
    x = g.op("Reshape", features, g.ints(-1, frontend.mel_bins * frontend.lfr_frames))
    if plain:
        x = g.op("Mul", g.op("Add", x, g.floats(cmvn.shift)), g.floats(cmvn.scale))
    x = g.affine(x, weights.inputs[0] if plain else _fold_cmvn(weights.inputs[0], cmvn))
    x = g.op("Relu", g.affine(x, weights.inputs[1]))
    histories = []
    for i, block in enumerate(weights.blocks):
        projected = g.op("Reshape", g.product(x, block.projection), shape)
        known = g.op("Concat", g.cut("state", i, i + 1, 0), projected, axis=2)  # (1, N, H + T, P)
        histories.append(g.cut(known, (1 - taps) or _END, _END, 2))
        remembered = _memory(g, known, block.memory)
        x = g.op("Relu", g.affine(g.op("Reshape", remembered, g.ints(-1, channels)), block.affine))
    for affine in weights.outputs if plain else _fold(*weights.outputs):
        x = g.affine(x, affine)
    p = g.op("Softmax", x, axis=-1)
    p = g.op("Gather", p, g.ints(*silence_classes), axis=1)
    p = g.op("ReduceSum", p, g.ints(1), keepdims=0)
    g.op("Reshape", p, times, name="p_silence")
    g.op("Concat", *histories, name="state_out", axis=0)
    state = [len(weights.blocks), "N", taps - 1, channels]
    further = [_float(name, ["M", "K"]) for name in g.multiplied if observed]
    return g.model(
        [_float("power", ["N", "R", frontend.bins]), _float("state", state)],
        [_float("p_silence", ["N", "T"]), _float("state_out", state), *further],
    )


def _stacked_log_mel(g: _Graph, frontend: Frontend) -> str:
    """(N, R, bins) -> (N, T, mel_bins x lfr_frames)."""
    mel = g.op("MatMul", "power", g.floats(frontend.mel_filters()))
    log_mel = g.op("Log", g.op("Max", mel, g.floats(LOG_FLOOR)))
    stacked = [g.cut(log_mel, k, (k + 1 - frontend.lfr_frames) or _END, 1) for k in range(frontend.lfr_frames)]
    return g.op("Concat", *stacked, axis=2)


def _memory(g: _Graph, known: str, taps: Array) -> str:
    """(1, N, H + T, P) -> (1, N, T, P): each channel plus its weighted past. The streams are rows of one picture."""
    kernel = taps.copy()
    kernel[:, -1] += 1.0  # the skip connection
    wide = g.op("Transpose", known, perm=[0, 3, 1, 2])  # (1, P, N, H + T)
    mixed = g.op("Conv", wide, g.floats(kernel[:, None, None, :]), group=len(kernel), kernel_shape=[1, kernel.shape[1]])
    return g.op("Transpose", mixed, perm=[0, 2, 3, 1])


@_QUIET
def _fold_cmvn(affine: Affine, cmvn: Cmvn) -> Affine:
    """((x + shift) * scale) @ w + b  =  x @ (scale * w) + ((shift * scale) @ w + b)."""
    weight = affine.weight.astype(np.float64)
    bias = (cmvn.shift * cmvn.scale) @ weight + affine.bias
    return _single(cmvn.scale[:, None] * weight, bias)


@_QUIET
def _fold(first: Affine, second: Affine) -> tuple[Affine, ...]:
    """(x @ a + b) @ c + d  =  x @ (a @ c) + (b @ c + d), where that is less work.

    Where ``a`` narrows to a few values, folding would make gigabytes of a megabyte.
    """
    rows, columns = len(first.weight), len(second.bias)
    if rows * columns > first.weight.size + second.weight.size:
        return first, second
    c = second.weight.astype(np.float64)
    return (_single(first.weight.astype(np.float64) @ c, first.bias @ c + second.bias),)


def _single(weight: NDArray[np.float64], bias: NDArray[np.float64]) -> Affine:
    """In float32; raises ModelInvalid for what that cannot hold."""
    affine = Affine(weight.astype(np.float32), bias.astype(np.float32))
    if not (np.isfinite(affine.weight).all() and np.isfinite(affine.bias).all()):
        raise ModelInvalid(
            "the weights, or the means and variances in am.mvn, are too large: their products are infinite"
        )
    return affine


def _float(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
