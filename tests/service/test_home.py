"""The files of a running service: one server a home, a token that is its owner's alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segue.errors import ServerRunning, StoreError
from segue.service.home import Home, same
from tests.swap.threads import crowd, hectic, shaken

HOLD = """
import sys, time
from pathlib import Path
from segue.service.home import Home
home = Home(Path(sys.argv[1]))
with home.held():
    home.announce("http://127.0.0.1:6006")
    print("held", flush=True)
    time.sleep(60)
"""

ASK = """
import sys
from pathlib import Path
from segue.service.home import Home
print("ready", flush=True)
sys.stdin.readline()
print(Home(Path(sys.argv[1])).token())
"""


def test_a_second_server_is_told_who_has_the_home(tmp_path: Path) -> None:
    """While one process has it, another is refused, naming process and address; killed, it leaves the home free."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        named = f"process {holder.pid} at http://127.0.0.1:6006"
        with pytest.raises(ServerRunning, match=named), Home(tmp_path).held():
            pass
    finally:
        holder.kill()
        holder.communicate()
    deadline_s = time.monotonic() + 10
    while True:
        try:
            with Home(tmp_path).held():
                return
        except ServerRunning:
            assert time.monotonic() < deadline_s


def test_what_is_announced_is_gone_at_the_end(tmp_path: Path) -> None:
    """server.json says process, address and time while the home is held, and not a moment longer."""
    home = Home(tmp_path / "new" / "home")
    with home.held():
        home.announce("http://127.0.0.1:7000")
        facts = json.loads((home.directory / "server.json").read_text(encoding="utf-8"))
        assert (facts["pid"], facts["url"]) == (os.getpid(), "http://127.0.0.1:7000")
        assert facts["started_at"] <= time.time()
    assert not (home.directory / "server.json").exists()
    with home.held():
        pass


def test_the_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """However many threads ask first, all get one token, and the file is nobody else's, whatever the umask."""
    before = os.umask(0)
    try:
        for turn in range(10):
            home = Home(tmp_path / str(turn))
            home.directory.mkdir()
            tokens: set[str] = set()
            with hectic(), shaken(files=("home.py",), every=2), crowd(4, lambda _: tokens.add(home.token())):  # noqa: B023 -- it is over within the turn
                pass
            (token,) = tokens
            assert len(token) >= 32
            assert (home.directory / "token").stat().st_mode & 0o777 == 0o600
            assert home.token() == token
            assert [path.name for path in home.directory.iterdir()] == ["token"]
    finally:
        os.umask(before)


def test_processes_agree_on_the_token(tmp_path: Path) -> None:
    """Commands and a server that begin at once, in an empty home, all know the token that is there."""
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    tokens = {process.communicate(timeout=20)[0].strip() for process in asking}
    assert tokens == {(tmp_path / "token").read_text(encoding="utf-8").strip()}


def test_a_token_that_is_too_short_is_refused(tmp_path: Path) -> None:
    """An empty or guessable token file is said to be one, and how to mend it."""
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    with pytest.raises(StoreError, match="delete it"):
        Home(tmp_path).token()


def test_a_home_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    """A file where the directory should be is said with what to do."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="SEGUE_HOME"), Home(tmp_path / "file").held():
        pass


def test_tokens_are_compared_whole() -> None:
    """Only the token itself is the token; what is no text at all is none."""
    assert same("abc", "abc")
    assert not any(same(given, "abc") for given in (None, "", "ab", "abcd", "ABC", "\udce9"))
