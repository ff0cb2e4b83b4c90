"""Weights from a checkpoint and from an export: the same ones, or a clear refusal."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from segue.errors import ModelInvalid, ModelUnsupported
from segue.models.fsmn_weights import FsmnWeights, read_checkpoint, read_export
from tests.models.networks import Sizes, export, random_weights, state_dict, write_checkpoint

SIZES = Sizes()
WEIGHTS = random_weights(SIZES)
MEMORY = "encoder.fsmn.0.fsmn_block.conv_left.weight"


def same(one: FsmnWeights, other: FsmnWeights) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.arrays(), other.arrays(), strict=True))


def checkpoint(tmp_path: Path, **changes: NDArray[np.generic]) -> Path:
    """A checkpoint with some tensors replaced (``__`` stands for the dots of their names)."""
    path = tmp_path / "model.pt"
    write_checkpoint(path, state_dict(WEIGHTS) | {name.replace("__", "."): value for name, value in changes.items()})
    return path


def exported(tmp_path: Path, change: Callable[[onnx.ModelProto], None] = lambda _: None) -> Path:
    model = export(WEIGHTS)
    change(model)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_checkpoint_reads_back(tmp_path: Path) -> None:
    """Every weight of a checkpoint arrives, bit for bit and in its place."""
    assert same(read_checkpoint(checkpoint(tmp_path), SIZES.layers), WEIGHTS)


def test_an_export_reads_back(tmp_path: Path) -> None:
    """Every weight of an export arrives, bit for bit and in its place."""
    assert same(read_export(exported(tmp_path), SIZES.layers), WEIGHTS)


def test_the_default_models_two_forms_hold_the_same_weights(model_directory: Path) -> None:
    """The checkpoint and the export of the default model are one network: their 428,738 weights are equal."""
    one, other = (
        read(model_directory / name, 4) for read, name in ((read_checkpoint, "model.pt"), (read_export, "model.onnx"))
    )
    assert same(one, other)
    assert sum(array.size for array in one.arrays()) == 428_738


@pytest.mark.parametrize(("dtype", "tolerance"), [("<f8", 0.0), ("<f2", 1e-3)])
def test_other_precisions_become_single(tmp_path: Path, dtype: str, tolerance: float) -> None:
    """Half and double precision checkpoints are read as float32."""
    path = tmp_path / "model.pt"
    write_checkpoint(path, {name: array.astype(dtype) for name, array in state_dict(WEIGHTS).items()})
    read = read_checkpoint(path, SIZES.layers)
    for array, expected in zip(read.arrays(), WEIGHTS.arrays(), strict=True):
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", state_dict(WEIGHTS))
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, name: str, value: float) -> None:
    """One NaN or infinite value in any tensor refuses the model."""
    damaged = state_dict(WEIGHTS)[name].copy()
    damaged.flat[-1] = value
    with pytest.raises(ModelInvalid, match="NaN or infinite"):
        read_checkpoint(checkpoint(tmp_path, **{name: damaged}), SIZES.layers)


def test_what_float32_cannot_hold_is_refused(tmp_path: Path) -> None:
    """A double precision weight of 1e300 is refused, without a warning, instead of becoming infinite."""
    huge = state_dict(WEIGHTS)["encoder.in_linear1.linear.bias"].astype("<f8")
    huge[0] = 1e300
    with pytest.raises(ModelInvalid, match="NaN or infinite"):
        read_checkpoint(checkpoint(tmp_path, encoder__in_linear1__linear__bias=huge), SIZES.layers)


@pytest.mark.parametrize("name", state_dict(WEIGHTS))
def test_weights_of_integers_are_refused(tmp_path: Path, name: str) -> None:
    """A tensor of integers is not a weight."""
    integers = np.ones(state_dict(WEIGHTS)[name].shape, dtype="<i8")
    with pytest.raises(ModelInvalid, match="int64, not floating point"):
        read_checkpoint(checkpoint(tmp_path, **{name: integers}), SIZES.layers)


@pytest.mark.parametrize("change", ["longer", "one dimension more", "empty", "flat"])
@pytest.mark.parametrize("name", state_dict(WEIGHTS))
def test_weights_of_other_shapes_are_refused(tmp_path: Path, name: str, change: str) -> None:
    """A tensor that is longer, empty, or of other dimensions than its neighbours allow is refused by its shape."""
    array = state_dict(WEIGHTS)[name]
    longer = np.concatenate((array, array[:1]))
    changed = {"longer": longer, "one dimension more": array[None], "empty": array[:0], "flat": np.array(array.sum())}
    with pytest.raises(ModelInvalid, match="shape"):
        read_checkpoint(checkpoint(tmp_path, **{name: changed[change]}), SIZES.layers)


@pytest.mark.parametrize("shape", [(6, 4), (6, 2, 4, 1), (6, 1, 4, 2), (6, 1, 0, 1)])
def test_memories_must_be_depthwise(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """A memory kernel must be (channels, 1, taps, 1) with at least one tap."""
    with pytest.raises(ModelInvalid, match="a memory kernel has shape"):
        read_checkpoint(checkpoint(tmp_path, **{MEMORY: np.ones(shape, dtype=np.float32)}), SIZES.layers)


def test_memories_must_be_of_one_length(tmp_path: Path) -> None:
    """All memories share their number of taps, because the state is one array."""
    with pytest.raises(ModelInvalid, match="shapes"):
        read_checkpoint(checkpoint(tmp_path, **{MEMORY: np.ones((6, 1, 5, 1), dtype=np.float32)}), SIZES.layers)


@pytest.mark.parametrize("name", state_dict(WEIGHTS))
def test_a_tensor_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    """The message says which tensor a checkpoint lacks."""
    path = tmp_path / "model.pt"
    write_checkpoint(path, {other: array for other, array in state_dict(WEIGHTS).items() if other != name})
    with pytest.raises(ModelInvalid, match=f"no tensor {name}"):
        read_checkpoint(path, SIZES.layers)


def test_more_layers_than_configured_are_refused(tmp_path: Path) -> None:
    """A checkpoint of two layers under a configuration of one is refused, not half used."""
    with pytest.raises(ModelUnsupported, match="more layers than config"):
        read_checkpoint(checkpoint(tmp_path), 1)
    with pytest.raises(ModelUnsupported, match="of 1 layers"):
        read_export(exported(tmp_path), 1)


def test_memory_of_the_future_is_refused(tmp_path: Path) -> None:
    """A network with a right-hand memory would need look-ahead that the graph does not have."""
    future = {"encoder.fsmn.0.fsmn_block.conv_right.weight": np.ones((6, 1, 4, 1), dtype=np.float32)}
    with pytest.raises(ModelUnsupported, match="memory of the future"):
        read_checkpoint(checkpoint(tmp_path, **future), SIZES.layers)


def test_further_tensors_do_not_matter(tmp_path: Path) -> None:
    """What a checkpoint holds beside the encoder (statistics, other parts) is left alone."""
    further = {"decoder.weight": np.full(3, np.nan, dtype=np.float32), "steps": np.ones(1, dtype="<i8")}
    assert same(read_checkpoint(checkpoint(tmp_path, **further), SIZES.layers), WEIGHTS)


def _set_conv(model: onnx.ModelProto, name: str, values: list[int]) -> None:
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    kept = [attribute for attribute in conv.attribute if attribute.name != name]
    del conv.attribute[:]
    conv.attribute.extend([*kept, helper.make_attribute(name, values)])


def _drop_relu(model: onnx.ModelProto) -> None:
    model.graph.node.remove(next(node for node in model.graph.node if node.op_type == "Relu"))


def _sigmoid(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Sigmoid"


def _lose_a_weight(model: onnx.ModelProto) -> None:
    del model.graph.initializer[0]


def _weight_elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


@pytest.mark.parametrize(
    "change",
    [
        _drop_relu,
        _sigmoid,
        _lose_a_weight,
        _weight_elsewhere,
        lambda model: _set_conv(model, "dilations", [2, 1]),
        lambda model: _set_conv(model, "strides", [2, 1]),
        lambda model: _set_conv(model, "pads", [1, 0, 0, 0]),
    ],
)
def test_another_network_is_refused_not_misread(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """An export with another operation, without a weight, or with dilated, strided or padded memory is refused."""
    with pytest.raises(ModelUnsupported, match=r"not FunASR's float export|weight arrays"):
        read_export(exported(tmp_path, change), SIZES.layers)


@pytest.mark.parametrize("values", [["a"], [1 << 40]])
def test_an_export_of_anything_but_floats_is_refused(tmp_path: Path, values: list[object]) -> None:
    """Text or integers where weights should be are refused as such."""
    array = np.array(values * 49, dtype=object if isinstance(values[0], str) else np.int64)

    def change(model: onnx.ModelProto) -> None:
        name = model.graph.initializer[0].name
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, name))

    with pytest.raises(ModelInvalid, match="not floating point"):
        read_export(exported(tmp_path, change), SIZES.layers)


def test_an_export_with_a_nan_is_refused(tmp_path: Path) -> None:
    """One NaN in an export refuses the model."""

    def change(model: onnx.ModelProto) -> None:
        array = numpy_helper.to_array(model.graph.initializer[0]).copy()
        array.flat[3] = np.nan
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, model.graph.initializer[0].name))

    with pytest.raises(ModelInvalid, match="NaN or infinite"):
        read_export(exported(tmp_path, change), SIZES.layers)


@pytest.mark.parametrize("data", [b"", b"not a model", bytes(range(256)) * 40])
def test_what_is_no_onnx_is_refused(tmp_path: Path, data: bytes) -> None:
    """Empty and random files are no exports, said on one line."""
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises((ModelInvalid, ModelUnsupported)) as caught:
        read_export(path, SIZES.layers)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.99])
def test_a_truncated_export_is_refused(tmp_path: Path, share: float) -> None:
    """An export cut short anywhere is refused."""
    path = exported(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises((ModelInvalid, ModelUnsupported)):
        read_export(path, SIZES.layers)
