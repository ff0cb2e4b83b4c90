"""An ONNX file -> what it says, and the tensors inside it. Nothing outside it is opened, and nothing in it is run."""

from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from segue.errors import ModelInvalid, one_line


def read_onnx(path: Path, *, most_bytes: int) -> tuple[onnx.ModelProto, dict[str, NDArray[Any]]]:
    """The model, and its constants by name, without those that are said to be in other files.

    Raises ModelInvalid where it has more than ``most_bytes``, or cannot be read.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > most_bytes:
            raise ModelInvalid(f"{path} has {size_bytes} bytes: no FSMN-VAD needs as many")
        model = onnx.load(path, load_external_data=False)
        inside = [tensor for tensor in model.graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL]
        return model, {tensor.name: numpy_helper.to_array(tensor) for tensor in inside}
    except ModelInvalid:
        raise
    except Exception as error:  # protobuf and onnx raise many kinds for damaged files
        raise ModelInvalid(f"{path} cannot be read as ONNX: {type(error).__name__}: {one_line(error):.300}") from error
