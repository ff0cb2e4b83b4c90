"""Every error that Segue raises on purpose, in one shallow tree.

Each class has a stable ``code`` (the ``error.code`` of a JSON answer). A message is one line: what was given, what is
accepted, what to do. Third-party exceptions are translated once, at the boundary that meets them, and kept as
``__cause__``. Nothing here knows of HTTP.
"""


class SegueError(Exception):
    """Root of the tree: ``except segue.SegueError`` catches whatever Segue refuses or fails at."""

    code: str = "error"


def one_line(error: object) -> str:
    """What a third party says, on one line: for the messages here, which are one line each."""
    return " ".join(str(error).split())


# -- parameters ----------------------------------------------------------------------------------------------------


class InvalidParameter(SegueError, ValueError):
    """An option or decision parameter is unknown, of the wrong type, or out of range."""

    code = "invalid_parameter"


# -- audio ---------------------------------------------------------------------------------------------------------


class AudioError(SegueError):
    """The audio of one input cannot be used. Other inputs are not affected."""

    code = "audio"


class AudioNotFound(AudioError, FileNotFoundError):
    """The path does not exist."""

    code = "audio_not_found"


class AudioUnreadable(AudioError, PermissionError):
    """The path exists and cannot be read: permissions, a directory, a fault of the disk."""

    code = "audio_unreadable"


class AudioEmpty(AudioError):
    """The input has no bytes."""

    code = "audio_empty"


class AudioUndecodable(AudioError):
    """The bytes are not audio in a format that can be decoded."""

    code = "audio_undecodable"


class AudioTruncated(AudioError):
    """The container promises more audio than it holds, or a block of it is damaged."""

    code = "audio_truncated"


class NoAudioTrack(AudioError):
    """A video or container without a sound track."""

    code = "no_audio_track"


class InvalidSamples(AudioError, ValueError):
    """Samples of a dtype, shape, rate or value (NaN, infinite) that is not accepted."""

    code = "invalid_samples"


class AudioTooLong(AudioError):
    """The audio is longer than the limit set (``max_audio_s``)."""

    code = "audio_too_long"


# -- models --------------------------------------------------------------------------------------------------------


class ModelError(SegueError):
    """A model cannot be found, fetched, trusted or run."""

    code = "model"


class InvalidModelID(ModelError, ValueError):
    """The text is neither a model ID (``owner/name``), a known alias, nor a directory."""

    code = "invalid_model_id"


class ModelNotFound(ModelError, LookupError):
    """No origin knows the model ID or the revision."""

    code = "model_not_found"


class OriginUnavailable(ModelError, ConnectionError):
    """No origin of the model answered, or none in time. What is in the store still works."""

    code = "origin_unavailable"


class DigestMismatch(ModelError):
    """Bytes differ from the SHA-256 that is pinned or was recorded at first use."""

    code = "digest_mismatch"


class ModelIncomplete(ModelError):
    """A model directory lacks a file that it needs."""

    code = "model_incomplete"


class ModelUnsupported(ModelError):
    """The model is whole but asks for what Segue does not implement."""

    code = "model_unsupported"


class ModelInvalid(ModelError):
    """The weights or the configuration cannot be read or are not a model: cut short, wrong shapes, NaN, unsafe."""

    code = "model_invalid"


class InferenceFailed(ModelError, RuntimeError):
    """The model raised or returned values that are not probabilities. Never reported as silence."""

    code = "inference_failed"


class MalformedOutput(InferenceFailed):
    """It returned values that are not probabilities: NaN, infinite, out of range."""

    code = "malformed_output"


class ModelDied(InferenceFailed):
    """The process that the model had for itself is over: it crashed, was killed, took too much memory."""

    code = "model_died"


# -- results and the store -----------------------------------------------------------------------------------------


class StoreError(SegueError, OSError):
    """The local store cannot be read or written: permissions, a full disk, another file system fault."""

    code = "store"


class OutputError(SegueError, OSError):
    """A result cannot be written. Results already written stay whole."""

    code = "output"


class StreamFinished(SegueError, RuntimeError):
    """``accept`` or ``adopt`` was called on a stream after ``finish``."""

    code = "stream_finished"


# -- versions and switching ----------------------------------------------------------------------------------------


class SwitchError(SegueError):
    """A version cannot be prepared, leased, switched to or closed as asked. What serves goes on serving."""

    code = "switch"


class UnknownVersion(SwitchError, LookupError):
    """No version of that name was ever added."""

    code = "unknown_version"


class InvalidRoute(SwitchError, ValueError):
    """A route that contradicts itself, or a share that is no number from 0 to 1."""

    code = "invalid_route"


class InvalidPlan(SwitchError, ValueError):
    """A plan of a rollout that contradicts itself: shares out of order, a negative time, an unknown name."""

    code = "invalid_plan"


class GoldenFailed(SwitchError, ValueError):
    """A version does worse on the golden clips of its plan than the one that serves: it gets no request."""

    code = "golden_failed"


class InsufficientMemory(SwitchError, MemoryError):
    """Another version would not fit beside those that are loaded."""

    code = "insufficient_memory"


class UnknownRollout(SwitchError, LookupError):
    """No rollout has that ID, or none is under way."""

    code = "unknown_rollout"


class IllegalTransition(SwitchError, RuntimeError):
    """A version cannot take that step in the state that it is in."""

    code = "illegal_transition"


class PreparationFailed(SwitchError, RuntimeError):
    """Loading or warming raised something that is no error of ours; it is the ``__cause__``."""

    code = "preparation_failed"


class VersionNotReady(SwitchError):
    """The version asked for is not loaded and warmed, so no route may name it and no lease be had on it."""

    code = "version_not_ready"


class NotReady(SwitchError):
    """No route is installed yet, or the only version that served has failed: nothing can be leased."""

    code = "not_ready"


class VersionInUse(SwitchError):
    """The version serves, or leases on it are out: it cannot be drained or closed."""

    code = "version_in_use"


class LeaseReturned(SwitchError, RuntimeError):
    """The model of a lease was asked for after the lease came back."""

    code = "lease_returned"


class Busy(SwitchError):
    """Another change is under way; ``under_way`` names it."""

    code = "busy"

    def __init__(self, message: str, *, under_way: str) -> None:
        super().__init__(message)
        self.under_way = under_way


class Superseded(SwitchError):
    """The route has changed, or the change was cancelled, since it began: it installed nothing."""

    code = "superseded"


class NothingToRollBack(SwitchError, LookupError):
    """No earlier route can be gone back to."""

    code = "nothing_to_roll_back"


class RestoreFailed(SwitchError):
    """Neither the newest route of the journal nor the one before it can be prepared."""

    code = "restore_failed"


class JournalUnavailable(SwitchError, OSError):
    """The journal cannot be opened or written: locked, full disk, permissions. New switches are refused till it can."""

    code = "journal_unavailable"


# -- the service ---------------------------------------------------------------------------------------------------


class ServiceError(SegueError):
    """The service cannot take or finish a request as it was sent."""

    code = "service"


class RequestInvalid(ServiceError, ValueError):
    """The request is not of the form that its address takes."""

    code = "bad_request"


class RequestTooLarge(ServiceError):
    """The body is larger than the limit set (``max_body_bytes``)."""

    code = "body_too_large"


class RequestTooSlow(ServiceError):
    """The body, or the next message of a stream, did not come in time."""

    code = "body_too_slow"


class RequestUnsupported(ServiceError):
    """The body is declared to be something else than audio."""

    code = "unsupported_media_type"


class Unauthorized(ServiceError):
    """The token is missing or wrong."""

    code = "unauthorized"


class UnknownChange(ServiceError, LookupError):
    """No change of that ID is remembered."""

    code = "unknown_change"


class Refusal(ServiceError):
    """Not now: try again after ``retry_after_s`` seconds."""

    code = "refused"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(Refusal):
    """The service has as much work as it can take."""

    code = "overloaded"


class TooManyRequests(Refusal):
    """One client has more than its share of the service."""

    code = "too_many_requests"


class ShuttingDown(Refusal):
    """The service is being stopped and takes no new work."""

    code = "shutting_down"


class ServerRunning(ServiceError):
    """Another server runs on this ``SEGUE_HOME``."""

    code = "server_running"


# -- the client of a running service -------------------------------------------------------------------------------


class ServerUnreachable(SegueError, ConnectionError):
    """No server answers at the address."""

    code = "server_unreachable"


class ConnectionBroken(SegueError, ConnectionError):
    """The server answers, but each time that one input was sent to it the connection broke, or it stayed silent."""

    code = "connection_broken"


class ServerRefused(SegueError):
    """The server answered with an error: ``code`` and message are its own, ``status`` is that of HTTP."""

    code = "server_refused"

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
