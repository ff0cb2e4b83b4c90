"""A model -> its int8 variant, as a directory or an entry of the store, and what that costs in decisions.

The variant is a model like any other: its own digest, loaded by the same loader. A NOTICE says what it was made of, and
the licence files of the original go with it.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import AudioNotFound, InvalidParameter, ModelUnsupported, StoreError, one_line
from segue.hub import CATALOG, ResolvedModel, parse_model, resolve
from segue.hub.digests import file_sha256
from segue.hub.layout import Layout
from segue.hub.names import is_plain_name
from segue.service.int8_cost import Int8Cost, int8_cost
from segue.service.loading import fetch, store
from segue.settings import Settings
from segue.speech.folder import files_in
from segue.speech.names import is_audio, natural

if TYPE_CHECKING:
    from segue.speech.scorer import Samples

_MOST_CLIP_S = 600
_SYNTHETIC_S = 60
_NOTICES = re.compile(r"(LICEN[CS]E|NOTICE|COPYING|ATTRIBUTION|AUTHORS)", re.IGNORECASE)
_MOST_NOTICE_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Int8Variant:
    """``made`` can be used by ``name``; ``cost`` was measured on ``measured_on``, which says it in words."""

    made: ResolvedModel
    name: str
    cost: Int8Cost
    calibrated_on: str
    measured_on: str


@dataclass(frozen=True, kw_only=True)
class _Audio:
    """What scales are found on, and what the cost is measured on: read when iterated over, a clip at a time."""

    calibrating: Callable[[], "Iterator[Samples]"]
    measuring: Callable[[], "Iterator[Samples]"]
    calibrated_on: str
    measured_on: str


def quantize(
    model: str | None,
    *,
    settings: Settings,
    out: Path | None = None,
    name: str | None = None,
    clips: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Int8Variant:
    """Make the int8 variant of ``model`` (as ``fetch`` takes it), in the directory ``out`` or in the store.

    In the store it is ``name`` (ID or ID@REVISION), else ``local/NAME-int8``; a revision that is left out is the first
    12 digits of its digest. ``clips``: a folder of recordings, every other one for finding scales, the rest for
    measuring. Raises ModelError, StoreError, InvalidParameter, AudioError.
    """
    from segue import models
    from segue.models.fsmn_calibration import quantised_on
    from segue.models.fsmn_int8 import write_int8

    source = fetch(model, settings=settings, progress=progress)
    if source.kind != "fsmn-vad":
        raise ModelUnsupported(f"{source.model_id} is a model of kind {source.kind!r}; only fsmn-vad can be quantised")
    if out is not None and (name or (out.exists() and (not out.is_dir() or any(out.iterdir())))):
        raise InvalidParameter(f"{out}: give a directory that is new or empty, or a name in the store; not both")
    model_id, revision = _parsed(name, source)
    scorer, _ = models.load(source.directory, source.kind)
    audio = _audio(clips, scorer.sample_rate)
    with _workplace(out, settings) as directory:
        progress(f"finding scales on {audio.calibrated_on}")
        weights = quantised_on(source.directory, audio.calibrating())
        write_int8(directory / "model.onnx", weights, facts=_facts(source, audio))
        names = ("model.onnx", *_carry(source, directory, audio))
        progress(f"measuring on {audio.measured_on}")
        cost = _cost(source, directory, audio, settings)
        if out is not None:
            _place(directory, out)
            made = resolve(out, store=store(settings), connect_timeout_s=1, fetch_timeout_s=1)
            said = str(out)
        else:
            made = _install(directory, names, model_id, revision, source, settings)
            said = f"{made.model_id}@{made.revision}"
    return Int8Variant(
        made=made, name=said, cost=cost, calibrated_on=audio.calibrated_on, measured_on=audio.measured_on
    )


def _parsed(name: str | None, source: ResolvedModel) -> tuple[str, str | None]:
    if name is None:
        last = Path(source.model_id).name if source.revision is None else source.model_id.partition("/")[2]
        return f"local/{re.sub(r'[^A-Za-z0-9._-]', '_', last).lstrip('.-')[:100] or 'model'}-int8", None
    model_id, revision = parse_model(name)
    if "/" not in model_id or ":" in model_id or CATALOG.lookup(model_id):
        raise InvalidParameter(f"{name!r} is no name for a model of your own: give OWNER/NAME or OWNER/NAME@REVISION")
    return model_id, revision


def _audio(clips: Path | None, rate: int) -> _Audio:
    if clips is None:
        from segue.models.fsmn_calibration import synthetic_speech

        def made(seed: int) -> "Callable[[], Iterator[Samples]]":
            return lambda: iter([synthetic_speech(rate, seconds=_SYNTHETIC_S, seed=seed)])

        said = f"{_SYNTHETIC_S} s of synthetic sound, no speech (--clips DIR gives your own)"
        return _Audio(calibrating=made(0), measuring=made(1), calibrated_on=said, measured_on=f"another {said}")

    def refuse(error: OSError) -> None:
        raise AudioNotFound(f"{clips} cannot be listed ({error.strerror}): give a directory with recordings") from error

    paths = [Path(path) for path in sorted(files_in(str(clips), is_audio, refused=refuse), key=natural)]
    if not paths:
        raise AudioNotFound(f"{clips} has no recordings: give a directory of wav, flac, mp3 or other audio files")
    first, second = (paths[::2], paths[1::2]) if len(paths) > 1 else (paths, paths)
    folder = clips.resolve().name  # not its whole path: this goes into the model's own files
    same = "" if len(paths) > 1 else " (the same one: its figures flatter)"
    return _Audio(
        calibrating=lambda: _heard(first, rate),
        measuring=lambda: _heard(second, rate),
        calibrated_on=f"{len(first)} of {len(paths)} clips in {folder}",
        measured_on=f"{len(second)} of {len(paths)} clips in {folder}{same}",
    )


def _heard(paths: Sequence[Path], rate: int) -> "Iterator[Samples]":
    import numpy as np

    from segue.speech.audio import decode

    for path in paths:
        blocks, have = [], 0
        with decode(path, target_rate=rate) as decoded:
            for block in decoded:
                blocks.append(block[0])
                have += len(block[0])
                if have >= _MOST_CLIP_S * rate:
                    break
        if blocks:
            yield np.concatenate(blocks)[: _MOST_CLIP_S * rate]


# -- the files -----------------------------------------------------------------------------------------------------


@contextmanager
def _workplace(out: Path | None, settings: Settings) -> Iterator[Path]:
    """An empty directory from which the result can be moved to its place in one step, gone at the end."""
    if out is None:
        with store(settings).stage() as staged:
            yield staged
        return
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))
    except OSError as error:
        raise StoreError(f"{out} cannot be made: {one_line(error)}") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _place(directory: Path, out: Path) -> None:
    try:
        directory.chmod(0o755)
        os.replace(directory, out)  # over an empty directory too
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {one_line(error)}") from error


def _carry(source: ResolvedModel, directory: Path, audio: _Audio) -> list[str]:
    """Copy what goes with the weights, and write the NOTICE; answers the files' names."""
    names = [file.name for file in source.files if not file.name.startswith("model.")]
    for path in sorted(source.directory.iterdir()):
        said = _NOTICES.match(path.name) and is_plain_name(path.name) and path.name != "NOTICE"
        if said and path.is_file() and path.stat().st_size <= _MOST_NOTICE_BYTES:
            names.append(path.name)
    for name in names:
        shutil.copyfile(source.directory / name, directory / name)
    original = source.directory / "NOTICE"
    before = original.read_bytes()[:_MOST_NOTICE_BYTES] if original.is_file() else b""
    facts = "".join(f"{key}: {value}\n" for key, value in _facts(source, audio).items())
    (directory / "NOTICE").write_bytes(
        b"This is not the original model but an int8 variant of it; what it decides differs in places.\n"
        + facts.encode()
        + (b"\nThe original's own notice:\n\n" + before if before else b"")
    )
    return list(dict.fromkeys([*names, "NOTICE"]))


def _facts(source: ResolvedModel, audio: _Audio) -> dict[str, str]:
    known = CATALOG.lookup(source.model_id) or next(
        (m for m in CATALOG.models if m.pins and CATALOG.digest_of(m.pins) == source.digest), None
    )
    facts = {
        # Of a directory its name, not its whole path: that would go wherever the model goes.
        "Made from": f"{source.model_id}@{source.revision}" if source.revision else Path(source.model_id).name,
        "Digest of that": source.digest,
        "Made by": f"Segue {version('segue')}, segue models quantize (int8, scales fixed)",
        "Scales found on": audio.calibrated_on,
    }
    if known:
        facts["Original"] = f"{known.description}, {known.model_id}"
        facts["Licence of the original"] = f"{known.licence}: its authors are to be attributed, its name kept"
    return facts


def _install(
    directory: Path,
    names: Sequence[str],
    model_id: str,
    revision: str | None,
    source: ResolvedModel,
    settings: Settings,
) -> ResolvedModel:
    def digest_of(files: "dict[str, str]") -> str:
        weighty = {name: sha256 for name, sha256 in files.items() if name in CATALOG.default_layout.names}
        return CATALOG.digest_of(weighty)  # that of a directory with these files, whatever notices go with them

    digest = digest_of({name: file_sha256(directory / name) for name in names})
    return store(settings).install(
        model_id,
        revision or digest[:12],
        source=directory,
        layout=Layout(tuple(names)),
        origin=f"segue models quantize, of digest {source.digest[:12]}",
        digest_of=lambda files: digest_of(dict(files)),
    )


def _cost(source: ResolvedModel, directory: Path, audio: _Audio, settings: Settings) -> Int8Cost:
    from segue import models
    from segue.speech.detection import ModelIdentity
    from segue.speech.detector import Detector

    def detector(where: Path) -> Detector:
        scorer, rules = models.load(where)
        identity = ModelIdentity(source.model_id, source.revision, source.digest)
        return Detector(scorer, rules, model=identity, max_audio_s=settings.max_audio_s)

    weights = [source.directory / name for name in ("model.onnx", "model.pt")]
    size = next(path.stat().st_size for path in weights if path.is_file())
    sizes = (size, (directory / "model.onnx").stat().st_size)
    return int8_cost(detector(source.directory), detector(directory), audio.measuring(), sizes=sizes)
