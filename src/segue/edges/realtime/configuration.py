"""What a session is asked to be, in either shape: the beta's flat one, or the current one with its ``audio.input``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segue.edges.realtime.audio_format import BETA, G711_RATE, PCM_RATE, AudioFormat
from segue.edges.realtime.turn_detection import TurnDetection
from segue.speech.detection import ModelIdentity
from segue.speech.rules import Rules

Kind: TypeAlias = Literal["realtime", "transcription"]

_MOST_MS = 10_000
_DEFAULTS = TurnDetection()


class _Given(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)  # of all that a session can be, most is not detection


class _ServerVad(_Given):
    type: Literal["server_vad"] = "server_vad"
    threshold: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    prefix_padding_ms: int | None = Field(None, ge=0, le=_MOST_MS)
    silence_duration_ms: int | None = Field(None, ge=0, le=_MOST_MS)

    @property
    def turn_detection(self) -> TurnDetection:
        prefix_ms, silence_ms = self.prefix_padding_ms, self.silence_duration_ms
        return TurnDetection(
            self.threshold,
            _DEFAULTS.prefix_padding_ms if prefix_ms is None else prefix_ms,
            _DEFAULTS.silence_duration_ms if silence_ms is None else silence_ms,
        )


class _Format(_Given):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: int | None = Field(None, ge=8_000, le=192_000)

    @model_validator(mode="after")
    def _g711_has_one_rate(self) -> "_Format":
        if self.type != "audio/pcm" and self.rate not in (None, G711_RATE):
            raise ValueError(f"{self.type} has {G711_RATE} Hz: leave the rate out")
        return self

    @property
    def audio_format(self) -> AudioFormat:
        if self.type == "audio/pcm":
            return AudioFormat("pcm", self.rate or PCM_RATE)
        return AudioFormat("pcmu" if self.type == "audio/pcmu" else "pcma", G711_RATE)


class _Input(_Given):
    format: _Format | None = None
    turn_detection: _ServerVad | None = None


class _Audio(_Given):
    input: _Input = Field(default_factory=_Input)


class _Session(_Given):
    type: Kind | None = None
    audio: _Audio | None = None
    input_audio_format: Literal["pcm16", "g711_ulaw", "g711_alaw"] | None = None
    turn_detection: _ServerVad | None = None

    @property
    def is_beta(self) -> bool:
        return bool(self.model_fields_set & {"input_audio_format", "turn_detection"})

    @property
    def is_current(self) -> bool:
        return bool(self.model_fields_set & {"type", "audio"})

    @model_validator(mode="after")
    def _one_shape(self) -> "_Session":
        if self.is_beta and self.audio is not None:
            raise ValueError("turn_detection and input_audio_format stand in audio.input, or there is no audio")
        return self

    @property
    def audio_format(self) -> AudioFormat | None:
        """What is asked for; None: what was."""
        if self.input_audio_format is not None:
            coding: Any = BETA[self.input_audio_format]
            return AudioFormat(coding, PCM_RATE if coding == "pcm" else G711_RATE)
        asked = self.audio.input.format if self.audio else None
        return asked.audio_format if asked else None

    @property
    def says_turns(self) -> tuple[bool, TurnDetection | None]:
        """Whether turn detection is asked for or off; and which."""
        given = self if "turn_detection" in self.model_fields_set else self.audio.input if self.audio else self
        asked = given.turn_detection
        return "turn_detection" in given.model_fields_set, asked.turn_detection if asked else None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Of one session. ``turn_detection`` None: the client says itself where a turn ends."""

    is_beta: bool = False
    """The shape that it is told in: that of the last update."""
    kind: Kind = "realtime"
    audio_format: AudioFormat = field(default_factory=AudioFormat)
    turn_detection: TurnDetection | None = _DEFAULTS

    def updated(self, given: object) -> "Configuration":
        """With what an update names; the rest is as it was. Raises pydantic's ValidationError."""
        asked = _Session.model_validate(given)
        said, turns = asked.says_turns
        return replace(
            self,
            is_beta=(self.is_beta or asked.is_beta) and not asked.is_current,
            kind=asked.type or self.kind,
            audio_format=asked.audio_format or self.audio_format,
            turn_detection=turns if said else self.turn_detection,
        )

    def shown(self, session_id: str, model: ModelIdentity, rules: Rules) -> Mapping[str, Any]:
        """As the session says it, whole. ``rules`` are those in effect."""
        turns = self.turn_detection.shown(rules) if self.turn_detection else None
        about = {
            "id": session_id,
            "object": f"realtime.{'transcription_session' if self.kind == 'transcription' else 'session'}",
            "model": model.id,
            "segue": {"version": model.version, "revision": model.revision},
        }
        if self.is_beta:
            flat = {"modalities": ["text"], "input_audio_format": self.audio_format.beta, "turn_detection": turns}
            return {**about, **flat, "input_audio_transcription": None, "input_audio_noise_reduction": None}
        heard = {"format": self.audio_format.current, "turn_detection": turns}
        nothing = {"transcription": None, "noise_reduction": None}
        return {**about, "type": self.kind, "audio": {"input": {**heard, **nothing}}}
