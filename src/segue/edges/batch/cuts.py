"""``--cut DIR``: the clips of every input in a folder of its own, and one manifest of them all.

``DIR/talk/talk-000001720-000005170.wav`` and the like, and ``DIR/manifest.jsonl``. Which clips an input has is also in
``DIR/.segue-cut``, one result an input: from there the manifest is put together when a run ends, and ``--resume`` knows
what is done.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from segue.edges.batch.inputs import Input
from segue.edges.batch.results import ResultDirectory, write_whole
from segue.errors import OutputError
from segue.speech.names import printable

if TYPE_CHECKING:
    from segue.speech.audio import AudioSource
    from segue.speech.detection import Detection
    from segue.speech.detector import Progress

MANIFEST = "manifest.jsonl"
_PARTS = ".segue-cut"


class Cuts:
    """The clips of a run's inputs. Thread-safe. Raises OutputError, and what the audio raises."""

    needs_probabilities = False

    def __init__(self, directory: Path, parts: ResultDirectory) -> None:
        self.directory = directory
        self._parts = parts

    @classmethod
    @contextmanager
    def held(cls, directory: Path) -> Iterator[Self]:
        """The directory for a whole run; one whose manifest is not Segue's is refused."""
        manifest, parts = directory / MANIFEST, directory / _PARTS
        if os.path.lexists(manifest) and not parts.is_dir():
            raise OutputError(f"{manifest}: is not of segue detect --cut; move it away or choose another DIR")

        def taken(stem: str) -> bool:
            return stem == MANIFEST or os.path.lexists(directory / stem)

        with ResultDirectory.held(parts, "jsonl", stems=True, taken=taken) as results:
            yield cls(directory, results)

    def reserve(self, sources: Sequence[str]) -> None:
        """Give every source its name, which no other has: that of its folder, and the beginning of its clips'."""
        self._parts.reserve(sources)

    def made_by(self, source: str) -> str:
        """What made the clips of a reserved source; empty if nobody knows."""
        return self._parts.made_by(source)

    def holds(self, source: str, made_by: str) -> bool:
        """Whether exactly that made the clips, and all of them are still there."""
        return self._parts.holds(source, made_by) and all(path.is_file() for path in self._listed(source))

    def make(
        self,
        item: Input,
        audio: "AudioSource",
        detections: "Sequence[Detection]",
        *,
        made_by: str,
        progress: "Progress",
    ) -> str:
        """Cut one input, in place of what was cut of it before; what to say of it, or nothing."""
        from segue.speech.cut import DRAFT_PREFIX, cut, to_manifest

        name = self._name(item.source)
        folder = self.directory / name
        for left in folder.glob(f"{DRAFT_PREFIX}*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        before = self._listed(item.source)
        clips = cut(audio, detections, folder, name=name, progress=progress)
        self._remove(set(before) - {clip.path for clip in clips}, folder)
        lines = to_manifest(item.file, clips, self.directory)
        self._parts.write(item.source, lines.encode(errors="backslashreplace"), made_by=made_by)
        return "" if clips else f"{printable(item.file)}: no speech was found, so there is nothing to cut"

    def discard(self, source: str) -> None:
        """Remove what an earlier run cut, since it no longer holds."""
        self._remove(self._listed(source), self.directory / self._name(source))
        self._parts.discard(source)

    def finish(self) -> None:
        """Put the manifest together: of all that is in the directory, by whichever run."""

        def parts() -> Iterator[bytes]:
            for path in self._parts.written():
                with suppress(FileNotFoundError):  # no longer held
                    yield path.read_bytes()

        path = self.directory / MANIFEST
        try:
            write_whole(path, parts())
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise OutputError(f"{path}: cannot be written ({reason}); make room, and --resume writes it") from error

    def _name(self, source: str) -> str:
        return self._parts.path(source).name.removesuffix(".jsonl")

    def _listed(self, source: str) -> list[Path]:
        """The clips that an earlier run made. The list may have been edited: only names in the input's own folder."""
        name = self._name(source)
        try:
            lines = self._parts.path(source).read_bytes().splitlines()
            paths = [json.loads(line)["audio_filepath"] for line in lines]
        except (OSError, ValueError, LookupError, TypeError):
            return []
        names = [os.path.basename(path) for path in paths if isinstance(path, str)]
        return [self.directory / name / each for each in names if each.startswith(f"{name}-")]

    @staticmethod
    def _remove(paths: "Sequence[Path] | set[Path]", folder: Path) -> None:
        with suppress(OSError):  # a clip that stays is in no manifest
            for path in paths:
                path.unlink(missing_ok=True)
            folder.rmdir()  # if nothing else is in it
