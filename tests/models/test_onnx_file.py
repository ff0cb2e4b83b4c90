"""What is read of an ONNX file, whatever it says."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from segue.errors import ModelInvalid
from segue.models.onnx_file import read_onnx


def _written(path: Path) -> Path:
    """A file with a tensor inside it, and one that is said to lie in ``/etc/passwd``."""
    inside = numpy_helper.from_array(np.arange(3, dtype=np.float32), "inside")
    outside = onnx.TensorProto(name="outside", data_type=onnx.TensorProto.FLOAT, dims=[1])
    outside.data_location = onnx.TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/passwd")
    model = helper.make_model(helper.make_graph([], "g", [], [], [inside, outside]), producer_name="test")
    path.write_bytes(model.SerializeToString())
    return path


def test_only_what_is_inside_is_read(tmp_path: Path) -> None:
    """A tensor that points to another file is not followed."""
    model, tensors = read_onnx(_written(tmp_path / "m.onnx"), most_bytes=10_000)
    assert model.producer_name == "test"
    assert list(tensors) == ["inside"]
    assert tensors["inside"].tolist() == [0, 1, 2]


def test_what_is_too_large_or_no_onnx_is_refused_on_one_line(tmp_path: Path) -> None:
    """The size is looked at before anything is read."""
    path = _written(tmp_path / "m.onnx")
    with pytest.raises(ModelInvalid, match="bytes: no FSMN-VAD needs as many"):
        read_onnx(path, most_bytes=10)
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(ModelInvalid, match="cannot be read as ONNX") as caught:
        read_onnx(path, most_bytes=10_000)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelInvalid, match="cannot be read as ONNX"):
        read_onnx(tmp_path / "none.onnx", most_bytes=10_000)
