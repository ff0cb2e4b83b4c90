"""The composition root: the only place where hub, models, speech and settings meet."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from segue.hub import Newest, ResolvedModel, Store, newest, resolve
from segue.settings import Settings, read_settings

if TYPE_CHECKING:
    from segue.speech.detector import Detector
    from segue.speech.presets import Preset
    from segue.speech.scorer import Scorer


def store(settings: Settings) -> Store:
    """The local model store of these settings."""
    return Store(settings.home / "models")


def fetch(
    model: str | Path | None,
    revision: str | None = None,
    *,
    settings: Settings,
    progress: Callable[[str], None] | None = None,
) -> ResolvedModel:
    """Resolve a model ID (or alias, ``ID@REVISION``, directory) to a verified directory, fetching it if need be."""
    return resolve(
        model or settings.model,
        revision,
        store=store(settings),
        connect_timeout_s=settings.connect_timeout_s,
        fetch_timeout_s=settings.fetch_timeout_s,
        progress=progress,
    )


def look(model: str, revision: str | None = None, *, settings: Settings) -> Newest:
    """What a branch or directory means now, whatever was fetched of it before. Raises as ``fetch``."""
    return newest(
        model,
        revision,
        store=store(settings),
        connect_timeout_s=settings.connect_timeout_s,
        fetch_timeout_s=settings.fetch_timeout_s,
    )


def load(
    model: str | Path | None = None,
    revision: str | None = None,
    *,
    mode: str | None = None,
    preset: "str | Preset | None" = None,
    isolate: bool = False,
    settings: Settings | None = None,
    progress: Callable[[str], None] | None = None,
    **parameters: object,
) -> "Detector":
    """A detector for a model ID, an alias such as ``fsmn-vad`` (the default), or a directory.

    The model is fetched and verified on first use, and taken from the local store ever after, without the network.
    ``mode`` ("classic", "dynamic" or "tight"), ``preset`` and ``parameters`` (see ``segue.Rules``) become the
    detector's own; a request may still ask for others. ``isolate``: in a process of its own, which ends when nobody has
    the detector any more. Raises ModelError, InvalidParameter, StoreError.
    """
    from segue import models  # NumPy, SciPy and the codecs are loaded here, not to list or fetch models
    from segue.models.isolated import scorer as isolated
    from segue.speech.detection import ModelIdentity
    from segue.speech.detector import Detector

    settings = settings or read_settings()
    resolved = fetch(model, revision, settings=settings, progress=progress)
    scorer: Scorer
    if isolate:
        name, limit = resolved.model_id, settings.isolated_memory_bytes
        scorer, rules = isolated.load(resolved.directory, resolved.kind, name=name, most_memory_bytes=limit)
    else:
        scorer, rules = models.load(resolved.directory, resolved.kind)
    rules = rules.asking({"mode": mode, "preset": preset, **parameters}, source="options").settled()
    identity = ModelIdentity(resolved.model_id, resolved.revision, resolved.digest)
    return Detector(scorer, rules, model=identity, max_audio_s=settings.max_audio_s)
