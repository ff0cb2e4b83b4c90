"""What ``import segue`` gives to a user, and what it costs."""

import ast
import doctest
import importlib
import inspect
import shutil
import subprocess
import sys
import types
import typing
from pathlib import Path

import pytest
import soundfile

import segue
from segue.speech.scorer import Samples

HEAVY = [
    "av",
    "click",
    "matplotlib",
    "modelscope_hub",
    "numpy",
    "onnx",
    "onnxruntime",
    "pydantic",
    "rich",
    "scipy",
    "soundfile",
    "torch",
]


def loaded_after(code: str) -> list[str]:
    """Which of the heavy packages a fresh interpreter has loaded after ``code``."""
    script = f"{code}; import sys; print(*sorted({HEAVY!r} & sys.modules.keys()))".replace(
        repr(HEAVY), f"set({HEAVY!r})"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return finished.stdout.split()


def test_every_public_name_is_there() -> None:
    """``__all__`` is sorted as ruff sorts it, has no duplicates, and every name in it can be had."""
    assert len(set(segue.__all__)) == len(segue.__all__)
    constants = [name for name in segue.__all__ if name.isupper()]
    classes = [name for name in segue.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in segue.__all__ if name[0].islower()]
    assert segue.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]
    for name in segue.__all__:
        assert getattr(segue, name) is not None


def test_names_for_type_checkers_and_at_run_time_agree() -> None:
    """What type checkers and editors see imported is ``__all__``, and each name is what it is in its own module."""
    (only_typing,) = (
        node
        for node in ast.parse(inspect.getsource(segue)).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    )
    seen = {
        alias.name: node.module for node in only_typing.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert sorted(seen) == sorted(segue.__all__)
    for name, module in seen.items():
        assert getattr(segue, name) is getattr(importlib.import_module(module or ""), name)


def test_completion_offers_every_public_name() -> None:
    """``dir(segue)`` in a fresh interpreter lists names that are not loaded yet."""
    script = "import segue; print(*dir(segue))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(segue.__all__) <= set(finished.stdout.split())


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name says so as any module does."""
    with pytest.raises(AttributeError, match="module 'segue' has no attribute 'laod'"):
        _ = segue.laod  # type: ignore[attr-defined]  # that is the point
    assert not hasattr(segue, "np")


def test_importing_segue_loads_nothing_heavy() -> None:
    """``import segue`` costs what an empty module costs: each name is loaded when it is first used."""
    assert loaded_after("import segue") == []


def test_errors_and_the_hub_need_no_numbers() -> None:
    """Catching an error, and looking into the catalogue, load neither NumPy nor anything heavier."""
    assert loaded_after("import segue; segue.SegueError; import segue.hub") == []


def test_a_detector_does_not_load_what_it_does_not_use() -> None:
    """Loading a model and detecting need no ModelScope client, no PyAV, no torch, no terminal."""
    assert {"av", "click", "modelscope_hub", "rich", "torch"}.isdisjoint(loaded_after("import segue; segue.Detector"))


def test_it_is_typed() -> None:
    """The marker that tells type checkers to use the hints is installed, and the public functions have them."""
    assert (Path(segue.__file__).parent / "py.typed").is_file()
    assert "return" in typing.get_type_hints(segue.Detector.stream)
    for function in (segue.load, segue.Detector.detect, segue.DetectorStream.accept, segue.DetectorStream.adopt):
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(
            parameter.annotation is not inspect.Parameter.empty
            for name, parameter in signature.parameters.items()
            if name != "self"
        )


def test_every_public_name_is_explained() -> None:
    """Every public class and function, and every public method of a class, has a docstring."""
    bare = []
    for name in segue.__all__:
        value = getattr(segue, name)
        if isinstance(value, type | types.FunctionType) and not inspect.getdoc(value):
            bare.append(name)
        if isinstance(value, type):
            bare += [
                f"{name}.{member}"
                for member, function in vars(value).items()
                if not member.startswith("_")
                and isinstance(function, types.FunctionType | property | classmethod)
                and not inspect.getdoc(function)
            ]
    assert not bare


def test_the_example_of_the_docstring_runs(
    model_directory: Path, speech: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three lines that a user sees first work as they stand, where there is a meeting.m4a."""
    (tmp_path / "models").symlink_to(model_directory.parents[1])
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    soundfile.write("meeting.wav", speech, 16_000)
    shutil.move("meeting.wav", "meeting.m4a")  # what it is, is told from its content
    globs: dict[str, typing.Any] = {}
    example = doctest.DocTestParser().get_doctest(segue.__doc__ or "", globs, "segue", None, 0)
    runner = doctest.DocTestRunner()
    runner.run(example, clear_globs=False)
    assert (runner.tries, runner.failures) == (3, 0)
    assert len(example.globs["segments"]) > 3
