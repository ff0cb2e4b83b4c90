"""Read the tensors of a ``torch.save`` archive without torch and without unpickling anything.

The archive is a zip with one ``data.pkl`` and raw storages beside it (PyTorch's serialization notes, zip format since
1.6). ``pickletools`` takes the pickle apart, and the few opcodes that describe tensors in dicts are carried out here on
plain data. What a pickle names is never looked up: the few names that matter (the functions that rebuild a tensor and a
parameter, the storage types, OrderedDict) are known as text, anything else is refused. So nothing in a checkpoint can
run, and it can make this process hold no more than its own size: members are as torch writes them, none compressed, and
only the storages of the model's own tensors are read (a fine-tuning result has two thirds of optimiser beside them).
"""

import math
import os
import pickletools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segue.errors import ModelInvalid, one_line

_BFLOAT16 = "torch BFloat16Storage"  # NumPy has no such type: read as what it is, the upper half of a float32
_DTYPES: Mapping[str, str] = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    _BFLOAT16: "<u2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "<i1",
    "torch ByteStorage": "<u1",
    "torch BoolStorage": "?",
}
_REBUILD = "torch._utils _rebuild_tensor_v2"
_REBUILD_PARAMETER = "torch._utils _rebuild_parameter"
_DICT = "collections OrderedDict"

_MAX_BYTES = 64 << 20  # an FSMN-VAD has 1.7 MB, with its optimiser 5.2 MB
_MAX_PICKLE_BYTES = 512 << 10  # an FSMN-VAD has 6 KB, with its optimiser 12 KB
_MAX_DIRECTORY_BYTES = 1 << 20  # the list of members: 8 KB; Python's zipfile makes ten times as much of it
_MAX_DIMENSIONS = 8
_OLD_FORMAT = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
"""How a file begins that torch wrote before 1.6 (or with ``_use_new_zipfile_serialization=False``)."""

_STATE_DICTS = ("state_dict", "model_state_dict", "model")
"""Entries that hold the weights, in the order in which FunASR looks for them."""


class _Name(str):
    """``module name``, as the pickle asked for it."""

    __slots__ = ()


class _Mark:
    """Where the items of a container begin on the stack."""


@dataclass(frozen=True, eq=False)
class _Storage:
    """Where numbers lie in the archive, and of what kind they are; not yet read."""

    key: str
    kind: str
    count: int


@dataclass(frozen=True, eq=False)
class _Tensor:
    """A strided view that stays inside its storage; not yet read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Bounded:
    """A file that hands out only so many bytes at once: zipfile reads as much as the archive says that it should."""

    def __init__(self, file: BinaryIO) -> None:
        self.most_bytes = _MAX_DIRECTORY_BYTES
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._file = file

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self.most_bytes + 1 if size < 0 else min(size, self.most_bytes + 1))
        if len(data) > self.most_bytes:
            raise ModelInvalid(f"the archive's list of members has more than {self.most_bytes} bytes")
        return data


class _Archive:
    """The zip, once its members are found to be what torch writes: plain paths in one folder, none compressed."""

    def __init__(self, file: BinaryIO) -> None:
        size = os.fstat(file.fileno()).st_size
        if size > _MAX_BYTES:
            raise ModelInvalid(f"not a torch checkpoint of a plausible size ({size} bytes)")
        if file.read(len(_OLD_FORMAT)) == _OLD_FORMAT:
            raise ModelInvalid(
                "a checkpoint in torch's format of before 1.6, which needs its pickle run; where torch is, "
                "torch.save(torch.load(...), ...) writes it anew"
            )
        bounded = _Bounded(file)
        self._zip = zipfile.ZipFile(bounded)
        bounded.most_bytes = _MAX_BYTES
        members = self._zip.infolist()
        pickles = [member for member in members if member.filename.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1 or pickles[0].file_size > _MAX_PICKLE_BYTES:
            raise ModelInvalid("not a torch checkpoint (a folder with one data.pkl of a plausible size)")
        self._folder = pickles[0].filename.removesuffix("data.pkl")
        _check_members(members, self._folder, size)
        self._raw: dict[str, bytes] = {}

    def pickled(self) -> bytes:
        """The bytes of ``data.pkl``."""
        byteorder = f"{self._folder}byteorder"
        if byteorder in self._zip.namelist() and self._zip.read(byteorder) != b"little":
            raise ModelInvalid("a checkpoint of a big-endian machine; save it again on a little-endian one")
        return self._zip.read(f"{self._folder}data.pkl")

    def read(self, tensor: _Tensor) -> NDArray[Any]:
        """A read-only strided view of a storage, which is read once."""
        storage = tensor.storage
        dtype = np.dtype(_DTYPES[storage.kind])
        if storage.key not in self._raw:
            self._raw[storage.key] = self._zip.read(f"{self._folder}data/{storage.key}")
        raw = self._raw[storage.key]
        if len(raw) != storage.count * dtype.itemsize:
            raise ModelInvalid(f"the checkpoint's storage {storage.key!a:.40} has {len(raw)} bytes, not its length")
        numbers = np.frombuffer(raw, dtype=dtype)[tensor.offset :]
        strides = [step * dtype.itemsize for step in tensor.stride]
        view = np.lib.stride_tricks.as_strided(numbers, shape=tensor.shape, strides=strides, writeable=False)
        if storage.kind == _BFLOAT16:
            view = (view.astype("<u4") << 16).view("<f4") if view.ndim else _single_bfloat16(view)
            view.flags.writeable = False
        return view


def _single_bfloat16(number: NDArray[Any]) -> NDArray[Any]:
    return (number.reshape(1).astype("<u4") << 16).view("<f4").reshape(())


def _check_members(members: list[zipfile.ZipInfo], folder: str, size: int) -> None:
    """Nothing is ever extracted. Still: an archive with other paths than torch's was made to fool somebody."""
    seen = set()
    for member in members:
        path = member.orig_filename  # as it stands in the archive: zipfile cuts names at a NUL
        parts = path.removeprefix(folder).split("/")
        odd = {"", ".", ".."} & {*parts, *folder.split("/")[:-1]} or "\\" in path or not path.isprintable()
        if odd or not path.startswith(folder) or path != member.filename:
            raise ModelInvalid(f"the archive holds the odd path {path!a:.80}, which torch does not write")
        if path.lower() in seen:
            raise ModelInvalid(f"the archive holds {path!a:.80} twice")
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ModelInvalid(f"the archive's {path!a:.80} is compressed, or its sizes differ: torch writes neither")
        seen.add(path.lower())
    if sum(member.file_size for member in members) > size:
        raise ModelInvalid("the archive's members claim more bytes than it has")


class _Stack:
    """The pickle machine, reduced to data."""

    def __init__(self) -> None:
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
                self._items.append(_storage(self._items.pop()))
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
    if name not in _DTYPES and name not in (_REBUILD, _REBUILD_PARAMETER, _DICT):
        asked = ascii(name.replace(" ", ".", 1))
        raise ModelInvalid(f"the checkpoint's pickle asks for {asked:.80}; only tensors are admitted, nothing was run")
    return _Name(name)


def _storage(reference: object) -> _Storage:
    match reference:
        case ("storage", _Name() as kind, str(key), _, int(count)) if kind in _DTYPES:  # _: where it was, "cuda:0"
            return _Storage(key, kind, count)
    raise ModelInvalid("the checkpoint holds a reference that is not a storage of numbers")


def _reduced(name: object, arguments: Any) -> object:
    if isinstance(name, _Name) and name == _REBUILD:
        return _rebuild_tensor(*arguments[:4])
    if isinstance(name, _Name) and name == _REBUILD_PARAMETER and isinstance(arguments[0], _Tensor):
        return arguments[0]
    if isinstance(name, _Name) and name == _DICT and isinstance(arguments, tuple) and not arguments:
        return {}  # the items of an OrderedDict follow it
    raise ModelInvalid("the checkpoint's pickle calls what cannot be called; nothing was run")


def _rebuild_tensor(storage: object, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> _Tensor:
    """A view, checked to stay inside its storage and to be no larger."""
    shaped = isinstance(shape, tuple) and isinstance(stride, tuple) and len(shape) == len(stride) <= _MAX_DIMENSIONS
    if not isinstance(storage, _Storage) or not shaped:
        raise ModelInvalid("the checkpoint holds a tensor without a storage, a shape and strides")
    # Each number is compared before any are multiplied: a pickle can hold integers of megabytes.
    if not all(isinstance(n, int) and 0 <= n <= _MAX_BYTES for n in (*shape, *stride, offset, storage.count)):
        raise ModelInvalid("the checkpoint holds a tensor of impossible shape")
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if 0 not in shape and (last >= storage.count or math.prod(shape) > storage.count):
        raise ModelInvalid(f"the checkpoint holds a tensor of shape {shape} beyond its storage of {storage.count}")
    return _Tensor(storage, offset, shape, stride)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Name -> read-only array of every tensor in a state dict, bfloat16 as float32.

    The state dict may stand in an entry ``state_dict``, ``model_state_dict`` or ``model``, and its names may begin with
    the ``module.`` that DataParallel puts before them, which is taken away.

    Raises ModelInvalid for anything that is not such an archive, is cut short, or asks to run code.
    """
    try:
        with path.open("rb") as file:
            archive = _Archive(file)
            return {name: archive.read(tensor) for name, tensor in _state_dict(archive.pickled()).items()}
    except ModelInvalid as error:
        raise ModelInvalid(f"{path}: {error}") from error
    except Exception as error:  # a damaged or hostile archive can make zipfile and pickletools raise anything
        reason = f"{type(error).__name__}: {one_line(error):.300}"
        raise ModelInvalid(f"{path} cannot be read as a torch checkpoint: {reason}") from error


def _state_dict(pickled: bytes) -> dict[str, _Tensor]:
    loaded = _Stack().run(pickled)
    for key in _STATE_DICTS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise ModelInvalid("no state dict (names and tensors)")
    tensors = {name: value for name, value in loaded.items() if isinstance(name, str) and isinstance(value, _Tensor)}
    plain = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    if len(plain) != len(tensors):
        raise ModelInvalid("the checkpoint holds a tensor twice, with module. before its name and without")
    return plain
