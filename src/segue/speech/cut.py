"""A recording and its segments -> one wav a segment, of the recording's own samples.

The recording is decoded once more, at its own rate, and each block goes to the clips that are open: memory is that of
two blocks, however long recording and segments are.
"""

import json
import math
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from segue.errors import InvalidParameter, OutputError
from segue.speech.audio import AudioSource, Decoded, decode
from segue.speech.detection import Detection, check_channels, check_same
from segue.speech.formats import to_dict
from segue.speech.names import printable, without_blanks
from segue.speech.samples import Block, mix
from segue.speech.segmenter import Segment
from segue.speech.wav import WavWriter

if TYPE_CHECKING:
    from segue.speech.detector import Progress

DRAFT_PREFIX, DRAFT_SUFFIX = ".segue-", ".tmp"
"""Of the directory in which clips are written before they are moved to where they belong."""

_LONGEST_NAME_BYTES = 200


@dataclass(frozen=True, slots=True)
class Clip:
    """One segment as a wav of its own: what it is of, and how many ``samples`` at ``sample_rate`` Hz it holds."""

    path: Path
    segment: Segment
    detection: Detection
    sample_rate: int
    samples: int

    @property
    def duration_s(self) -> float:
        """Of the file: by rounding to whole samples, or at the recording's end, not quite that of the segment."""
        return self.samples / self.sample_rate


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is still to be cut. ``channel`` None: the mean of all."""

    start: int
    end: int
    name: str
    segment: Segment
    detection: Detection


def cut(
    source: AudioSource,
    detections: Detection | Sequence[Detection],
    directory: str | os.PathLike[str],
    *,
    name: str | None = None,
    sample_rate: int | None = None,
    progress: "Progress | None" = None,
) -> list[Clip]:
    """Write each segment of a recording to ``directory``, which is made if need be; the clips, by channel and time.

    ``source`` and ``sample_rate`` as they were given to ``detect``; a pipe can be read only once, so give its bytes.
    ``detections``: the answer of ``detect`` or ``detect_channels``. A clip is called ``NAME-START-END.wav``, in
    milliseconds of nine digits, and of a channel ``NAME-CHANNEL-START-END.wav`` with the channel from 1; ``name`` is
    the file's without extension, blanks as ``_``, where it is left out.

    A clip holds the decoded samples from ``start_ms * rate // 1000`` up to ``end_ms * rate // 1000``, at the
    recording's own rate: those of its channel, or the mean of all for the mix. It has 16 bits, 24 where the recording
    has, and is of 32-bit floats where that has floats or 32 bits; so the samples of one channel are exactly its own.
    All clips are there, or none of this call: they are moved to their places when the last is whole. A file of the same
    name is replaced. Memory: two decoded blocks. Thread-safe.

    Raises AudioError, OutputError, and InvalidParameter if the detection is of another recording.
    """
    found = [detections] if isinstance(detections, Detection) else list(detections)
    name = _name_of(source) if name is None else name
    if not name or os.path.basename(name) != name or "\0" in name:
        raise InvalidParameter(f"name: {printable(name)!r} cannot begin the name of a file; leave out {os.sep!r}")
    if not any(detection.segments for detection in found):
        return []
    target = Path(directory)
    with _draft(target) as draft:
        with (
            decode(
                source, target_rate=None, sample_rate=sample_rate, channels="split", max_audio_s=math.inf
            ) as decoded,
            _Cutter(decoded, found, name, draft, target) as cutter,
        ):
            for block in decoded:
                cutter.accept(block)
                if progress:
                    progress(decoded.duration_ms, decoded.promised_ms)
            clips = cutter.finish()
        check_same(found, decoded.duration_ms)
        with _writing(target):
            for clip in clips:
                (draft / clip.path.name).replace(clip.path)
    return clips


def to_manifest(file: str, clips: Sequence[Clip], below: Path) -> str:
    """Lines of JSON, one a clip: NeMo's ``audio_filepath`` (from ``below``) and ``duration`` in seconds, then ours.

    No ``offset``: in that form it is where to begin inside ``audio_filepath``, which here is the clip.
    """
    return "".join(_line(file, clip, below) for clip in clips)


def _line(file: str, clip: Clip, below: Path) -> str:
    facts = to_dict(file, clip.detection)
    channel = {} if clip.detection.channel is None else {"channel": clip.detection.channel}
    values = {
        "audio_filepath": clip.path.relative_to(below).as_posix(),
        "duration": round(clip.duration_s, 6),
        "source": facts["file"],
        **channel,
        "start_ms": clip.segment.start_ms,
        "end_ms": clip.segment.end_ms,
        "duration_ms": clip.segment.end_ms - clip.segment.start_ms,
        "sample_rate": clip.sample_rate,
        "model": facts["model"],
        "mode": facts["mode"],
    }
    return json.dumps(values, ensure_ascii=False) + "\n"


class _Cutter:
    """The clips of one recording, while its blocks come. A context manager: what is open is closed, come what may."""

    def __init__(self, decoded: Decoded, detections: Sequence[Detection], name: str, draft: Path, target: Path) -> None:
        check_channels(detections, decoded.source_channels)
        self._rate, self._bits = decoded.source_rate, decoded.bits
        self._draft, self._target = draft, target
        pieces = [_piece(name, detection, s, self._rate) for detection in detections for s in detection.segments]
        self._order = {piece.name: index for index, piece in enumerate(pieces)}
        self._waiting = deque(sorted(pieces, key=lambda piece: piece.start))
        self._open: list[tuple[_Piece, WavWriter]] = []
        self._at = 0
        self._clips: list[Clip] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _piece, writer in self._open:
            with suppress(OSError):  # a full disk again; the draft is thrown away
                writer.close()

    def accept(self, block: Block) -> None:
        """The next block of all channels."""
        end = self._at + block.shape[1]
        with _writing(self._target):
            while self._waiting and self._waiting[0].start < end:
                piece = self._waiting.popleft()
                writer = WavWriter(self._draft / piece.name, rate=self._rate, bits=self._bits)
                self._open.append((piece, writer))
            for piece, writer in self._open:
                part = block[:, max(0, piece.start - self._at) : piece.end - self._at]
                channel = piece.detection.channel
                writer.write(mix(part)[0] if channel is None else part[channel])
            self._close(up_to=end)
        self._at = end

    def finish(self) -> list[Clip]:
        """After the last block: a segment may end with the recording, at most half a millisecond behind it."""
        with _writing(self._target):
            self._close(up_to=None)
        return sorted(self._clips, key=lambda clip: self._order[clip.path.name])

    def _close(self, *, up_to: int | None) -> None:
        ended = [(piece, writer) for piece, writer in self._open if up_to is None or piece.end <= up_to]
        self._open = [(piece, writer) for piece, writer in self._open if up_to is not None and piece.end > up_to]
        for piece, writer in ended:
            writer.close()
            path = self._target / piece.name
            self._clips.append(Clip(path, piece.segment, piece.detection, self._rate, writer.samples))


def _piece(name: str, detection: Detection, segment: Segment, rate: int) -> _Piece:
    channel = "" if detection.channel is None else f"-{detection.channel + 1}"
    return _Piece(
        start=segment.start_ms * rate // 1000,
        end=segment.end_ms * rate // 1000,
        name=f"{name}{channel}-{segment.start_ms:09d}-{segment.end_ms:09d}.wav",
        segment=segment,
        detection=detection,
    )


def _name_of(source: AudioSource) -> str:
    given = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    path = os.fsdecode(given) if isinstance(given, str | bytes | os.PathLike) else "recording"
    name = without_blanks(printable(os.path.splitext(os.path.basename(path))[0])) if path else "recording"
    return os.fsencode(name)[:_LONGEST_NAME_BYTES].decode(errors="ignore")


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    with _writing(target):
        target.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, suffix=DRAFT_SUFFIX, dir=target))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """The errors of a disk, in one line. Nothing is read inside it: that has errors of its own, some an OSError too."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(
            f"{printable(str(target))}: a clip cannot be written ({reason}); make room or choose another directory"
        ) from error
