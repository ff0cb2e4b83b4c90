"""The shape of the house: which way imports point, how long a file may grow, and what no committed file may hold."""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "segue"

MOST_LINES_A_FILE = 400
MOST_LINES_OF_CODE_A_FUNCTION = 40

# Longer functions, and why.
LONG_FOR_A_REASON: dict[str, str] = {
    "speech/windowed.py: Windowed.accept": "a state machine, run a frame at a time: a call costs more than a frame",
}

# What is tested elsewhere than in its mirror, and why.
WITHOUT_A_MIRROR = {
    **{
        f"edges/ui/words/{table}.py": "a table only: tests/edges/ui/words/test_words.py holds all of them"
        for table in ("compare", "detect", "failures", "frame", "live", "models", "picture")
    },
    "hub/resolved.py": "declarations only: what is in them is tested where they are made, in test_resolver.py",
    "speech/scorer.py": "protocols only: tests/contract holds every Scorer against them",
}


def test_imports_point_one_way() -> None:
    """Import-linter finds the contracts of pyproject.toml kept."""
    finished = _lint_imports(ROOT)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("speech/intruder.py", "import segue.settings", "edges -> service -> models"),
        ("edges/intruder.py", "import segue.edges.cli", "no edge imports another"),
        *(
            (f"{room}intruder.py", "import click", "the libraries of the edges stay in the edges")
            for room in ("accuracy/", "speech/", "models/", "hub/", "swap/")
        ),
    ],
)
def test_an_import_the_wrong_way_is_found(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """Each contract is broken by one import the wrong way, so that keeping it means something."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src" / "segue" / module).write_text(line + "\n", encoding="utf-8")
    finished = _lint_imports(tmp_path)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert re.search(rf"^{re.escape(contract)}.* BROKEN$", finished.stdout, re.MULTILINE), finished.stdout


@pytest.mark.parametrize(
    ("forbidden", "rooms"),
    [
        (r"\basync def\b", ("accuracy", "speech", "swap")),
        (r"\b(fastapi|gradio|ray|prometheus(_client)?)\b", ("*", "accuracy", "speech", "models", "hub", "swap")),
        (r"\bexcept (Base)?Exception\b|\bexcept:", ("accuracy", "speech")),
    ],
)
def test_what_a_room_must_not_hold(forbidden: str, rooms: tuple[str, ...]) -> None:
    """No async in speech and swap, no server library outside the edges, no failure of speech swallowed whole."""
    found = [
        f"{_name(path)}:{number}: {line.strip()}"
        for room in rooms
        for path in sorted(SOURCE.glob("*.py") if room == "*" else (SOURCE / room).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(forbidden, line)
    ]
    assert not found, _list(f"{forbidden} is not wanted here", found)


def test_files_and_functions_stay_short() -> None:
    """No file of the package has more than 400 lines, and no function more than 40 of code, or it has a reason to."""
    long: dict[str, int] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if (lines := len(text.splitlines())) > MOST_LINES_A_FILE:
            long[path.relative_to(SOURCE).as_posix()] = lines
        for function, lines in _functions(text):
            if lines > MOST_LINES_OF_CODE_A_FUNCTION:
                long[f"{path.relative_to(SOURCE).as_posix()}: {function}"] = lines
    found = [f"{name} has {lines} lines" for name, lines in long.items() if name not in LONG_FOR_A_REASON]
    found += [f"{name} is excused, and is not long" for name in LONG_FOR_A_REASON if name not in long]
    assert not found, _list("too long", found)


def test_lines_of_code_are_counted() -> None:
    """From ``def`` to the end, without blank lines, comments and docstring; a nested function by itself too."""
    text = '''
class A:
    @decorated
    def f(self,
          x):
        """One.

        Two.
        """

        # a comment
        y = """three

        lines"""
        def g():
            return y  # code
        return g
async def h(): ...
'''
    assert dict(_functions(text)) == {"A.f": 8, "A.f.g": 2, "h": 1}


def test_tests_mirror_the_source() -> None:
    """Every module src/segue/x/y.py has its tests in tests/x/test_y.py, or a reason not to."""
    modules = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if not path.name.startswith("__")}
    mirrors = {module: ROOT / "tests" / module.with_name(f"test_{module.name}") for module in modules}
    missing = [
        f"{module} wants {mirror.relative_to(ROOT)}"
        for module, mirror in sorted(mirrors.items())
        if not mirror.exists() and module.as_posix() not in WITHOUT_A_MIRROR
    ]
    missing += [f"{name} is excused, and is not there" for name in WITHOUT_A_MIRROR if Path(name) not in modules]
    assert not missing, _list("modules without tests", missing)


def test_no_committed_file_names_a_machine() -> None:
    """Nothing that git tracks holds an absolute path of the machine on which it was written."""
    personal = re.compile(rb"(?<![\w.~-])/(?:work|home|root)/[\w.]")
    found = [
        f"{name}:{number}: {line.decode(errors='replace').strip()[:100]}"
        for name in _tracked()
        for number, line in enumerate((ROOT / name).read_bytes().splitlines(), 1)
        if personal.search(line)
    ]
    assert not found, _list("paths of a machine", found)


def test_constraints_are_names_and_versions() -> None:
    """The constraints hold ``name==version`` and comments: no address, no path, no option of pip."""
    wrong = [
        f"{path.name}: {line}"
        for path in sorted(ROOT.glob("constraints*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if not re.fullmatch(r"#(?!.*://).*|[\w.-]+==[\w.]+", line)
    ]
    assert not wrong, _list("not a pin", wrong)


def _lint_imports(root: Path) -> "subprocess.CompletedProcess[str]":
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, str(command), "--no-cache"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _functions(text: str) -> Iterator[tuple[str, int]]:
    """The qualified name of each function, and how many lines of code it has."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    code = {n for token in tokens if token.type not in silent for n in range(token.start[0], token.end[0] + 1)}

    def inside(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}."
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = code.intersection(range(child.lineno, (child.end_lineno or child.lineno) + 1))
                if ast.get_docstring(child) is not None:
                    docstring = child.body[0]
                    lines -= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
                yield name[:-1], len(lines)
            yield from inside(child, name)

    yield from inside(ast.parse(text), "")


def _tracked() -> list[str]:
    """Files that git tracks and that are still there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a clone: git tracks nothing here")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _list(what: str, found: list[str]) -> str:
    return "\n  ".join([f"{what}:", *found])
