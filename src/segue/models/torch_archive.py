"""Read the tensors of a ``torch.save`` archive without torch and without unpickling anything.

The archive is a zip with one ``data.pkl`` and raw storages beside it (PyTorch's serialization notes, zip format since
1.6). ``pickletools`` takes the pickle apart, and the few opcodes that describe tensors in dicts are carried out here on
plain data. What a pickle names is never looked up: the three names that matter (the function that rebuilds a tensor,
the storage types, OrderedDict) are known as text, anything else is refused. So nothing in a checkpoint can run, and it
can make this process hold no more than its own size.
"""

import math
import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.errors import ModelInvalid, one_line

_DTYPES: Mapping[str, str] = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
}
_REBUILD = "torch._utils _rebuild_tensor_v2"
_DICT = "collections OrderedDict"

_MAX_BYTES = 256 << 20  # an archive's members together; an FSMN-VAD has 1.7 MB
_MAX_PICKLE_BYTES = 1 << 20  # an FSMN-VAD has 6 KB
_MAX_DIMENSIONS = 8


class _Name(str):
    """``module name``, as the pickle asked for it."""

    __slots__ = ()


class _Mark:
    """Where the items of a container begin on the stack."""


class _Storages:
    """Raw storages of one archive, each read once."""

    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        self._archive, self._prefix = archive, prefix
        self._raw: dict[str, bytes] = {}

    def read(self, reference: object) -> NDArray[Any]:
        match reference:
            case ("storage", _Name() as kind, str(key), _, int(count)) if kind in _DTYPES:
                pass
            case _:
                raise ModelInvalid("the checkpoint holds a reference that is not a storage of numbers")
        dtype = np.dtype(_DTYPES[kind])
        if key not in self._raw:
            self._raw[key] = self._archive.read(f"{self._prefix}data/{key}")
        if len(self._raw[key]) != count * dtype.itemsize:
            raise ModelInvalid(f"the checkpoint's storage {key!a:.40} has {len(self._raw[key])} bytes, not its length")
        return np.frombuffer(self._raw[key], dtype=dtype)


class _Stack:
    """The pickle machine, reduced to data."""

    def __init__(self, storages: _Storages) -> None:
        self._storages = storages
        self._items: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, pickled: bytes) -> object:
        """What the pickle describes: dicts, lists, tuples, text, numbers, tensors."""
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name in _OF_ARGUMENT:
                self._items.append(argument)
            elif opcode.name in _CONSTANTS:
                self._items.append(_CONSTANTS[opcode.name])
            elif opcode.name in _CONTAINERS:
                self._items.append(_CONTAINERS[opcode.name]())
            elif opcode.name in _TUPLES:
                self._items.append(tuple(self._pop(_TUPLES[opcode.name])))
            elif opcode.name not in _SILENT:
                self._act(opcode.name, argument)
        return self._items.pop()

    def _act(self, name: str, argument: Any) -> None:
        match name:
            case "TUPLE":
                self._items.append(tuple(self._pop_to_mark()))
            case "SETITEM" | "SETITEMS":
                pairs = self._pop(2) if name == "SETITEM" else self._pop_to_mark()
                self._set(pairs)
            case "APPEND" | "APPENDS":
                values = self._pop(1) if name == "APPEND" else self._pop_to_mark()
                self._items[-1].extend(values)
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._items[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = self._items[-1]
            case "BINGET" | "LONG_BINGET":
                self._items.append(self._memo[argument])
            case "STACK_GLOBAL":
                self._items.append(_admitted(" ".join(self._pop(2))))
            case "GLOBAL":
                self._items.append(_admitted(argument))
            case "BINPERSID":
                self._items.append(self._storages.read(self._items.pop()))
            case "REDUCE":
                self._items.append(_reduced(*self._pop(2)))
            case "BUILD":
                self._items.pop()  # the attributes of an OrderedDict: versions of modules, which nothing here needs
            case _:
                raise ModelInvalid(f"the checkpoint's pickle uses {name}, which no tensor needs; nothing was run")

    def _pop(self, count: int) -> list[Any]:
        if len(self._items) < count:
            raise ModelInvalid("the checkpoint's pickle takes more than it gave")
        taken = self._items[-count:]
        del self._items[-count:]
        return taken

    def _pop_to_mark(self) -> list[Any]:
        at = next(i for i in range(len(self._items) - 1, -1, -1) if self._items[i] is _Mark)
        taken = self._items[at + 1 :]
        del self._items[at:]
        return taken

    def _set(self, pairs: list[Any]) -> None:
        names, values = pairs[::2], pairs[1::2]
        if all(isinstance(name, str | int) for name in names):
            self._items[-1].update(zip(names, values, strict=True))
        else:
            raise ModelInvalid("the checkpoint holds a dict with keys that are no names")


_OF_ARGUMENT = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_CONSTANTS: Mapping[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "MARK": _Mark}
_CONTAINERS: Mapping[str, type[dict[Any, Any]] | type[list[Any]]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_SILENT = {"PROTO", "FRAME", "STOP"}


def _admitted(name: str) -> _Name:
    if name not in _DTYPES and name not in (_REBUILD, _DICT):
        asked = ascii(name.replace(" ", ".", 1))
        raise ModelInvalid(f"the checkpoint's pickle asks for {asked:.80}; only tensors are admitted, nothing was run")
    return _Name(name)


def _reduced(name: object, arguments: Any) -> object:
    if isinstance(name, _Name) and name == _REBUILD:
        return _rebuild_tensor(*arguments[:4])
    if isinstance(name, _Name) and name == _DICT and isinstance(arguments, tuple) and not arguments:
        return {}  # the items of an OrderedDict follow it
    raise ModelInvalid("the checkpoint's pickle calls what cannot be called; nothing was run")


def _rebuild_tensor(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
) -> NDArray[Any]:
    """A read-only strided view, checked to stay inside its storage and to be no larger."""
    if not isinstance(storage, np.ndarray) or not len(shape) == len(stride) <= _MAX_DIMENSIONS:
        raise ModelInvalid("the checkpoint holds a tensor without a storage, a shape and strides")
    # Each number is compared before any are multiplied: a pickle can hold integers of megabytes.
    if not all(isinstance(n, int) and 0 <= n <= _MAX_BYTES for n in (*shape, *stride, offset)):
        raise ModelInvalid("the checkpoint holds a tensor of impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if 0 not in shape and (last >= len(storage) or math.prod(shape) > len(storage)):
        raise ModelInvalid(f"the checkpoint holds a tensor of shape {shape} beyond its storage of {len(storage)}")
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape=shape, strides=strides, writeable=False)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Name -> read-only array of every tensor in a state dict (or in its ``state_dict`` / ``model_state_dict`` entry).

    Raises ModelInvalid for anything that is not such an archive, is cut short, or asks to run code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
            total = sum(member.file_size for member in archive.infolist())
            if len(pickles) != 1 or total > _MAX_BYTES or archive.getinfo(pickles[0]).file_size > _MAX_PICKLE_BYTES:
                raise ModelInvalid(f"not a torch checkpoint of a plausible size ({total} bytes)")
            prefix = pickles[0].removesuffix("data.pkl")
            if f"{prefix}byteorder" in archive.namelist() and archive.read(f"{prefix}byteorder") != b"little":
                raise ModelInvalid("a checkpoint of a big-endian machine; save it again on a little-endian one")
            loaded = _Stack(_Storages(archive, prefix)).run(archive.read(pickles[0]))
    except ModelInvalid as error:
        raise ModelInvalid(f"{path}: {error}") from error
    except Exception as error:  # a damaged or hostile archive can make zipfile and pickletools raise anything
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ModelInvalid(f"{path} cannot be read as a torch checkpoint: {reason}") from error
    for key in ("state_dict", "model_state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise ModelInvalid(f"{path} holds no state dict (names and tensors)")
    return {name: tensor for name, tensor in loaded.items() if isinstance(name, str) and isinstance(tensor, np.ndarray)}
