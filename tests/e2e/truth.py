"""What each version answers alone, computed in this process, and how an answer of the service is held against it."""

import sqlite3
from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.speech.detection import Detection
from segue.speech.segmenter import Event, Segmenter, SpeechStarted
from segue.speech.stream import DetectorStream
from segue.swap import VersionId
from tests.e2e.load import Answered, Heard
from tests.e2e.server import Server
from tests.e2e.variants import Variant

ROUNDED = 1e-6 + 1e-5
"""Probabilities come with six decimals, and of streams that are scored together with float32's last digits."""

FRAME_MS = 10
OF_THE_FORM = ("probabilities", "channels", "format", "parameters")
NOT_DECISIONS = ("policy", "deadline_s", "probabilities", "key")


class Truth:
    """Of some versions. Computed once for each question."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self.variants = {variant.version: variant for variant in variants}
        self._files: dict[tuple[Any, ...], Detection] = {}

    # -- files -----------------------------------------------------------------------------------------------------

    def detection(self, recording: bytes, version: VersionId, asked: Mapping[str, str]) -> Detection:
        """What this version makes of it."""
        question = (recording, version, *sorted(asked.items()))
        if question not in self._files:
            wanted: dict[str, Any] = {name: value for name, value in asked.items() if name not in OF_THE_FORM}
            detector = self.variants[version].detector
            self._files[question] = detector.detect(recording, probabilities=True, **wanted)
        return self._files[question]

    def check_file(self, answer: Answered, recording: bytes) -> None:
        """Assert that a request succeeded, with what the version that it names answers alone."""
        assert answer.status == 200, f"a request failed: {answer.status} {answer.body}"
        body = answer.body
        version = VersionId(body["model"]["version"])
        truth = self.detection(recording, version, answer.asked)
        assert body["model"]["digest"] == truth.model.digest
        assert (body["duration_ms"], body["mode"]) == (truth.duration_ms, truth.mode)
        found = [(each["start_ms"], each["end_ms"]) for each in body["segments"]]
        expected = [(segment.start_ms, segment.end_ms) for segment in truth.segments]
        assert found == expected, f"{version} is named, and does not answer that, asked {dict(answer.asked)}"
        if "probabilities" in body:
            assert truth.probabilities is not None
            np.testing.assert_allclose(body["probabilities"], truth.probabilities, rtol=0, atol=ROUNDED)

    # -- streams ---------------------------------------------------------------------------------------------------

    def check_stream(self, heard: Heard, *, at_fault: Set[VersionId] = frozenset()) -> int:
        """Assert that the stream is whole, and as one segmenter makes it of each version's own probabilities and rules.

        From versions ``at_fault`` it may be taken whatever its policy. How often it changed versions.
        """
        said = heard.messages
        assert not heard.failure, f"a stream broke: {heard.failure}, after {said[-3:]}"
        assert heard.close_code == 1000
        errors = [message for message in said if message["type"] == "error"]
        assert not errors, f"a stream was told {errors[0]}"
        told = [_flat(message) for message in said if message["type"] != "probabilities"]
        changes = [message for message in told if message["type"] == "model_changed"]
        expected = self._expected(heard, changes, at_fault)
        for at, (message, wanted) in enumerate(zip(told, expected, strict=False)):
            given = {name: message.get(name) for name in wanted}
            assert given == wanted, f"message {at} of {heard.live} is {message}, not {wanted}; before it: {told[:at]}"
        assert len(told) == len(expected), f"{heard.live}: {told[len(expected) :]} or {expected[len(told) :]}"
        return len(changes)

    def _expected(
        self, heard: Heard, changes: Sequence[Mapping[str, Any]], at_fault: Set[VersionId]
    ) -> list[dict[str, Any]]:
        live, audio = heard.live, heard.audio
        asked = {name: value for name, value in live.query.items() if name not in NOT_DECISIONS}
        path = [Stretch(VersionId(heard.messages[0]["model"]["version"]), 0)]
        path += [Stretch(VersionId(change["to"]), change["at_ms"] // FRAME_MS) for change in changes]
        scores = self._scores({each.version for each in path}, live.rate, audio)
        segmenter, kept, expected = Segmenter(), list[NDArray[np.float32]](), list[dict[str, Any]]()
        for number, stretch in enumerate(path):
            detector = self.variants[stretch.version].detector
            p_silence = scores[detector.model.digest]
            rules = detector.rules.asking(asked)
            model = {"version": stretch.version, "digest": detector.model.digest, "mode": rules.mode}
            if number == 0:
                expected.append({"type": "ready", **model})
            else:
                may_wait = heard.policy == "at-silence" and "deadline_s" not in live.query
                if may_wait and path[number - 1].version not in at_fault:
                    assert not segmenter.is_open, f"{live} was moved in the middle of an utterance"
                moved = {"from": path[number - 1].version, "at_ms": FRAME_MS * stretch.frame}
                expected.append({"type": "model_changed", **moved, **model})
            end = path[number + 1].frame if number + 1 < len(path) else len(p_silence)
            assert stretch.frame <= end, f"{live} went back: {path}"
            kept.append(p_silence[stretch.frame : end])
            expected += map(_told, segmenter.accept(kept[-1], rules))
        expected += map(_told, segmenter.finish())
        _check_probabilities(heard, 1 - np.concatenate(kept))
        duration_ms = (2000 * heard.sent_samples + live.rate) // (2 * live.rate)
        return [*expected, {"type": "finished", "duration_ms": duration_ms}]

    def _scores(self, versions: Set[VersionId], rate: int, audio: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """p(silence) of every frame, had these versions heard all of it, by their digests: options change no score."""
        scores = {}
        for detector in {each.model.digest: each for each in (self.variants[v].detector for v in versions)}.values():
            stream = DetectorStream(detector.scorer, detector.rules, sample_rate=rate, keep=True)
            stream.accept(audio)
            stream.finish()
            assert stream.kept is not None
            scores[detector.model.digest] = np.concatenate(stream.kept)
        return scores


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames from ``frame`` on, which this version decided."""

    version: VersionId
    frame: int


def _flat(message: dict[str, Any]) -> dict[str, Any]:
    """With the model's version and digest beside the rest."""
    model = message.get("model", {})
    return message | {name: model[name] for name in ("version", "digest") if name in model}


def _told(event: Event) -> dict[str, Any]:
    if isinstance(event, SpeechStarted):
        return {"type": "speech_started", "at_ms": event.at_ms}
    return {"type": "speech_ended", "start_ms": event.segment.start_ms, "end_ms": event.segment.end_ms}


def _check_probabilities(heard: Heard, expected: NDArray[np.float32]) -> None:
    """Every frame was told once, in order, as the version that decided it scores it; if they were asked for."""
    if heard.live.query.get("probabilities") != "true":
        return
    frame = 0
    for message in heard.messages:
        if message["type"] == "probabilities":
            assert message["from_ms"] == FRAME_MS * frame, (
                f"frame {frame} is missing or repeated: {message['from_ms']} ms"
            )
            values = np.array(message["values"])
            np.testing.assert_allclose(values, expected[frame : frame + len(values)], rtol=0, atol=ROUNDED)
            frame += len(values)
    assert frame == len(expected)


# -- when ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch as whoever asked for it saw it; seconds of ``time.time``."""

    asked_s: float
    acknowledged_s: float
    version: VersionId


def check_acknowledged(answers: Sequence[Answered], switches: Sequence[Switch]) -> int:
    """Assert that what began after the acknowledgement of a switch got its version, or one asked for since.

    ``switches`` in order, the first before all answers. How many answers began with no switch under way.
    """
    quiet = 0
    for answer in answers:
        last = max(at for at, switch in enumerate(switches) if switch.acknowledged_s <= answer.began_s)
        later = [switch for switch in switches[last + 1 :] if switch.asked_s <= answer.ended_s]
        possible = {switch.version for switch in (switches[last], *later)}
        assert answer.body["model"]["version"] in possible, (
            f"begun {answer.began_s - switches[last].acknowledged_s:.4f} s after the acknowledgement of "
            f"{switches[last].version}, answered by {answer.body['model']['version']}"
        )
        quiet += not later
    return quiet


def check_lives(server: Server, answers: Sequence[Answered]) -> int:
    """Assert that each answer's version was loaded at some moment between request and answer; how many were closed."""
    lives: dict[str, list[list[float]]] = {}
    closed = 0
    for row in reversed(all_history(server)):
        if row["kind"] == "state":
            version, (before, _, after) = row["what"].partition("#")[0], row["outcome"].partition(" -> ")
            if (before, after) == ("warming", "ready"):
                lives.setdefault(version, []).append([row["at"], float("inf")])
            elif after in ("closed", "failed") and before not in ("loading", "warming"):
                lives[version][-1][1] = row["at"]
                closed += 1
    for answer in answers:
        version = answer.body["model"]["version"]
        assert any(begin <= answer.ended_s and end >= answer.began_s for begin, end in lives[version]), (
            f"{version} answered between {answer.began_s} and {answer.ended_s}; it lived {lives[version]}"
        )
    return closed


def check_journal(path: Path) -> None:
    """Assert that it is whole: its file, the numbers of its rows, and no other file beside it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [number for (number,) in connection.execute("SELECT seq FROM rows ORDER BY seq")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sorted(each.name for each in path.parent.glob("journal*")) == [
        each for each in ("journal.db", "journal.db-shm", "journal.db-wal") if (path.parent / each).exists()
    ]


def all_history(server: Server) -> list[dict[str, Any]]:
    """Every row of the journal, the newest first."""
    rows: list[dict[str, Any]] = []
    with server.client() as client:
        while page := client.get("/v1/history", limit=1000, before=rows[-1]["seq"] if rows else None)["entries"]:
            rows += page
    return rows
