"""Read the tensors of a ``torch.save`` archive without torch and without running its pickle.

The archive is a zip with one ``data.pkl`` and raw storages beside it (PyTorch's serialization notes, zip format since
1.6). The pickle is interpreted by an unpickler that admits three names only: the function that rebuilds a tensor, the
storage types, and OrderedDict. Whatever else it names is refused before it could run.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.errors import ModelInvalid

_DTYPES: Mapping[str, str] = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
_MAX_BYTES = 1 << 30  # a checkpoint's storages together; an FSMN-VAD has 1.7 MB
_MAX_PICKLE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str


class _Tensors(pickle.Unpickler):
    """Admits tensors, and containers of them."""

    def __init__(self, pickled: bytes, storages: "_Storages") -> None:
        super().__init__(BytesIO(pickled))
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise ModelInvalid(
            f"the checkpoint's pickle asks for {module}.{name}; only tensors are admitted, nothing was run"
        )

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        match pid:
            case ("storage", _StorageType(dtype), str(key), _, int(count)):
                return self._storages.read(key, dtype, count)
        raise ModelInvalid(f"the checkpoint holds a reference that is not a storage: {pid!r:.80}")


class _Storages:
    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        self._archive, self._prefix = archive, prefix
        self._read: dict[str, NDArray[Any]] = {}

    def read(self, key: str, dtype: str, count: int) -> NDArray[Any]:
        if key not in self._read:
            raw = self._archive.read(f"{self._prefix}data/{key}")
            if len(raw) != count * np.dtype(dtype).itemsize:
                raise ModelInvalid(f"the checkpoint's storage {key!r:.40} has {len(raw)} bytes, not {count} of {dtype}")
            self._read[key] = np.frombuffer(raw, dtype=dtype)
        return self._read[key]


def _rebuild_tensor(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> NDArray[Any]:
    """A strided view, checked to stay inside its storage."""
    dimensions = (*shape, *stride, offset)
    if len(shape) != len(stride) or not all(isinstance(n, int) and n >= 0 for n in dimensions):
        raise ModelInvalid(f"the checkpoint holds a tensor of impossible shape {shape!r:.80}")
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if 0 not in shape and last >= len(storage):
        raise ModelInvalid(f"the checkpoint holds a tensor of shape {shape!r:.80} beyond its storage")
    return np.lib.stride_tricks.as_strided(
        storage[offset:], shape=shape, strides=[step * storage.itemsize for step in stride], writeable=False
    ).copy()


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Name -> array of every tensor in a state dict (or in its ``state_dict`` / ``model_state_dict`` entry).

    Raises ModelInvalid for anything that is not such an archive, is cut short, or asks to run code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickles = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
            total = sum(member.file_size for member in archive.infolist())
            if len(pickles) != 1 or total > _MAX_BYTES or archive.getinfo(pickles[0]).file_size > _MAX_PICKLE_BYTES:
                raise ModelInvalid(f"{path} is not a torch checkpoint of a plausible size ({total} bytes)")
            prefix = pickles[0].removesuffix("data.pkl")
            loaded = _Tensors(archive.read(pickles[0]), _Storages(archive, prefix)).load()
    except ModelInvalid as error:
        raise ModelInvalid(f"{path}: {error}") from error
    except Exception as error:  # a hostile pickle can make the unpickler raise anything
        raise ModelInvalid(f"{path} cannot be read as a torch checkpoint: {type(error).__name__}: {error}") from error
    for key in ("state_dict", "model_state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        raise ModelInvalid(f"{path} holds no state dict (names and tensors)")
    return {name: tensor for name, tensor in loaded.items() if isinstance(tensor, np.ndarray)}
