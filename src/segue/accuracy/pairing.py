"""Recordings and files of labels -> which label is whose, by their names; and in words what has no other half."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from segue.accuracy.references import Reference, names_inside, own_names, read
from segue.errors import InvalidParameter
from segue.speech.names import printable, without_blanks

_NAMED = 3
"""Of many that lack something, so many are named."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """``pairs``: (file of a recording, its reference), in the order of the recordings.

    ``problems``: a line each. ``unused``: the same, of labels that no recording goes with, which is as it should be
    where only some recordings of many were asked for.
    """

    pairs: tuple[tuple[str, Reference], ...]
    problems: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def pair(
    audio: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    read: Callable[[str], list[Reference]] = read,
) -> Pairing:
    """Give each recording its label.

    ``audio`` and ``labels``: file -> its path inside the folder that it was found in. A label belongs to the recording
    of the same path, else to the only one of the same name, with its extension or without it; RTTM and JSON say the
    names in the file. What fits two recordings belongs to neither. A label file that fits no recording by its name is
    not read.
    """
    names = _Names(audio)
    found: dict[str, list[Reference]] = {}
    problems: list[str] = []
    unused: list[str] = []
    strange: list[str] = []  # label files
    spoilt: set[str] = set()  # recordings of which a problem is said already
    for file, path in labels.items():
        folder = os.path.dirname(path)
        fitting = list(audio) if names_inside(file) else names.find(own_names(file), folder)
        if not fitting:
            strange.append(file)
            continue
        if not names_inside(file) and not _is_one(fitting, file, problems):
            spoilt.update(fitting)
            continue
        try:
            references = read(file)
        except InvalidParameter as error:
            problems.append(str(error))
            spoilt.update(fitting)
            continue
        unused += _give(references, names, folder, found, problems)
    for name, both in found.items():
        if len(both) > 1:
            files = " and ".join(dict.fromkeys(printable(reference.file) for reference in both))
            problems.append(f"{printable(name)} is labelled twice, in {files}; keep one of them")
    if bare := [name for name in audio if name not in found and name not in spoilt]:
        problems.append(
            f"{_list(bare, 'recording')} without a label; give each one, an empty file .txt where there is no speech"
        )
    if strange:
        unused.append(f"{_list(strange, 'label file')} without a recording of that name")
    pairs = tuple((name, found[name][0]) for name in audio if len(found.get(name, ())) == 1)
    return Pairing(pairs, tuple(problems), tuple(unused))


class _Names:
    """Recordings by every name that a label may call them."""

    def __init__(self, audio: Mapping[str, str]) -> None:
        self._by_path: dict[str, dict[str, None]] = {}
        self._by_name: dict[str, dict[str, None]] = {}
        for file, path in audio.items():
            for name in _spellings(path):
                self._by_path.setdefault(name, {})[file] = None
            for name in _spellings(os.path.basename(path)):
                self._by_name.setdefault(name, {})[file] = None

    def find(self, names: Sequence[str], folder: str) -> list[str]:
        """The one recording that fits the first of ``names`` that fits one alone, in this folder or anywhere.

        Several, where none of the names fits one alone; none, where none fits any.
        """
        asked = [(self._by_path, os.path.join(folder, name)) for name in names]
        asked += [(self._by_name, name) for name in names]
        fitting = [list(files[name]) for files, name in asked if name in files]
        return next((files for files in fitting if len(files) == 1), fitting[0] if fitting else [])


def _spellings(path: str) -> Iterator[str]:
    for name in (path, os.path.splitext(path)[0]):
        yield name
        yield without_blanks(name)  # as in RTTM, whose fields blanks separate


def _give(
    references: Sequence[Reference],
    names: _Names,
    folder: str,
    found: dict[str, list[Reference]],
    problems: list[str],
) -> list[str]:
    """Add each reference of one file to its recording in ``found``; a line for those that have none."""
    strange = []
    for reference in references:
        files = names.find(reference.names, folder)
        if not files:
            strange.append(reference.names[0])
        elif _is_one(files, f"{reference.file}: {reference.names[0]}", problems):
            found.setdefault(files[0], []).append(reference)
    if not strange:
        return []
    return [f"{printable(references[0].file)}: labels {_list(strange, 'recording')} that there is no audio of"]


def _is_one(files: Sequence[str], label: str, problems: list[str]) -> bool:
    if len(files) > 1:
        problems.append(f"{printable(label)}: fits {_list(files, 'recording')}; give them different names")
    return len(files) == 1


def _list(names: Sequence[str], what: str) -> str:
    shown = ", ".join(map(printable, names[:_NAMED]))
    return f"{len(names)} {what}{'s' * (len(names) != 1)} ({shown}{', …' * (len(names) > _NAMED)})"
