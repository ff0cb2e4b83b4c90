"""Tensors, of a request's JSON and of the bytes behind it (the binary tensor extension), and back.

Multi-byte values are little-endian; JSON has them flat or nested, in row-major order.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.errors import RequestInvalid
from segue.speech.names import printable, shown

DATATYPES: Mapping[str, str] = {
    "FP32": "<f4",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
}
"""Those of the protocol that some tensor here can have."""

_MOST_AXES = 4
_LONGEST_AXIS = 2**40
_LONGEST_NAME = 100
_BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class Tensor:
    """``values`` has the datatype's dtype and is flat; ``shape`` says how many there are."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: NDArray[Any]


def read_tensors(inputs: object, binary: bytes) -> list[Tensor]:
    """The inputs of a request; ``binary`` is what follows its JSON, and is to be used up. Raises RequestInvalid."""
    if not isinstance(inputs, list) or not inputs:
        raise RequestInvalid(f"inputs is {shown(inputs)}: a list of tensors is wanted")
    found: dict[str, Tensor] = {}
    at = 0
    for each in inputs:
        tensor, used = _read(each, binary, at)
        at += used
        if tensor.name in found:
            raise RequestInvalid(f"input {tensor.name!r} is given twice")
        found[tensor.name] = tensor
    if at != len(binary):
        raise RequestInvalid(f"{len(binary)} bytes follow the JSON, and the inputs' binary_data_size take {at} of them")
    return list(found.values())


def _read(given: object, binary: bytes, at: int) -> tuple[Tensor, int]:
    """One input, and how many of the bytes from ``at`` on are its own."""
    if not isinstance(given, dict):
        raise RequestInvalid(f"an input is {shown(given)}: an object with name, shape and datatype is wanted")
    name = _name(given.get("name"))
    datatype, shape = _datatype(given.get("datatype"), name), _shape(given.get("shape"), name)
    dtype, count = np.dtype(DATATYPES[datatype]), 1
    for length in shape:
        count *= length
    options = given.get("parameters", {})
    size = options.get("binary_data_size") if isinstance(options, dict) else None
    if isinstance(options, dict) and "shared_memory_region" in options:
        raise RequestInvalid(f"input {name!r}: shared memory is not taken; send its data")
    if size is None:
        return Tensor(name, datatype, shape, _from_json(given.get("data"), dtype, count, name)), 0
    if "data" in given:
        raise RequestInvalid(f"input {name!r} has data and binary_data_size: give one of them")
    wanted = count * dtype.itemsize
    if type(size) is not int or size != wanted:
        raise RequestInvalid(
            f"input {name!r}: binary_data_size is {shown(size)}, and {datatype} of shape {list(shape)} "
            f"has {wanted} bytes"
        )
    if at + size > len(binary):
        raise RequestInvalid(f"input {name!r}: the body ends {at + size - len(binary)} bytes before its data does")
    return Tensor(name, datatype, shape, np.frombuffer(binary, dtype, count, offset=at)), size


def _from_json(data: object, dtype: np.dtype[Any], count: int, name: str) -> NDArray[Any]:
    """Flat values; the count is checked before anything is made of that size."""
    parts = list(_flat(data, name, 0))
    got = sum(len(part) for part in parts)
    if got != count:
        raise RequestInvalid(f"input {name!r} has {got} values, and its shape {count}")
    if not parts:
        return np.empty(0, dtype)
    try:
        values = np.concatenate([np.asarray(part, np.float64) for part in parts])
    except OverflowError as error:
        raise RequestInvalid(f"input {name!r} has a number that is too large") from error
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # what is too large is infinite, and refused as that
            return values.astype(dtype)
    limits = np.iinfo(dtype)
    if not bool(np.all((values == np.rint(values)) & (values >= limits.min) & (values <= limits.max))):
        raise RequestInvalid(f"input {name!r}: whole numbers from {limits.min} to {limits.max} are wanted")
    return values.astype(dtype)


def _flat(data: object, name: str, depth: int) -> Iterator[Sequence[float] | NDArray[np.float32]]:
    """Runs of numbers; what is nested, part after part."""
    if isinstance(data, np.ndarray):
        yield data
    elif isinstance(data, list) and depth < _MOST_AXES:
        if all(type(each) in (int, float) for each in data):
            yield data
            return
        for each in data:
            yield from _flat(each, name, depth + 1)
    else:
        raise RequestInvalid(f"input {name!r}: data is or has {shown(data)}; numbers are wanted, flat or nested")


def _name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or printable(name) != name:
        raise RequestInvalid(
            f"an input's name is {shown(name)}: at most {_LONGEST_NAME} printable characters are wanted"
        )
    return name


def _datatype(datatype: object, name: str) -> str:
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise RequestInvalid(f"input {name!r}: datatype {shown(datatype)} is not taken; {', '.join(DATATYPES)} are")
    return datatype


def _shape(shape: object, name: str) -> tuple[int, ...]:
    if (
        isinstance(shape, list)
        and 0 < len(shape) <= _MOST_AXES
        and all(type(n) is int and 0 <= n <= _LONGEST_AXIS for n in shape)
    ):
        return tuple(shape)
    raise RequestInvalid(f"input {name!r}: shape is {shown(shape)}; 1 to {_MOST_AXES} whole numbers are wanted")


def write_tensor(name: str, datatype: str, values: NDArray[Any], *, binary: bool) -> tuple[str, bytes]:
    """An output as JSON, and its bytes if it is to be binary."""
    about: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(values.shape)}
    if binary:
        data = values.astype(DATATYPES[datatype]).tobytes()
        return json.dumps(about | {"parameters": {"binary_data_size": len(data)}}), data
    return f'{json.dumps(about)[:-1]}, "data": [{",".join(_texts(values.ravel()))}]}}', b""


def _texts(values: NDArray[Any]) -> Iterator[str]:
    """Nine digits bring every float32 back; a day has 8.6 million: never all of them as objects at once."""
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].tolist()
        yield ",".join([f"{value:.9g}" if isinstance(value, float) else str(value) for value in block])
