"""A ``VAD`` for LiveKit Agents (``pip install 'segue[livekit]'``).

Segue's rules decide, in ``tight`` mode unless told: the speech itself, its end announced 250 ms after it. What the VAD
of LiveKit calls min_silence_duration and so on are parameters of that mode here, under Segue's names and in ms.
"""

import asyncio
import logging
import os
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segue.errors import InvalidParameter
from segue.speech.detector import Detector
from segue.speech.events import Event, Segment, SpeechEnded, SpeechStarted
from segue.speech.rules import Rules
from segue.speech.stream import DetectorStream

try:
    from livekit import rtc
    from livekit.agents import vad as agents
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"segue.edges.livekit needs {missing.name}, which is not installed: pip install 'segue[livekit]'",
        name=missing.name,
    ) from missing

__all__ = ["VAD"]

_WINDOW_MS = 20
_BACK_MS = 1_000  # of audio kept before what may be a start: an utterance begins before it is announced
_LEAST_SILENCE_MS = 250  # LiveKit's own default too
_LOG = logging.getLogger("segue")

Samples16 = NDArray[np.int16]


class VAD(agents.VAD):  # type: ignore[misc]  # the extra is not installed where types are checked
    """Speech start and end for the sessions of LiveKit Agents.

    ``detector``: of ``segue.load()``; one VAD serves any number of sessions, each ``stream()`` has a state of its own.
    ``mode`` and ``parameters`` (see ``segue.Rules``) win over the detector's; ``min_silence_duration_ms`` is 250 unless
    given, for LiveKit's turn detectors refuse less. ``prefix_padding_s``: audio before an
    utterance that its frames have too; ``max_buffered_s``: the most of an utterance that they have. The model runs in
    threads of the VAD's own, or those of ``executor``, never in the event loop. Raises InvalidParameter.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        mode: str = "tight",
        prefix_padding_s: float = 0.5,
        max_buffered_s: float = 60.0,
        executor: Executor | None = None,
        **parameters: object,
    ) -> None:
        super().__init__(capabilities=agents.VADCapabilities(update_interval=_WINDOW_MS / 1000))
        if not 0 <= prefix_padding_s <= 60 or not 1 <= max_buffered_s <= 3600:
            raise InvalidParameter("prefix_padding_s is from 0 to 60, max_buffered_s from 1 to 3600")
        if mode == "tight":
            parameters.setdefault("min_silence_duration_ms", _LEAST_SILENCE_MS)
        self._detector = detector
        self._rules = detector.rules.asking({"mode": mode, **parameters}, source="VAD()")
        self._prefix_ms, self._longest_ms = round(prefix_padding_s * 1000), round(max_buffered_s * 1000)
        threads = min(4, os.cpu_count() or 1)
        self._executor = executor or ThreadPoolExecutor(threads, thread_name_prefix="segue-vad")

    @property
    def model(self) -> str:
        """The model's ID."""
        return self._detector.model.id

    @property
    def provider(self) -> str:
        """Who it is by, in LiveKit's metrics."""
        return "segue"

    @property
    def min_silence_duration(self) -> float | None:
        """Seconds of silence that end an utterance, where that is fixed."""
        rules = self._rules
        if rules.mode == "dynamic":
            return None
        return (rules.min_silence_duration_ms if rules.mode == "tight" else rules.max_end_silence_time) / 1000

    def stream(self) -> "VADStream":
        """One session's stream; needs a running event loop."""
        return VADStream(self)


class VADStream(agents.VADStream):  # type: ignore[misc]  # as above
    """Frames in, events out. A model that fails ends it: iterating raises InferenceFailed."""

    _vad: VAD

    async def _main_task(self) -> None:
        hearing: _Hearing | None = None
        loop = asyncio.get_running_loop()
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                hearing = None  # LiveKit's flush: what comes next is a new beginning
                continue
            if hearing is None or hearing.rate != frame.sample_rate:
                hearing = _Hearing(self._vad, frame.sample_rate)
            for window in hearing.windows(_mono(frame)):
                began_s = time.perf_counter()
                scored = await loop.run_in_executor(self._vad._executor, hearing.score, window)
                for event in hearing.told(window, scored, took_s=time.perf_counter() - began_s):
                    self._event_ch.send_nowait(event)


@dataclass(frozen=True, slots=True)
class _Scored:
    """What the model made of a window: ``p_speech`` of its frames, none before the first is decidable."""

    events: list[Event]
    p_speech: list[float]


class _Hearing:
    """From one flush to the next, at one rate."""

    def __init__(self, vad: VAD, rate: int) -> None:
        self.rate = rate
        scorer = vad._detector.scorer
        self._stream = DetectorStream(scorer, vad._rules, sample_rate=rate, keep=True)
        self._rules: Rules = vad._rules
        self._model_rate = scorer.sample_rate
        self._window_samples = rate * _WINDOW_MS // 1000
        self._left: Samples16 = np.empty(0, np.int16)
        self._heard = _Recent(rate, prefix_ms=vad._prefix_ms, longest_ms=vad._longest_ms)
        self._start_ms: int | None = None
        self._quiet_since_ms = 0
        self._probability = 0.0
        self._voiced_ms = self._unvoiced_ms = 0

    def windows(self, samples: Samples16) -> list[Samples16]:
        """20 ms each; the rest waits for more."""
        samples = np.concatenate((self._left, samples))
        whole = len(samples) // self._window_samples * self._window_samples
        self._left = samples[whole:]
        return list(samples[:whole].reshape(-1, self._window_samples))

    def score(self, window: Samples16) -> _Scored:
        """In a thread. Raises InferenceFailed."""
        events = self._stream.accept(window)
        kept = self._stream.kept
        assert kept is not None  # asked for
        p_speech = [1 - p for block in kept for p in block.tolist()]
        kept.clear()
        return _Scored(events, p_speech)

    def told(self, window: Samples16, scored: _Scored, *, took_s: float) -> list[Any]:
        """LiveKit's events of a window, in its order: the inference, then what began or ended."""
        self._heard.accept(window, is_open=self._start_ms is not None)
        if scored.p_speech:
            self._probability = sum(scored.p_speech) / len(scored.p_speech)
        self._count()
        done = self._event(agents.VADEventType.INFERENCE_DONE, self._frame(window))
        done.probability, done.inference_duration = self._probability, took_s
        done.raw_accumulated_speech, done.raw_accumulated_silence = self._voiced_ms / 1000, self._unvoiced_ms / 1000
        return [done, *map(self._spoken, scored.events)]

    def _count(self) -> None:
        """For how long the model has heard voice, or none: by LiveKit's own meaning, before the rules smooth it."""
        rules = self._rules
        least = rules.threshold if self._start_ms is None else rules.neg_threshold
        if self._probability >= least:
            self._voiced_ms, self._unvoiced_ms = self._voiced_ms + _WINDOW_MS, 0
        else:
            self._voiced_ms, self._unvoiced_ms = 0, self._unvoiced_ms + _WINDOW_MS

    def _spoken(self, event: Event) -> Any:
        match event:
            case SpeechStarted(at_ms):
                self._start_ms = at_ms
                self._heard.begin(at_ms)
                return self._event(agents.VADEventType.START_OF_SPEECH, self._frame(self._heard.since(at_ms)))
            case SpeechEnded(segment):
                return self._ended(segment)

    def _ended(self, segment: Segment) -> Any:
        self._start_ms, self._quiet_since_ms = None, segment.end_ms
        frame = self._frame(self._heard.since(segment.start_ms))
        ended = self._event(agents.VADEventType.END_OF_SPEECH, frame)
        ended.speech_duration = (segment.end_ms - segment.start_ms) / 1000
        return ended

    def _event(self, kind: Any, frame: Any) -> Any:
        now_ms = self._heard.end_ms
        speech_ms = 0 if self._start_ms is None else now_ms - self._start_ms
        silence_ms = 0 if self._start_ms is not None else now_ms - self._quiet_since_ms
        return agents.VADEvent(
            type=kind,
            samples_index=now_ms * self._model_rate // 1000,
            timestamp=now_ms / 1000,
            speech_duration=speech_ms / 1000,
            silence_duration=silence_ms / 1000,
            frames=[frame],
            speaking=self._start_ms is not None,
        )

    def _frame(self, samples: Samples16) -> Any:
        return rtc.AudioFrame(samples.tobytes(), self.rate, 1, len(samples))


class _Recent:
    """The audio that the frames of an utterance may have. Bounded: see VAD."""

    def __init__(self, rate: int, *, prefix_ms: int, longest_ms: int) -> None:
        self._rate = rate
        self._prefix_ms = prefix_ms
        self._idle_windows = (prefix_ms + _BACK_MS) // _WINDOW_MS
        self._most_windows = self._idle_windows + longest_ms // _WINDOW_MS
        self._windows: list[Samples16] = []
        self._first_ms = 0  # when the first of them begins
        self.end_ms = 0
        self._is_full = False

    def accept(self, window: Samples16, *, is_open: bool) -> None:
        """Keep it: all of an open utterance until there is no more room, else the last of it."""
        self.end_ms += _WINDOW_MS
        if is_open and len(self._windows) >= self._most_windows:
            if not self._is_full:
                _LOG.warning("an utterance is longer than max_buffered_s: its frames end there")
            self._is_full = True
            return
        if self._is_full and not is_open:
            self._begin_at(self.end_ms - _WINDOW_MS)
        self._windows.append(window)
        if not is_open:
            self._forget(len(self._windows) - self._idle_windows)

    def begin(self, at_ms: int) -> None:
        """An utterance begins; one before it may have ended just now, where it was cut."""
        if self._is_full:
            self._begin_at(self.end_ms)
        self._forget((at_ms - self._prefix_ms - self._first_ms) // _WINDOW_MS)

    def _forget(self, windows: int) -> None:
        if windows > 0:
            del self._windows[:windows]
            self._first_ms += windows * _WINDOW_MS

    def _begin_at(self, first_ms: int) -> None:
        """There is a hole behind what was kept."""
        self._windows.clear()
        self._first_ms, self._is_full = first_ms, False

    def since(self, at_ms: int) -> Samples16:
        """From before ``at_ms`` by the padding on, as far as it was kept."""
        skip = max(0, at_ms - self._prefix_ms - self._first_ms) * self._rate // 1000
        kept = np.concatenate([np.empty(0, np.int16), *self._windows])
        return kept[skip:]


def _mono(frame: Any) -> Samples16:
    samples = np.frombuffer(frame.data, np.int16)
    if frame.num_channels == 1:
        return samples
    mixed: Samples16 = samples.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
    return mixed
