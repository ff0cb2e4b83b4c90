"""Torch checkpoints read without torch: the tensors, or ModelInvalid; never code, never a hang, never much memory."""

import builtins
import io
import os
import pickle
import posix
import random
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segue.errors import ModelInvalid
from segue.models.torch_archive import read_tensors
from tests.models.networks import (
    Sizes,
    Tensor,
    opcodes,
    random_weights,
    state_dict,
    text,
    write_archive,
    write_checkpoint,
)

RNG = np.random.default_rng(0)
TENSORS: dict[str, NDArray[Any]] = {
    "matrix": RNG.standard_normal((3, 4)).astype("<f4"),
    "double": RNG.standard_normal(5),
    "half": RNG.standard_normal((2, 1, 3)).astype("<f2"),
    "long": np.arange(-3, 3, dtype="<i8"),
    "scalar": np.array(2.5, dtype="<f4"),
    "empty": np.zeros((0, 4), dtype="<f4"),
}


def pickled(value: object) -> bytes:
    """``value`` as torch.save would pickle it."""
    return b"\x80\x02" + opcodes(value) + b"."


def archive(path: Path, value: object, storage: NDArray[Any] | None = None) -> Path:
    """An archive of ``value`` with one storage, "0"."""
    write_archive(path, pickled(value), {} if storage is None else {"0": storage.tobytes()})
    return path


def same(read: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> bool:
    return read.keys() == expected.keys() and all(
        read[name].dtype == expected[name].dtype and np.array_equal(read[name], expected[name]) for name in expected
    )


@pytest.mark.parametrize("wrap", [None, "state_dict", "model_state_dict", "model"])
def test_tensors_read_back(tmp_path: Path, wrap: str | None) -> None:
    """Tensors of every precision and shape arrive bit for bit, at the top or inside a state dict's entry."""
    write_checkpoint(tmp_path / "model.pt", TENSORS, wrap)
    assert same(read_tensors(tmp_path / "model.pt"), TENSORS)


class _Storage:
    """Stands for a torch storage: what torch's pickler replaces by a persistent ID."""

    def __init__(self, key: str, kind: str, count: int) -> None:
        self.reference = ("storage", _Global("torch", kind), key, "cpu", count)


class _Global:
    """Stands for a name of torch's."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Rebuilt:
    """Stands for a tensor: pickled as torch pickles one."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments


_PythonPickler: Any = pickle._Pickler  # the one in Python, whose output can be steered


class _TorchPickler(_PythonPickler):  # type: ignore[misc]  # it has no types
    """Writes any protocol as torch would, for names that are not installed."""

    def persistent_id(self, obj: object) -> object:
        return obj.reference if isinstance(obj, _Storage) else None

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Global):
            if self.proto >= 4:
                self.save(obj.module)
                self.save(obj.name)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Rebuilt):
            self.save(_Global("torch._utils", "_rebuild_tensor_v2"))
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    """An OrderedDict with attributes, as Module.state_dict() gives, pickled by Python in any protocol, is read."""
    values = np.arange(6, dtype="<f4")
    state: OrderedDict[str, object] = OrderedDict()
    state["weight"] = _Rebuilt(_Storage("0", "FloatStorage", 6), 0, (2, 3), (3, 1), False, OrderedDict())
    state.update(bias=_Rebuilt(_Storage("0", "FloatStorage", 6), 4, (2,), (1,), False, OrderedDict()))
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]  # as torch does
    buffer = io.BytesIO()
    _TorchPickler(buffer, protocol).dump(state)
    write_archive(tmp_path / "model.pt", buffer.getvalue(), {"0": values.tobytes()})
    expected = {"weight": values.reshape(2, 3), "bias": values[4:]}
    assert same(read_tensors(tmp_path / "model.pt"), expected)


def test_tensors_share_a_storage(tmp_path: Path) -> None:
    """Views of one storage, with offsets and transposed or gapped strides, are the elements that torch would show."""
    storage = np.arange(24, dtype="<f4")
    views = {
        "whole": Tensor("0", "FloatStorage", 24, 0, (4, 6), (6, 1)),
        "transposed": Tensor("0", "FloatStorage", 24, 0, (6, 4), (1, 6)),
        "tail": Tensor("0", "FloatStorage", 24, 20, (4,), (1,)),
        "every third": Tensor("0", "FloatStorage", 24, 2, (8,), (3,)),
    }
    read = read_tensors(archive(tmp_path / "model.pt", views, storage))
    grid = storage.reshape(4, 6)
    expected = {"whole": grid, "transposed": grid.T, "tail": storage[20:], "every third": storage[2::3]}
    assert same(read, expected)
    assert not any(array.flags.writeable for array in read.values())


def test_what_is_no_tensor_is_left_out(tmp_path: Path) -> None:
    """Epochs, rates, notes and lists beside the tensors do not matter."""
    value = {"epoch": 3, "rate": 0.5, "note": "x", "none": None, "flag": True, "list": [1, [2]], "pair": (1, 2), 7: 8}
    assert read_tensors(archive(tmp_path / "model.pt", value)) == {}


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("0", "FloatStorage", 6, 0, (7,), (1,)),
        Tensor("0", "FloatStorage", 6, 1, (6,), (1,)),
        Tensor("0", "FloatStorage", 6, 0, (2, 3), (4, 1)),
        Tensor("0", "FloatStorage", 6, 6, (), ()),
        Tensor("0", "FloatStorage", 6, -1, (2,), (1,)),
        Tensor("0", "FloatStorage", 6, 0, (-1,), (1,)),
        Tensor("0", "FloatStorage", 6, 5, (6,), (-1,)),
        Tensor("0", "FloatStorage", 6, 0, (2, 3), (1,)),
        Tensor("0", "FloatStorage", 6, 0, (1 << 27,), (0,)),  # half a GB of the first element
        Tensor("0", "FloatStorage", 6, 0, (1 << 40, 1 << 40), (0, 0)),
        Tensor("0", "FloatStorage", 6, 0, (1,) * 40, (1,) * 40),
        Tensor("0", "FloatStorage", 5, 0, (2,), (1,)),
        Tensor("0", "DoubleStorage", 6, 0, (2,), (1,)),
        Tensor("0", "FloatStorage", -6, 0, (2,), (1,)),
        Tensor("0", "FloatStorage", 1 << 40, 0, (2,), (1,)),
        Tensor("1", "FloatStorage", 6, 0, (2,), (1,)),
        Tensor("../data.pkl", "FloatStorage", 6, 0, (2,), (1,)),
        Tensor("0", "BFloat16Storage", 6, 0, (2,), (1,)),  # its storage has four bytes a number
        Tensor("0", "ComplexFloatStorage", 3, 0, (2,), (1,)),
        Tensor("0", "UntypedStorage", 6, 0, (2,), (1,)),
    ],
)
def test_tensors_beyond_their_storage_are_refused(tmp_path: Path, tensor: Tensor) -> None:
    """A tensor that reaches out of its storage, is larger than it, or has no storage of that kind is refused."""
    with pytest.raises(ModelInvalid):
        read_tensors(archive(tmp_path / "model.pt", {"w": tensor}, np.zeros(6, dtype="<f4")))


class _Parameter:
    """Stands for a torch Parameter around a tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def test_a_fine_tuning_result_is_read(tmp_path: Path) -> None:
    """What FunASR's trainer writes (a real one was looked at): the weights; of the optimiser not a byte is read.

    Its entries: epochs and losses, an optimiser with tensors by number, on a GPU, and one whose storage is missing.
    """
    weights = Tensor("0", "FloatStorage", 4, 0, (2, 2), (2, 1))
    state = {
        "epoch": 1,
        "total_step": 9,
        "state_dict": {"encoder.w": weights},
        "optimizer": {
            "state": {0: {"step": Tensor("9", "FloatStorage", 1, 0, (), ()), "exp_avg": weights}},
            "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.999), "amsgrad": False, "maximize": None, "params": [0]}],
        },
        "scheduler": {"warmup_steps": 10, "base_lrs": [1e-5]},
        "saved_ckpts": {"model.pt.ep1": 0.5},
        "train_loss_avg": Tensor("9", "FloatStorage", 1, 0, (), ()),
    }
    on_a_gpu = pickled(state).replace(text("cpu"), text("cuda:0"))
    values = np.arange(4, dtype="<f4")
    write_archive(tmp_path / "model.pt", on_a_gpu, {"0": values.tobytes()})
    assert same(read_tensors(tmp_path / "model.pt"), {"encoder.w": values.reshape(2, 2)})


def test_names_of_a_parallel_training_are_plain(tmp_path: Path) -> None:
    """DataParallel's ``module.`` is taken away; a tensor that is there with and without it is refused."""
    values, tensor = np.arange(2, dtype="<f4"), Tensor("0", "FloatStorage", 2, 0, (2,), (1,))
    path = archive(tmp_path / "model.pt", {"state_dict": {"module.encoder.w": tensor, "encoder.b": tensor}}, values)
    assert same(read_tensors(path), {"encoder.w": values, "encoder.b": values})
    with pytest.raises(ModelInvalid, match="twice, with module"):
        read_tensors(archive(path, {"module.encoder.w": tensor, "encoder.w": tensor}, values))


@pytest.mark.parametrize("shape", [(), (2,), (3, 2), (0, 2)])
def test_bfloat16_is_read_as_single(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """A bfloat16 is the upper half of a float32: every value arrives exactly, transposed views too."""
    values = np.array([1.5, -2.0, 0.0, 3.25, -0.5, 1e30], dtype="<f4").view("<u4") & 0xFFFF0000
    stride = tuple(np.cumprod((1, *shape[:-1])).tolist())[: len(shape)]  # columns first
    tensor = Tensor("0", "BFloat16Storage", 6, 0, shape, stride)
    read = read_tensors(archive(tmp_path / "model.pt", {"w": tensor}, (values >> 16).astype("<u2")))["w"]
    count = int(np.prod(shape))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.view("<f4")[:count].reshape(shape[::-1]).T)


def test_parameters_are_read(tmp_path: Path) -> None:
    """``dict(model.named_parameters())``, saved instead of a state dict, holds the same tensors."""
    values = np.arange(2, dtype="<f4")
    tensor = opcodes(Tensor("0", "FloatStorage", 2, 0, (2,), (1,)))
    parameter = b"ctorch._utils\n_rebuild_parameter\n(" + tensor + b"\x88ccollections\nOrderedDict\n)RtR"
    write_archive(tmp_path / "model.pt", b"\x80\x02}" + text("w") + parameter + b"s.", {"0": values.tobytes()})
    assert same(read_tensors(tmp_path / "model.pt"), {"w": values})


def real_checkpoints(torch: Any, weights: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Name, what to save, how."""
    yield "state dict", weights, {}
    yield "protocol 4", weights, {"pickle_protocol": 4}
    yield "in DataParallel", {"state_dict": {f"module.{name}": value for name, value in weights.items()}}, {}
    yield "parameters", {name: torch.nn.Parameter(value) for name, value in weights.items()}, {}
    yield "strided", {name: value.T.contiguous().T if value.ndim == 2 else value for name, value in weights.items()}, {}
    yield "double", {name: value.double() for name, value in weights.items()}, {}
    optimiser = torch.optim.AdamW([torch.nn.Parameter(value) for value in weights.values()], lr=0.0)
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    yield "with an optimiser", {"state_dict": weights, "optimizer": optimiser.state_dict(), "epoch": 3}, {}


def test_torchs_own_archives_are_read(tmp_path: Path) -> None:
    """Where torch is installed: what it really writes, in every way that a trainer may call it, is read bit for bit."""
    torch = pytest.importorskip("torch", reason="torch is not installed (the archives above are written by hand)")
    expected = {f"encoder.{name}": array for name, array in TENSORS.items() if array.dtype == np.float32}
    weights = {name: torch.from_numpy(array.copy()) for name, array in expected.items()}
    for name, value, how in real_checkpoints(torch, weights):
        torch.save(value, tmp_path / "model.pt", **how)
        read = read_tensors(tmp_path / "model.pt")
        assert read.keys() == expected.keys(), name
        assert all(np.array_equal(read[key], expected[key]) for key in expected), name
    torch.save(weights, tmp_path / "model.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(ModelInvalid, match=r"before 1\.6"):
        read_tensors(tmp_path / "model.pt")


# -- archives that torch does not write ----------------------------------------------------------------------------

ODD_PATHS = ["../model/x", "/model/x", "model/../x", "model/./x", "model//x", "other/x", "x", "model/", "model/data/"]
ODD_PATHS += ["model\\x", "model/..\\x", "model/data/0\n", "model/\x1b[2J", "C:/model/x", "model/data/../../../etc/x"]


@pytest.mark.parametrize("odd", ODD_PATHS)
def test_odd_paths_are_refused(tmp_path: Path, odd: str) -> None:
    """Absolute, climbing, foreign, doubled and unprintable paths are refused by name, and nothing is written."""
    path = archive(tmp_path / "model.pt", {}, np.zeros(1, dtype="<f4"))
    read_tensors(path)
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(odd, b"x")
    with pytest.raises(ModelInvalid, match="odd path") as caught:
        read_tensors(path)
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("folder", ["..", "../..", ".", "", "/etc", "a/b", "a\\b"])
def test_odd_folders_are_refused(tmp_path: Path, folder: str) -> None:
    """The folder of data.pkl is one plain name."""
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as opened:
        opened.writestr(f"{folder}/data.pkl", pickled({}))
    with pytest.raises(ModelInvalid, match=r"odd path|a folder with one data\.pkl"):
        read_tensors(tmp_path / "model.pt")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["model/data/0", "model/DATA/0", "model/data.PKL"])
def test_members_that_are_there_twice_are_refused(tmp_path: Path, name: str) -> None:
    """Of two members of one name torch takes one and zipfile the other: what was looked at would not be what loads."""
    path = archive(tmp_path / "model.pt", {}, np.zeros(1, dtype="<f4"))
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(name, b"x")
    with pytest.raises(ModelInvalid, match="twice"):
        read_tensors(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_refused(tmp_path: Path, how: int) -> None:
    """torch compresses nothing, so a member that would grow is a bomb or a mistake."""
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as opened:
        opened.writestr("model/data.pkl", pickled({}))
        opened.writestr("model/data/0", bytes(1 << 16), how)
    with pytest.raises(ModelInvalid, match="compressed"):
        read_tensors(tmp_path / "model.pt")


def test_sizes_that_lie_are_refused(tmp_path: Path) -> None:
    """A member that claims another size than it has, in the list of members, is refused."""
    whole = {"w": Tensor("0", "FloatStorage", 100, 0, (100,), (1,))}
    path = archive(tmp_path / "model.pt", whole, np.ones(100, dtype="<f4"))
    entry = path.read_bytes().rindex(b"PK\x01\x02")
    for claimed in (0, 399, 401, 1 << 20, 0xFFFFFFFE):
        for fields in ((20,), (24,), (20, 24)):  # what it takes in the archive, what it has
            data = bytearray(path.read_bytes())
            for field in fields:
                data[entry + field : entry + field + 4] = struct.pack("<I", claimed)
            (tmp_path / "lies.pt").write_bytes(data)
            with pytest.raises(ModelInvalid):
                read_tensors(tmp_path / "lies.pt")


def test_a_long_name_makes_no_long_message(tmp_path: Path) -> None:
    """Found by the fuzzer: zipfile quotes a member's own name, which may have 64 KB, where the list has another."""
    path = archive(tmp_path / "model.pt", {}, np.zeros(1, dtype="<f4"))
    data = bytearray(path.read_bytes())
    data[26:28] = struct.pack("<H", 300)  # the length of the first member's name, before its content
    path.write_bytes(data)
    with pytest.raises(ModelInvalid) as caught:
        read_tensors(path)
    assert len(str(caught.value)) < 450 + len(str(path))


def crowded(path: Path, members: int) -> None:
    """An archive of so many empty members, 47 bytes each in its list."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *(0,) * 9, 1, *(0,) * 6) + b"x"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, members & 0xFFFF, members & 0xFFFF, members * len(entry), 0, 0)
    path.write_bytes(entry * members + end)


def test_a_list_of_a_million_members_is_refused(tmp_path: Path) -> None:
    """It would be a gigabyte in memory, of a file of 47 MB: it is not even read."""
    crowded(tmp_path / "model.pt", 1_000_000)
    with pytest.raises(ModelInvalid, match="list of members"):
        read_tensors(tmp_path / "model.pt")


# -- hostile ones --------------------------------------------------------------------------------------------------


class _Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call


def hostile(proof: Path) -> Iterator[bytes]:
    """Pickles that would make the file ``proof`` if anything in them ran."""
    command = f"touch {proof}"
    calls = (
        _Calls(os.system, command),
        _Calls(posix.system, command),
        _Calls(builtins.eval, f"open({str(proof)!r}, 'w')"),
        _Calls(builtins.exec, f"open({str(proof)!r}, 'w')"),
        _Calls(builtins.open, str(proof), "w"),
        _Calls(subprocess.check_call, ["touch", str(proof)]),
        _Calls(getattr, _Calls(__import__, "os"), "system"),
    )
    for call in calls:
        for protocol in range(6):
            yield pickle.dumps(call, protocol)
            yield pickle.dumps({"encoder.w": call}, protocol)
    run = command.encode()
    yield b"(S'" + run + b"'\nios\nsystem\n."  # INST
    yield b"(cos\nsystem\nS'" + run + b"'\no."  # OBJ
    yield b"\x80\x02cos\nsystem\n" + text(command) + b"\x85\x81."  # NEWOBJ
    yield b"\x80\x02" + text("os") + text("system") + b"\x93" + text(command) + b"\x85R."  # STACK_GLOBAL
    yield b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}" + text("__globals__") + text(command) + b"sb."  # BUILD


def test_nothing_in_a_checkpoint_runs(tmp_path: Path) -> None:
    """No way of naming or calling a function from a pickle does anything: each is refused, and no file appears."""
    proof = tmp_path / "proof"
    for number, attack in enumerate(hostile(proof)):
        path = tmp_path / f"{number}.pt"
        write_archive(path, attack, {})
        with pytest.raises(ModelInvalid):
            read_tensors(path)
    assert not proof.exists()
    pickle.loads(pickle.dumps(_Calls(os.system, f"touch {proof}")))
    assert proof.exists()  # the attack is a real one


@pytest.mark.parametrize("called", [os.system, builtins.eval])
def test_what_was_asked_for_is_named(tmp_path: Path, called: Any) -> None:
    """The message names the function that the checkpoint asked for, and says that nothing was run."""
    write_archive(tmp_path / "model.pt", pickle.dumps(_Calls(called, "1"), 2), {})
    with pytest.raises(ModelInvalid, match=rf"asks for '\w+\.{called.__name__}'; .*nothing was run"):
        read_tensors(tmp_path / "model.pt")


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
BOMBS = {
    "a memo of 4 billion entries": b"\x80\x02Nr" + struct.pack("<I", 0xFFFFFFFF) + b".",
    "text of 8 EB": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 63) + b"x.",
    "bytes of 1 TB": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
    "a frame of 1 TB": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
    "a hash of a million nested tuples": b"\x80\x02})" + b"\x85" * 900_000 + b"Ns.",
    "a million nested lists": b"\x80\x02" + b"](" * 400_000 + b"e" * 400_000 + b".",
    "a tensor of numbers of a megabyte": b"\x80\x02" + REBUILD + b"(N" + (b"\x8a\xff" + b"\x7f" * 255) * 3_000 + b"tR.",
    "calls that share a huge argument": b"\x80\x02(" + b"K\x01" * 200_000 + b"tq\x00" + (REBUILD + b"h\x00R") * 9_000,
    "an OrderedDict of pairs of pairs": b"\x80\x02ccollections\nOrderedDict\n(](" + b"N" * 400_000 + b"etR.",
    "a pop from nothing": b"\x80\x02\x87.",
    "a mark from nothing": b"\x80\x02u.",
    "no end": b"\x80\x02}",
    "nothing": b"",
    "a reference without a target": b"\x80\x02h\x07.",
    "a string as a storage": b"\x80\x02" + text("0") + b"Q.",
    "a list as a dict": b"\x80\x02]NNs.",
    "a tensor that is called": b"\x80\x02))R.",
    "text that is no UTF-8": b"\x80\x02X\x01\x00\x00\x00\xff.",
    "a list at the top": b"\x80\x02].",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_do_not_go_off(tmp_path: Path, bomb: str) -> None:
    """Pickles made to exhaust memory, time or the C stack of Python's own unpickler are refused, on one line."""
    write_archive(tmp_path / "model.pt", BOMBS[bomb], {})
    with pytest.raises(ModelInvalid) as caught:
        read_tensors(tmp_path / "model.pt")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


def zip_bomb(path: Path, megabytes: int) -> None:
    """A storage of zeros in a file a thousand times smaller."""
    count = megabytes << 18
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("model/data.pkl", pickled({"w": Tensor("0", "FloatStorage", count, 0, (count,), (1,))}))
        with written.open("model/data/0", "w") as member:
            for _ in range(megabytes):
                member.write(bytes(1 << 20))


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """A zip bomb and every pickle bomb are refused by a process that may not have more than 200 MB beyond its own."""
    zip_bomb(tmp_path / "bomb.pt", 300)
    crowded(tmp_path / "crowded.pt", 1_000_000)
    for number, bomb in enumerate(BOMBS.values()):
        write_archive(tmp_path / f"{number}.pt", bomb, {})
    script = (
        "import pathlib, resource, sys; from segue.errors import ModelInvalid;"
        "from segue.models.torch_archive import read_tensors;"
        "own = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize();"
        "resource.setrlimit(resource.RLIMIT_AS, (own + (200 << 20),) * 2)\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.pt')):\n"
        "    try: read_tensors(path); print(path, 'was read')\n"
        "    except ModelInvalid as error: assert 'MemoryError' not in str(error), error\n"
        "status = open('/proc/self/status').read()\n"  # ru_maxrss would count what the parent had before exec
        "print(int(status.split('VmHWM:')[1].split()[0]) // 1024)"
    )
    finished = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) < 200  # MB, and nothing else was printed


# -- damaged ones --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "model.pt"
    write_checkpoint(path, state_dict(random_weights(Sizes())))
    return path.read_bytes()


def read_or_refuse(path: Path, data: bytes) -> None:
    """Read these bytes: tensors, or ModelInvalid on one line that names the file."""
    path.write_bytes(data)
    try:
        read = read_tensors(path)
    except ModelInvalid as error:
        refusal = str(error)
    else:
        assert all(array.nbytes <= len(data) and np.shape(array.sum()) == () for array in read.values())
        return
    assert str(path) in refusal
    assert len(refusal.splitlines()) == 1


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    """Random bytes are no checkpoint."""
    (tmp_path / "model.pt").write_bytes(data)
    with pytest.raises(ModelInvalid):
        read_tensors(tmp_path / "model.pt")


@FUZZ
@given(data=st.binary(max_size=200))
def test_random_pickles_are_tensors_or_refused(tmp_path: Path, data: bytes) -> None:
    """Random opcodes inside a whole archive never raise anything else."""
    write_archive(tmp_path / "inner.pt", b"\x80\x02" + data + b".", {"0": bytes(8)})
    read_or_refuse(tmp_path / "model.pt", (tmp_path / "inner.pt").read_bytes())


OPCODES = [b"}", b"]", b")", b"(", b"t", b"u", b"s", b"a", b"e", b"N", b"\x85", b"\x86", b"\x87", b"K\x01", b"q\x00"]
OPCODES += [b"h\x00", b"Q", b"R", b"b", b"0", b"2", b"\x94", b"\x93", REBUILD, b"ccollections\nOrderedDict\n"]
OPCODES += [b"ctorch\nFloatStorage\n", text("storage"), text("0"), text("state_dict"), b"\x89", b"\x8a\x01\xff"]


@settings(FUZZ, max_examples=400)
@given(data=st.lists(st.sampled_from(OPCODES), max_size=40).map(b"".join))
def test_any_order_of_admitted_opcodes_is_tensors_or_refused(tmp_path: Path, data: bytes) -> None:
    """The very opcodes of a checkpoint, in any order, never raise anything else."""
    write_archive(tmp_path / "inner.pt", b"\x80\x02" + data + b".", {"0": bytes(8)})
    read_or_refuse(tmp_path / "model.pt", (tmp_path / "inner.pt").read_bytes())


@FUZZ
@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 5))
def test_flipped_bits_are_found_or_harmless(tmp_path: Path, whole: bytes, seed: int, flips: int) -> None:
    """Bits flipped anywhere in the archive give tensors or ModelInvalid."""
    draw = random.Random(seed)
    data = bytearray(whole)
    for _ in range(flips):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    read_or_refuse(tmp_path / "model.pt", bytes(data))


@FUZZ
@given(seed=st.integers(0, 2**32 - 1))
def test_flipped_bits_in_the_pickle_are_found_or_harmless(tmp_path: Path, whole: bytes, seed: int) -> None:
    """Bits flipped in the pickle before it was packed, where no checksum tells, give tensors or ModelInvalid."""
    draw = random.Random(seed)
    with zipfile.ZipFile(io.BytesIO(whole)) as read, zipfile.ZipFile(tmp_path / "packed.pt", "w") as written:
        for name in read.namelist():
            data = bytearray(read.read(name))
            if name.endswith("data.pkl"):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            written.writestr(name, bytes(data))
    read_or_refuse(tmp_path / "model.pt", (tmp_path / "packed.pt").read_bytes())


def test_a_truncated_checkpoint_is_refused(tmp_path: Path, whole: bytes) -> None:
    """Cut short anywhere, an archive is refused: its directory stands at its end."""
    path = tmp_path / "model.pt"
    for length in {*range(0, len(whole), len(whole) // 97), len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelInvalid):
            read_tensors(path)


def test_a_big_endian_checkpoint_is_refused(tmp_path: Path) -> None:
    """An archive that says that its numbers are big-endian is refused, not read as rubbish."""
    write_archive(tmp_path / "model.pt", pickled({}), {}, byteorder=b"big")
    with pytest.raises(ModelInvalid, match="big-endian"):
        read_tensors(tmp_path / "model.pt")


def test_an_old_checkpoint_is_refused(tmp_path: Path) -> None:
    """The format before PyTorch 1.6, a bare pickle, is refused, with the way out."""
    (tmp_path / "model.pt").write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2))
    with pytest.raises(ModelInvalid, match=r"format of before 1\.6.*torch\.save"):
        read_tensors(tmp_path / "model.pt")


def test_an_encrypted_archive_is_refused(tmp_path: Path, whole: bytes) -> None:
    """A member that wants a password is refused."""
    data = bytearray(whole)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    (tmp_path / "model.pt").write_bytes(data)
    with pytest.raises(ModelInvalid, match="encrypted"):
        read_tensors(tmp_path / "model.pt")


@pytest.mark.parametrize("names", [["a/data.pkl", "b/data.pkl"], ["model/other.pkl"], []])
def test_an_archive_must_hold_one_pickle(tmp_path: Path, names: list[str]) -> None:
    """No pickle or two of them: not a checkpoint."""
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as written:
        for name in names:
            written.writestr(name, pickled({}))
    with pytest.raises(ModelInvalid, match="not a torch checkpoint"):
        read_tensors(tmp_path / "model.pt")
