"""What the user named -> recordings and their labels."""

import glob
import os
from collections.abc import Callable, Iterator

from segue.accuracy import references
from segue.accuracy.pairing import Pairing, pair
from segue.errors import InvalidParameter
from segue.speech.folder import files_in
from segue.speech.names import is_audio, natural, printable


def paired(audio: str, reference: str, *, recursive: bool = False) -> Pairing:
    """The recordings in AUDIO with their labels: each may be a directory, a file or a wildcard.

    A file beside a file need not have its name. Labels that are left over are a problem where AUDIO is a directory: a
    recording is missing there. Raises InvalidParameter where there is nothing to pair.
    """
    if os.path.isfile(audio) and os.path.isfile(reference):
        found = references.read(reference)
        if len(found) == 1:
            return Pairing(((audio, found[0]),))
    recordings = _listed(audio, is_audio, recursive=recursive, what="audio files (such as .wav, .flac, .mp3)")
    extensions = ", ".join(references.EXTENSIONS)
    labels = _listed(reference, references.is_reference, recursive=recursive, what=f"labels ({extensions})")
    pairing = pair(recordings, labels)
    unused = pairing.unused if os.path.isdir(audio) else ()
    return Pairing(pairing.pairs, pairing.problems + unused)


def _listed(path: str, wanted: Callable[[str], bool], *, recursive: bool, what: str) -> dict[str, str]:
    """File -> its path inside the directory, in natural order."""
    if os.path.isdir(path):
        found = {file: os.path.relpath(file, path) for file in _inside(path, wanted, recursive)}
        deeper = "" if recursive else "; --recursive looks in the directories inside it too"
        if not found:
            raise InvalidParameter(f"{printable(path)}: has no {what}{deeper}")
    elif os.path.exists(path):
        found = {path: os.path.basename(path)}
    elif glob.has_magic(path):
        matched = [file for file in glob.glob(path, recursive=True) if os.path.isfile(file)]
        found = {file: os.path.basename(file) for file in matched}
        if not found:
            raise InvalidParameter(f"{printable(path)}: matches no file; check the pattern")
    else:
        raise InvalidParameter(f"{printable(path)}: is not there; name a directory or a file with {what}")
    return {file: found[file] for file in sorted(found, key=natural)}


def _inside(directory: str, wanted: Callable[[str], bool], recursive: bool) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        folder = printable(str(error.filename or directory))
        raise InvalidParameter(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from error

    return files_in(directory, wanted, recursive=recursive, refused=refuse)
