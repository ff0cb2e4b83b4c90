"""The ``segue`` command: what it can do, and how any error ends. Each command is an edge of its own, loaded when named.

The table names them as text, so that no edge imports another and ``segue --help`` loads none of them.
"""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, NoReturn

import click

from segue import __version__
from segue.errors import InvalidModelID, InvalidParameter, SegueError, ServerUnreachable
from segue.speech.names import printable


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is (``module:attribute``), and what ``segue --help`` says of it."""

    where: str
    help: str

    def load(self) -> click.Command:
        """Import it."""
        module, _, attribute = self.where.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


COMMANDS: Mapping[str, Entry] = MappingProxyType(
    {
        "detect": Entry("segue.edges.batch.command:detect", "Find where the speech is in recordings."),
        "serve": Entry(
            "segue.edges.serve.command:serve", "Run the service, with a model that can be replaced while it runs."
        ),
        "switch": Entry(
            "segue.edges.control.switch:switch", "Replace the model of the running service, without a pause."
        ),
        "rollout": Entry("segue.edges.control.rollout:rollout", "Release a new version gradually, and back by itself."),
        "canary": Entry("segue.edges.control.rollout:canary", "Set by hand how much the version on trial answers."),
        "follow": Entry("segue.edges.control.follow:follow", "Release what is new on a branch or in a directory."),
        "rollback": Entry("segue.edges.control.rollback:rollback", "Go back to the version that served before."),
        "status": Entry("segue.edges.control.status:status", "Show what serves, and how it does."),
        "versions": Entry("segue.edges.control.versions:versions", "List, prepare and close versions."),
        "history": Entry("segue.edges.control.history:history", "Show who changed what, when, why, and how it ended."),
        "models": Entry("segue.edges.models:models", "List, fetch, verify and remove models."),
        "eval": Entry("segue.edges.eval.command:evaluate", "Measure how well labelled recordings are detected."),
        "tune": Entry("segue.edges.eval.tune:tune", "Search decision parameters on labelled recordings."),
        "bench": Entry("segue.edges.bench:bench", "Measure this machine: speed, and live streams per core."),
    }
)


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"segue {__version__}")
        ctx.exit()


def _debug(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        ctx.meta["segue.debug"] = True
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
        logging.getLogger("segue").setLevel(logging.DEBUG)


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"], is_flag=True, expose_value=False, is_eager=True, callback=_debug, help="Show tracebacks and logs."
    )


class Commands(click.Group):
    """A group whose commands come from a table, each imported when it is used. Every one of them takes --debug."""

    def __init__(self, table: Mapping[str, Entry], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # passed on as they are
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one; None for a name that is not in the table."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except ModuleNotFoundError as error:
            if error.name and entry.where.startswith(error.name):
                ctx.fail(f"{cmd_name} is not part of this installation")
            raise
        _with_debug(command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with --debug show where an error came from, while the context that knows of it is here."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if ctx.meta.get("segue.debug") and not isinstance(error, click.exceptions.Exit | click.Abort):
                traceback.print_exception(error)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table: nothing is imported for ``segue --help``."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.table.items()])


def _with_debug(command: click.Command) -> None:
    """``segue detect x --debug`` is where people write it."""
    if not any("--debug" in parameter.opts for parameter in command.params):
        command.params.append(_debug_option())
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            _with_debug(sub)


root = Commands(
    COMMANDS,
    name="segue",
    help="""Find speech in audio with FSMN-VAD: FunASR's exact segments, several times faster.

    The default model is fetched and verified at first use, and needs no network ever after.
    """,
    epilog="""\b
Examples:
  segue detect meeting.m4a           the segments of speech, as a table
  segue detect recordings/ -f jsonl  one line of JSON an input
  segue models list                  what is on this machine
  segue COMMAND --help               all options, with more examples

\b
Environment:
  SEGUE_HOME  where models are kept and settings.toml is read
""",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        click.Option(
            ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version."
        ),
        _debug_option(),
    ],
)


_REFUSED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What the system says of an output that takes no more. Commands know which of their files it was; this has no name."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point: run a command, and leave with its status. Any SegueError is one line on standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    status = _status(given)
    try:
        sys.stdout.flush()
    except OSError:  # said already; without this Python would try once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    try:
        status = root.main(arguments, prog_name="segue", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "segue"
        return _fail(f"{error.format_message().rstrip('.')}; see {where} --help", status=2)
    except click.ClickException as error:
        return _fail(error.format_message(), status=error.exit_code)
    except (InvalidParameter, InvalidModelID) as error:
        return _fail(str(error), status=2)
    except ServerUnreachable as error:
        return _fail(str(error), status=4)
    except SegueError as error:
        return _fail(str(error), status=1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("segue: stopped", err=True)
        return 130
    except Exception as error:  # noqa: BLE001  # the outermost frame: nothing else can turn it into one line
        if isinstance(error, OSError) and error.filename is None and error.errno in _REFUSED:
            text = f"standard output: cannot be written ({error.strerror}); make room or write elsewhere"
        else:
            text = f"{type(error).__name__}: {error}; this is a fault in Segue: --debug tells more"
        return _fail(text, status=1)
    return status if isinstance(status, int) else 0


def _open_what_is_closed() -> None:
    """After ``>&-`` and the like: no file of ours may get such a number, and with it what others print there.

    Standard output then refuses every write, so that results which nobody gets are an error.
    """
    if sys.stdin is None:  # it stays so: whoever needs it says so
        os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115  # as long as we are
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as long as we are


def _fail(text: str, *, status: int) -> int:
    click.echo(f"segue: error: {printable(' '.join(text.splitlines()))}", err=True)
    return status
