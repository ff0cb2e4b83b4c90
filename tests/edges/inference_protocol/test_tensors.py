"""Tensors of JSON and of the bytes behind it, and back."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segue.edges.inference_protocol.tensors import read_tensors, write_tensor
from segue.errors import RequestInvalid


def given(**changed: Any) -> dict[str, Any]:
    """An input; a value of None is left out."""
    whole = {"name": "audio", "shape": [3], "datatype": "FP32", "data": [0.5, -0.5, 0]} | changed
    return {name: value for name, value in whole.items() if value is not None}


def binary(size: object, **changed: Any) -> dict[str, Any]:
    """An input whose data follows the JSON."""
    return given(data=None, parameters={"binary_data_size": size}, **changed)


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([4], [1, 2, 3, 4]),
        ([1, 4], [1, 2, 3, 4]),
        ([1, 4], [[1, 2, 3, 4]]),
        ([2, 2], [[1, 2], [3, 4]]),
        ([1, 4], [np.array([1, 2, 3, 4], np.float32)]),
        ([4], np.array([1, 2, 3, 4], np.float32)),
    ],
)
@pytest.mark.parametrize(
    ("datatype", "dtype"), [("FP32", "<f4"), ("INT16", "<i2"), ("INT64", "<i8"), ("UINT32", "<u4")]
)
def test_json_flat_and_nested(datatype: str, dtype: str, shape: list[int], data: Any) -> None:
    """Row-major, in the datatype."""
    (tensor,) = read_tensors([given(shape=shape, data=data, datatype=datatype)], b"")
    assert (tensor.name, tensor.datatype, list(tensor.shape)) == ("audio", datatype, shape)
    assert tensor.values.dtype == np.dtype(dtype)
    assert tensor.values.tolist() == [1, 2, 3, 4]


def test_binary_data_is_taken_in_the_order_of_the_inputs() -> None:
    """Little-endian, one behind the other; an input with JSON data between them takes none."""
    first, second = np.array([1.5, -2.5, 0], "<f4"), np.array([-3, 7], "<i2")
    inputs = [
        binary(12),
        given(name="sample_rate", shape=[1], datatype="INT32", data=[8000]),
        binary(4, name="more", shape=[2], datatype="INT16"),
    ]
    found = read_tensors(inputs, first.tobytes() + second.tobytes())
    assert [tensor.values.tolist() for tensor in found] == [[1.5, -2.5, 0], [8000], [-3, 7]]


def test_an_empty_tensor() -> None:
    """No values, binary or not."""
    for tensor in (given(shape=[0], data=[]), given(shape=[1, 0], data=[[]]), binary(0, shape=[0])):
        (found,) = read_tensors([tensor], b"")
        assert len(found.values) == 0


@pytest.mark.parametrize(
    ("inputs", "data", "said"),
    [
        (None, b"", "a list of tensors is wanted"),
        ([], b"", "a list of tensors is wanted"),
        ([7], b"", "an object with name"),
        ([given(name=None)], b"", "name is None"),
        ([given(name="a\nb")], b"", "printable"),
        ([given(name="a" * 101)], b"", "printable"),
        ([given(datatype="BYTES")], b"", "datatype 'BYTES' is not taken; FP32, INT16"),
        ([given(datatype=["FP32"])], b"", "datatype"),
        ([given(shape=None)], b"", "shape is None"),
        ([given(shape=[])], b"", "shape"),
        ([given(shape=[-1])], b"", "shape"),
        ([given(shape=[True])], b"", "shape"),
        ([given(shape=[3.0])], b"", "shape"),
        ([given(shape=[1, 1, 1, 1, 3])], b"", "shape"),
        ([given(shape=[10**1000])], b"", "shape"),
        ([given(shape=[2**40, 2**40])], b"", "has 3 values"),
        ([given(shape=[2])], b"", "3 values, and its shape 2"),
        ([given(data=None)], b"", "numbers are wanted"),
        ([given(data="abc")], b"", "numbers are wanted"),
        ([given(data=[1, 2, "3"])], b"", "numbers are wanted"),
        ([given(data=[1, 2, True])], b"", "numbers are wanted"),
        ([given(data=[1, [2, 3]])], b"", "numbers are wanted"),
        ([given(data=[[[[[1, 2, 3]]]]])], b"", "numbers are wanted"),
        ([given(data=[10**400, 0, 0])], b"", "too large"),
        ([given(datatype="INT16", data=[0.5, 0, 0])], b"", "whole numbers from -32768 to 32767"),
        ([given(datatype="INT16", data=[32768, 0, 0])], b"", "whole numbers"),
        ([given(datatype="INT16", data=[float("inf"), 0, 0])], b"", "whole numbers"),
        ([given(), given()], b"", "given twice"),
        ([given()], b"x", "1 bytes follow the JSON"),
        ([binary(12)], b"x" * 11, "ends 1 bytes before"),
        ([binary(12)], b"x" * 13, "take 12 of them"),
        ([binary(11)], b"x" * 11, "has 12 bytes"),
        ([binary(-12)], b"x" * 12, "has 12 bytes"),
        ([binary(12.0)], b"x" * 12, "has 12 bytes"),
        ([binary(True, shape=[0])], b"", "has 0 bytes"),
        ([binary(2**84, shape=[2**40, 2**40, 1])], b"", "has 4835703278458516698824704 bytes"),
        ([given(parameters={"binary_data_size": 12})], b"x" * 12, "give one of them"),
        ([given(data=None, parameters={"shared_memory_region": "x"})], b"", "shared memory is not taken"),
    ],
)
def test_what_is_no_tensor_is_refused(inputs: Any, data: bytes, said: str) -> None:
    """One short line that says what is wanted; nothing is made of the size that a shape claims."""
    with pytest.raises(RequestInvalid) as refused:
        read_tensors(inputs, data)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "values", [np.array([[200, 1400], [3000, 3500]], np.int64), np.zeros((0, 2), np.int64), np.array([], np.int64)]
)
def test_an_output_is_json_or_binary(values: NDArray[np.int64]) -> None:
    """Flat in the JSON; behind it with its size in the parameters."""
    text, data = write_tensor("segments", "INT64", values, binary=False)
    assert data == b""
    about = {"name": "segments", "datatype": "INT64", "shape": list(values.shape)}
    assert json.loads(text) == about | {"data": values.ravel().tolist()}
    text, data = write_tensor("segments", "INT64", values, binary=True)
    assert json.loads(text) == about | {"parameters": {"binary_data_size": len(data)}}
    assert np.frombuffer(data, "<i8").tolist() == values.ravel().tolist()


def test_floats_come_back_from_json_bit_by_bit() -> None:
    """However small, and however many."""
    values = np.random.default_rng(0).random(25_000, np.float32) ** 9
    text, _ = write_tensor("probabilities", "FP32", values, binary=False)
    np.testing.assert_array_equal(np.array(json.loads(text)["data"], np.float32), values)
