"""ModelScope's front door: ``from segue.edges.modelscope import pipeline`` for voice activity detection."""

from typing import Any

from segue.errors import InvalidParameter
from segue.service.automodel import AutoModel

__all__ = ["Tasks", "VoiceActivityDetection", "pipeline"]


class Tasks:
    """Of ``modelscope.utils.constant.Tasks`` what is here; ModelScope's own is accepted as well."""

    voice_activity_detection = "voice-activity-detection"


class VoiceActivityDetection:
    """What ``pipeline`` makes: ``found = vad("talk.wav")``. Thread-safe."""

    def __init__(self, model: AutoModel) -> None:
        self.model = model

    def __call__(self, input: Any = None, **options: Any) -> list[dict[str, Any]]:  # noqa: A002  # ModelScope's name
        """``[{"key": …, "value": [[start_ms, end_ms], …]}]``; takes what ``AutoModel.generate`` takes and raises.

        ``audio_in`` and ``audio_fs`` are older names of ``input`` and ``fs``.
        """
        for older, name in (("audio_in", "input"), ("audio_fs", "fs")):
            if older in options:
                options.setdefault(name, options.pop(older))
        given = options.pop("input", None) if input is None else input
        if given is None:
            raise InvalidParameter("nothing to detect in: pass a path, bytes or samples as input")
        return self.model.generate(given, **options)


def pipeline(
    task: str, model: str = "fsmn-vad", model_revision: str | None = None, **options: Any
) -> VoiceActivityDetection:
    """A callable for ``task``, which can only be voice activity detection. ``options`` are those of ``AutoModel``.

    Raises InvalidParameter for another task, and what ``AutoModel`` raises.
    """
    if task != Tasks.voice_activity_detection:
        raise InvalidParameter(f"task={task!r}: only {Tasks.voice_activity_detection} is here")
    return VoiceActivityDetection(AutoModel(model=model, model_revision=model_revision, **options))
