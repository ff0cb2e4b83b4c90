"""The bodies of requests, checked strictly; and those of answers, of which OpenAPI tells."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def _is_plain(value: Any) -> Any:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError("option", "a text, a finite number, true or false is wanted")
    return value


Option = Annotated[bool | int | float | str, BeforeValidator(_is_plain)]
Options = Annotated[dict[str, Option], Field(max_length=64)]
ModelID = Annotated[str, Field(min_length=1, max_length=500, examples=["iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"])]
Version = Annotated[str, Field(min_length=1, max_length=100, examples=["v6cadc83c"])]
Why = Annotated[str, Field(max_length=1000, description="The reason, for the history.")]


# -- requests ------------------------------------------------------------------------------------------------------


class Strict(BaseModel):
    """A body or a query: what it does not know it refuses, and says what it knows."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        unknown = [str(name) for name in data if name not in cls.model_fields] if isinstance(data, dict) else []
        if unknown:
            known = ", ".join(cls.model_fields) or "none"
            raise PydanticCustomError(
                "unknown",
                "{name}: there is none of that name; there are {known}",
                {"name": unknown[0][:80], "known": known},
            )
        return data


class Prepare(Strict):
    """A model to be fetched, verified, loaded and warmed."""

    model_id: ModelID
    revision: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    options: Options = Field(
        default={},
        description="Mode, preset and decision parameters; `isolate` (true): in a process of its own.",
        examples=[{"max_end_silence_time": 500}],
    )
    why: Why = ""


class Switch(Strict):
    """What is to serve: a model (``model_id``, ``revision``, ``options``), or a ``version`` that is known already."""

    model_id: ModelID | None = None
    revision: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    options: Options = Field(
        default={},
        description="Mode, preset and decision parameters; `isolate` (true): in a process of its own.",
        examples=[{"max_end_silence_time": 500}],
    )
    version: Version | None = None
    why: Why = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.model_id is None) == (self.version is None):
            raise PydanticCustomError("one", "give model_id (and revision, options), or version: one of the two")
        if self.version is not None and (self.revision is not None or self.options):
            raise PydanticCustomError("one", "a version has its revision and options already: give it alone")
        return self


class Reason(Strict):
    """Nothing, or a reason."""

    why: Why = ""


class Waiting(Strict):
    """Query of a change."""

    wait: bool = Field(default=True, description="Answer when it is done, or (false) at once with 202.")


class SwitchWaiting(Waiting):
    """Query of a switch."""

    queue: bool = Field(default=False, description="Wait for a change under way to end, instead of 409.")
    abort_rollout: bool = Field(default=False, description="End the rollout under way, instead of 409.")


class Deadline(Strict):
    """Query of a removal."""

    deadline_s: float = Field(default=30.0, ge=0, le=3600, description="Longest wait for those that still use it.")


class Page(Strict):
    """Query of the history."""

    limit: int = Field(default=50, ge=1, le=1000, description="How many rows.")
    before: int | None = Field(default=None, ge=1, le=2**63 - 1, description="Only rows older than this one.")


# -- answers -------------------------------------------------------------------------------------------------------


class Fault(BaseModel):
    """What is wrong, and what to do."""

    code: str = Field(examples=["invalid_parameter"])
    message: str
    request_id: str


class Failed(BaseModel):
    """The form of every error."""

    error: Fault


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"]


class Ready(BaseModel):
    """A version serves."""

    status: Literal["ready"]
    version: str


class Model(BaseModel):
    """The version that answered: its ID and revision, its name here, and the SHA-256 of its content."""

    id: str
    revision: str | None
    version: str
    digest: str


class Segment(BaseModel):
    """Speech, in whole milliseconds from the beginning."""

    start_ms: int
    end_ms: int


class Channel(BaseModel):
    """One channel, where they were split."""

    channel: int
    segments: list[Segment]
    probabilities: list[float] | None = None


class Detected(BaseModel):
    """``segments``, or ``channels`` where they were split; what was not asked for is left out."""

    segments: list[Segment] | None = None
    channels: list[Channel] | None = None
    duration_ms: int
    mode: str
    preset: str | None = Field(default=None, description="Left out where none is in effect.")
    model: Model
    request_id: str
    probabilities: list[float] | None = Field(default=None, description="Of speech, one a frame.")
    parameters: dict[str, Any] | None = Field(default=None, description="The decision parameters in effect.")


class Serving(BaseModel):
    """What would answer."""

    model: Model
    mode: str
    preset: str | None = Field(default=None, description="Left out where none is in effect.")
    parameters: dict[str, Any]
    sample_rate: int
    frame_ms: int
    epoch: int


class Switched(BaseModel):
    """What serves now. ``prepared``: versions that had to be made ready. ``recorded``: whether the journal has it."""

    version: str | None
    previous: str | None
    epoch: int
    changed: bool
    recorded: bool
    prepared: list[str]


class Step(BaseModel):
    """A step of a change, and when it began, in seconds after the change did."""

    step: str
    detail: str
    at_s: float


class Message(BaseModel):
    """What a change failed with."""

    code: str
    message: str


class Identity(BaseModel):
    """A model, pinned to its content."""

    id: str
    revision: str | None
    digest: str


class VersionReport(BaseModel):
    """A version: what it is, what it does. Rate, latency and errors are of the last minute."""

    version: str
    model: Identity
    options: dict[str, Option]
    state: str
    role: Literal["primary", "canary", "shadow", ""]
    share: float
    leases: int
    streams: int
    stranded: int
    bake_left_s: float | None
    failure: str
    incarnation: int
    memory_bytes: int | None
    rate_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    errors: int
    requests: int


class Stage(BaseModel):
    """A step that a rollout took, ``at`` seconds since 1970."""

    phase: str
    share: float
    why: str
    at: float


class Rollout(BaseModel):
    """A version on its way. Shares are parts of 1; ``for_s``: in this phase; ``verdict`` and ``says``: the judge's."""

    id: str
    version: str
    instead: str
    phase: Literal["shadow", "canary", "bake", "done", "taken back", "aborted"]
    step: int
    share: float
    is_over: bool
    is_paused: bool
    who: str
    why: str
    began_at: float
    for_s: float
    requests: int
    compared: int
    disagreement: float | None
    verdict: Literal["worse", "no worse", "not enough yet"]
    says: str
    figures: dict[str, float]
    waits_for: str
    outcome: str
    plan: dict[str, Any]
    stages: list[Stage]


class Change(BaseModel):
    """A change, under way or over. Its answer is what serves now, the version prepared, or the rollout begun."""

    id: str
    verb: str
    what: str
    who: str
    why: str
    state: Literal["running", "done", "failed"]
    began_at: float
    took_s: float
    steps: list[Step]
    answer: Switched | VersionReport | Rollout | None
    error: Message | None


class Route(BaseModel):
    """Which version answers whom."""

    primary: str
    canary: str | None
    canary_share: float
    shadow: str | None


class Journal(BaseModel):
    """Where it is, how many rows could not be written yet, and what was found damaged."""

    path: str
    pending_rows: int
    notice: str


class Streams(BaseModel):
    """Live streams; ``elsewhere`` are those not on what serves."""

    open: int
    elsewhere: int


class Requests(BaseModel):
    """Recordings; ``refused`` since the start."""

    running: int
    waiting: int
    refused: int


class Status(BaseModel):
    """All at one moment. ``started_at``: seconds since 1970; ``back``: where rollback goes, the next one last.

    ``follow``: what is followed, and what came of it, on one line.
    """

    segue: str
    pid: int
    started_at: float
    uptime_s: float
    ready: bool
    waits_for: str
    epoch: int
    route: Route | None
    route_text: str
    back: list[str]
    under_way: Change | None
    rollout: Rollout | None
    follow: str
    memory_bytes: int
    journal: Journal
    streams: Streams
    requests: Requests
    versions: list[VersionReport]


class Versions(BaseModel):
    """All that were ever added."""

    versions: list[VersionReport]


class Removed(BaseModel):
    """``closed``: whether it was within the deadline; if not, it closes when its last user is gone."""

    version: str
    closed: bool
    memory_returned_bytes: int | None


class HistoryEntry(BaseModel):
    """A row of the journal. ``at``: seconds since 1970."""

    seq: int
    at: float
    kind: str
    verb: str
    what: str
    who: str
    why: str
    outcome: str
    epoch: int
    route_text: str
    versions: dict[str, Any]
    evidence: dict[str, Any]
    of: int | None


class History(BaseModel):
    """The newest first."""

    entries: list[HistoryEntry]
