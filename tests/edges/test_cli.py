"""The ``segue`` command: the table of commands, and how errors end."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

import segue
from segue.edges import cli
from segue.errors import AudioError, InvalidParameter, ServerUnreachable


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    said = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, said.out, said.err


def in_shell(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    script = f'exec "$0" -c "from segue.edges.cli import main; main()" {command}'
    environment = os.environ | {"SEGUE_HOME": str(home)}
    return subprocess.run(
        ["/bin/sh", "-c", script, sys.executable], capture_output=True, text=True, check=False, env=environment
    )


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("raise")
    def command() -> None:
        raise error

    class Ready(cli.Entry):
        def load(self) -> click.Command:
            return command

    table: Mapping[str, cli.Entry] = {"raise": Ready("", "")}
    monkeypatch.setattr(cli, "root", cli.Commands(table, name="segue"))


def test_every_command_of_the_table_is_there() -> None:
    """Each line of the table leads to a command, and its help begins as the table says."""
    for name, entry in cli.COMMANDS.items():
        command = entry.load()
        assert command.name == name
        assert command.help


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """``segue --help`` names each command with a line about it, on standard output, with status 0."""
    status, out, err = ended(capsys, "--help")
    assert (status, err) == (0, "")
    for name, entry in cli.COMMANDS.items():
        assert name in out
        assert entry.help in out


def test_without_a_command_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """``segue`` alone is a wrong command line that is answered with the help."""
    status, out, err = ended(capsys)
    assert (status, out) == (2, "")
    assert "Commands:" in err
    assert "\n  " in err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``segue --version`` prints the version."""
    status, out, _ = ended(capsys, "--version")
    assert status == 0
    assert out == f"segue {segue.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [(["--nonsense"], "segue --help"), (["nonsense"], "segue --help"), (["models", "x"], "segue models --help")],
)
def test_a_wrong_command_line_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], command: str
) -> None:
    """A usage error is one line on standard error that names where to look, with status 2."""
    status, out, err = ended(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("segue: error: ")
    assert err.endswith(f"; see {command}\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (AudioError("a.wav: bad"), 1, "segue: error: a.wav: bad"),
        (AudioError("a\nb\udce9"), 1, "segue: error: a b\\xe9"),
        (InvalidParameter("mode=1"), 2, "segue: error: mode=1"),
        (ServerUnreachable("no server"), 4, "segue: error: no server"),
        (KeyboardInterrupt(), 130, "segue: stopped"),
        (
            ZeroDivisionError("oh"),
            1,
            "segue: error: ZeroDivisionError: oh; this is a fault in Segue: --debug tells more",
        ),
    ],
)
def test_an_error_is_one_line_and_a_status(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    line: str,
) -> None:
    """Whatever a command raises is one line without a traceback, and its status."""
    raising(error, monkeypatch)
    got, out, err = ended(capsys, "raise")
    assert (got, out, err.strip()) == (status, "", line)


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --debug, behind the command where people write it, the traceback comes before the line."""
    raising(AudioError("a.wav: bad"), monkeypatch)
    _, _, err = ended(capsys, "raise", "--debug")
    assert "Traceback" in err
    assert err.endswith("segue: error: a.wav: bad\n")


def test_a_file_of_that_name_is_not_the_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--debug`` behind ``--`` is an argument, and shows no traceback."""
    raising(AudioError("a.wav: bad"), monkeypatch)
    _, _, err = ended(capsys, "raise", "--", "--debug")
    assert "Traceback" not in err


def test_a_command_whose_file_was_deleted_is_said_to_be_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edge that is not installed costs its own command, with a clear line, and no other."""
    table = {"gone": cli.Entry("segue.edges.gone:gone", "Was here.")}
    monkeypatch.setattr(cli, "root", cli.Commands(table, name="segue"))
    status, _, err = ended(capsys, "gone")
    assert status == 2
    assert "gone is not part of this installation" in err


@pytest.mark.parametrize("arguments", ["--help", "--version", "models list --json", "detect --help"])
@pytest.mark.parametrize(
    ("output", "reason"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descript")]
)
def test_a_standard_output_that_takes_nothing_is_one_line(
    arguments: str, output: str, reason: str, tmp_path: Path
) -> None:
    """A full or closed standard output is no fault of ours: one line that says so, status 1."""
    if "full" in output and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    finished = in_shell(f"{arguments} {output}", tmp_path)
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"segue: error: standard output: cannot be written ({reason}")
    assert finished.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_other_closed_descriptors_are_no_matter(closed: str, tmp_path: Path) -> None:
    """A command that does not need what is closed works, and what it opens does not take the descriptor's number."""
    finished = in_shell(f"--version {closed}", tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith("segue ")
