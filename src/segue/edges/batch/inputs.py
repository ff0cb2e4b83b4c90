"""What the user wrote (files, directories, wildcards, ``-``) -> the inputs that it means, in a settled order."""

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from segue.errors import AudioError, AudioNotFound, AudioUnreadable, InvalidParameter
from segue.speech.folder import files_in, is_taken
from segue.speech.names import is_audio, natural, printable

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """One input. ``file`` is as given, or as found below what was given; ``problem`` says why nothing was found."""

    file: str
    problem: AudioError | None = None

    @property
    def source(self) -> str:
        """What it is wherever the command runs: the absolute path, or ``-``."""
        return STDIN if self.file == STDIN else os.path.abspath(self.file)

    @property
    def size_bytes(self) -> int:
        """Of a plain file; 0 where that is not known."""
        try:
            return os.stat(self.file).st_size if self.file != STDIN and os.path.isfile(self.file) else 0
        except (OSError, ValueError):
            return 0


def expand(arguments: Sequence[str], *, recursive: bool = False) -> list[Input]:
    """The inputs of all arguments, in the order of the arguments; inside one in natural order (2 before 10).

    What leads nowhere becomes an input with a ``problem``. Raises InvalidParameter for ``-`` given twice.
    """
    if arguments.count(STDIN) > 1:
        raise InvalidParameter("- was given twice: there is one standard input; give it once")
    return [found for argument in arguments for found in _expand(argument, recursive)]


def _expand(argument: str, recursive: bool) -> Iterator[Input]:
    if argument == STDIN and sys.stdin is None:  # so Python has it when the descriptor is closed
        yield Input(STDIN, AudioUnreadable("standard input: is closed; pipe or redirect the audio into it"))
    elif argument == STDIN or os.path.isfile(argument):
        yield Input(argument)
    elif os.path.isdir(argument):
        yield from _directory(argument, recursive)
    elif not os.path.lexists(argument) and glob.has_magic(argument):
        yield from _wildcard(argument, recursive)
    else:
        yield Input(argument)  # missing, a pipe or a device: reading it will tell


def _directory(directory: str, recursive: bool) -> Iterator[Input]:
    refused: list[OSError] = []
    paths = files_in(directory, is_audio, recursive=recursive, refused=refused.append)
    found = {path: Input(path) for path in paths}
    for error in refused:  # each costs what is inside it alone
        folder, reason = error.filename or directory, error.strerror or type(error).__name__
        problem = AudioUnreadable(f"{folder}: cannot be listed ({reason}); check its permissions")
        found[folder] = Input(folder, problem)
    for path in sorted(found, key=natural):
        yield found[path]
    if not found:
        deeper = "" if recursive else "; --recursive looks in the directories inside it too"
        nothing = AudioNotFound(f"{printable(directory)}: has no audio files (such as .wav, .flac, .mp3, .m4a){deeper}")
        yield Input(directory, nothing)


def _wildcard(pattern: str, recursive: bool) -> Iterator[Input]:
    matched = sorted(glob.iglob(pattern, recursive=True), key=natural)
    files = list(dict.fromkeys(path for path in matched if is_taken(path)))  # '**' may find one twice
    directories = [path for path in matched if os.path.isdir(path)]
    for path in files:
        yield Input(path)
    for directory in directories if not files else ():  # nothing but directories: as if each were named
        yield from _directory(directory, recursive)
    if not files and not directories:
        hint = (
            "matches pipes or devices alone; name each to read it" if matched else "matches no file; check the pattern"
        )
        yield Input(pattern, AudioNotFound(f"{printable(pattern)}: {hint}"))
