"""An int8 FSMN-VAD: near the float one, exact in itself, and its file read as data or refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from segue.errors import ModelError, ModelInvalid, ModelUnsupported
from segue.models.fsmn import load
from segue.models.fsmn_int8 import is_int8, quantised, read_int8, write_int8
from segue.models.fsmn_weights import FsmnWeights
from segue.speech.scorer import Samples
from tests.models.networks import Network, Sizes, random_weights, write_int8_of, write_network

SIZES = Sizes()
RANGES = [(-3.0, 5.0)] * (4 + 2 * SIZES.layers)
SMALL = quantised(random_weights(SIZES), RANGES)


def written(path: Path, change: Callable[[onnx.ModelProto], None] = lambda _: None) -> Path:
    write_int8(path, SMALL, facts={"Made from": "x"})
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return write_network(tmp_path_factory.mktemp("models") / "8k")


def test_matrices_are_within_half_a_step(network: Network) -> None:
    """Each number is off by half a step of its column at most, of which there are 128; biases and memories are kept."""
    for matrix, small in zip(network.weights.matrices(), quantised(network.weights, RANGES).int8, strict=True):
        step = np.abs(matrix).max(axis=0) / 64
        assert (np.abs(small.matrix() - matrix) <= step * 0.5001).all()
        assert small.values.min() >= -64
        assert small.values.max() <= 64
    kept = quantised(network.weights, RANGES)
    for before, after in zip(network.weights.blocks, kept.blocks, strict=True):
        np.testing.assert_array_equal(before.memory, after.memory)
        np.testing.assert_array_equal(before.affine.bias, after.affine.bias)


def test_zero_stays_zero() -> None:
    """Whatever the range, 0 is one of the 256 inputs exactly: ReLU makes many of them."""
    for bounds in ((-3.0, 5.0), (2.0, 7.0), (-9.0, -1.0), (0.0, 0.0)):
        small = quantised(random_weights(SIZES), [bounds] * len(RANGES)).int8[0]
        assert 0 <= small.input_zero <= 255
        assert small.input_scale > 0


def test_a_column_of_zeros_stays_one() -> None:
    """A matrix of zeros has scales above 0 all the same, and stands for zeros."""
    weights = random_weights(SIZES)
    weights.inputs[0].weight[:] = 0
    assert not quantised(weights, RANGES).int8[0].matrix().any()


def test_the_file_reads_back(tmp_path: Path) -> None:
    """Every number arrives bit for bit, and the file says what it is and what it was made of."""
    path = written(tmp_path / "model.onnx")
    read = read_int8(path, SIZES.layers)
    assert is_int8(path)
    for one, other in zip(SMALL.arrays(), read.arrays(), strict=True):
        np.testing.assert_array_equal(one, other)
    for small, again in zip(SMALL.int8, read.int8, strict=True):
        assert (small.values == again.values).all()
        assert (small.input_scale, small.input_zero) == (again.input_scale, again.input_zero)
    assert {entry.key: entry.value for entry in onnx.load(path).metadata_props} == {"Made from": "x"}


def test_the_default_model_in_int8_decides_nearly_alike(
    model_directory: Path, tmp_path: Path, long_speech: Samples
) -> None:
    """Of three minutes of speech 98.5 % of frames or more are decided as by the float model, and not all (no copy)."""
    small, rules = load(write_int8_of(model_directory, tmp_path))
    large, _ = load(model_directory)
    one, other = (np.concatenate((s.accept(long_speech), s.finish())) for s in (large.open(), small.open()))
    alike = (rules.is_speech(one) == rules.is_speech(other)).mean()
    assert 0.985 <= alike < 1
    assert (tmp_path / "model.onnx").stat().st_size < (model_directory / "model.onnx").stat().st_size / 3


def test_chunks_and_batches_give_the_same_bits(model_directory: Path, tmp_path: Path, speech: Samples) -> None:
    """Scales are fixed and sums are of integers: no chunking, and no company in a batch, changes a bit."""
    scorer, _ = load(write_int8_of(model_directory, tmp_path))
    stream = scorer.open()
    whole = np.concatenate((stream.accept(speech), stream.finish()))
    for size in (160, 641, 3_200, 100_000):
        stream = scorer.open()
        parts = [stream.accept(speech[at : at + size]) for at in range(0, len(speech), size)]
        np.testing.assert_array_equal(np.concatenate((*parts, stream.finish())), whole)
    streams = [scorer.open() for _ in range(5)]
    loud = [speech[: 16_000 * 3] * np.float32(gain) for gain in (1, 0, 3, 0.1, 1)]
    together = scorer.accept_many(streams, loud)
    for samples, heard in zip(loud, together, strict=True):
        np.testing.assert_array_equal(heard, scorer.open().accept(samples))


# -- files that are not what they should be ------------------------------------------------------------------------


def put(name: str, value: NDArray[np.generic] | None) -> Callable[[onnx.ModelProto], None]:
    """Replace a tensor, or take it out."""

    def change(model: onnx.ModelProto) -> None:
        constants = model.graph.initializer
        kept = [tensor for tensor in constants if tensor.name != name]
        del constants[:]
        constants.extend([*kept, *([numpy_helper.from_array(value, name)] if value is not None else [])])

    return change


BAD: dict[str, Callable[[onnx.ModelProto], None]] = {
    "a tensor is missing": put("in_linear1.values", None),
    "a bias is missing": put("fsmn.0.affine.bias", None),
    "weights of float": put("in_linear1.values", np.ones((24, 7), dtype=np.float32)),
    "weights of eight bits": put("in_linear1.values", np.full((24, 7), 65, dtype=np.int8)),
    "weights of eight bits, below": put("in_linear1.values", np.full((24, 7), -128, dtype=np.int8)),
    "weights of another shape": put("in_linear1.values", np.ones((24, 8), dtype=np.int8)),
    "weights of no shape": put("in_linear1.values", np.ones((24, 0), dtype=np.int8)),
    "weights that do not fit each other": put("fsmn.0.linear.values", np.ones((11, 6), dtype=np.int8)),
    "more inputs than a sum can hold": put("in_linear1.values", np.ones((65_537, 7), dtype=np.int8)),
    "a scale of NaN": put("in_linear1.scale", np.full(7, np.nan, dtype=np.float32)),
    "a scale below 0": put("in_linear1.scale", np.full(7, -1, dtype=np.float32)),
    "a scale beyond float32": put("in_linear1.scale", np.full(7, 3e38, dtype=np.float32)),
    "steps of 0": put("out_linear2.input_scale", np.zeros((), dtype=np.float32)),
    "many steps": put("out_linear2.input_scale", np.ones(3, dtype=np.float32)),
    "a zero of another type": put("out_linear2.input_zero", np.zeros((), dtype=np.int8)),
    "an infinite bias": put("out_linear2.bias", np.full(9, np.inf, dtype=np.float32)),
    "a NaN in a memory": put("fsmn.1.memory", np.full((6, 4), np.nan, dtype=np.float32)),
    "memories of two lengths": put("fsmn.1.memory", np.ones((6, 5), dtype=np.float32)),
    "a tensor too many": put("fsmn.0.conv_right", np.ones((6, 4), dtype=np.float32)),
    "an operation": lambda model: model.graph.node.append(helper.make_node("Relu", ["a"], ["b"])),
    "a name twice": lambda model: model.graph.initializer.append(model.graph.initializer[0]),
    "weights elsewhere": lambda model: setattr(model.graph.initializer[0], "data_location", onnx.TensorProto.EXTERNAL),
}


@pytest.mark.parametrize("fault", BAD)
def test_anything_else_is_refused(tmp_path: Path, fault: str) -> None:
    """Any tensor missing, added, or of another type, shape or range is refused on one line that names the file."""
    path = written(tmp_path / "model.onnx", BAD[fault])
    with pytest.raises((ModelInvalid, ModelUnsupported)) as caught:
        read_int8(path, SIZES.layers)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("layers", [1, 3])
def test_other_layers_than_configured_are_refused(tmp_path: Path, layers: int) -> None:
    """A model of two layers under a configuration of one or three is refused, not half used."""
    with pytest.raises(ModelError):
        read_int8(written(tmp_path / "model.onnx"), layers)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    """Cut short anywhere, it is refused."""
    path = written(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ModelError):
        read_int8(path, SIZES.layers)


def test_an_export_is_not_taken_for_one(tmp_path: Path) -> None:
    """FunASR's export does not say that it is one; a directory of an int8 model does not need a checkpoint."""
    network = write_network(tmp_path / "float", kind="model.onnx")
    assert not is_int8(network.directory / "model.onnx")
    assert load(write_int8_of(network.directory, tmp_path / "int8"))[0].sample_rate == 8_000
    with pytest.raises(ModelInvalid, match="cannot be read"):
        is_int8(tmp_path / "nowhere")


def test_int8_weights_are_part_of_the_weights() -> None:
    """The float matrices of int8 weights are what they stand for, so that shapes are checked in one place."""
    assert isinstance(SMALL, FsmnWeights)
    for matrix, small in zip(SMALL.matrices(), SMALL.int8, strict=True):
        np.testing.assert_array_equal(matrix, small.matrix())
    assert replace(SMALL, int8=()).int8 == ()
