"""The walk of tight mode: the speech itself, with no more around it than the pads that are asked for.

Its rules, frame t of ``frame_ms`` each, s the probability of speech (1 - p0):

1. *Voice.* A frame is voiced when s >= ``threshold``, and after a voiced frame while s >= ``neg_threshold`` (no higher
   than ``threshold``: a higher one counts as that).
2. *Run.* Voiced frames form a run; less than ``min_silence_duration_ms`` without voice does not end it.
3. *Start.* A run becomes an utterance, and is announced, with the frame by which ``min_speech_duration_ms`` of it are
   voiced. The utterance starts ``speech_pad_start_ms`` before its first voiced frame, yet not before the first frame
   that no earlier utterance has taken. A run that ends before that was no speech.
4. *End.* When ``min_silence_duration_ms`` have passed without voice (one frame at least), the utterance ends
   ``speech_pad_end_ms`` after its last voiced frame, yet not after t: no silence is kept that was not heard. So two
   utterances may touch and never overlap, and the end of the earlier one wins over the start of the later one.
5. *Cut.* An utterance that has reached ``max_single_segment_time`` without an end is cut at its best pause: after the
   most silent frame, the last one of equals, among its last frames, half of ``max_single_segment_time`` and at most
   ``LOOK_BACK_MS``. Both parts keep ``min_speech_duration_ms`` of voice, and the second one is open at once. Where the
   best frame is in the silence at its end, and where there is none, the utterance ends there as by rule 4. A run that
   has reached that length and is no utterance yet is forgotten.
6. *Finish.* When the audio ends, an open utterance ends as by rule 4.
7. *One utterance* (``detect_mode`` 0). After its end or its cut, or after more than ``max_start_silence_time`` without
   voice before its run began, no more.
"""

import numpy as np
from numpy.typing import NDArray

from segue.speech.events import Event, SpeechStarted, ended
from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs
from segue.speech.walk import Heard

LOOK_BACK_MS = 10_000


class Tight:
    """State only; see ``Segmenter``."""

    def __init__(self, heard: Heard) -> None:
        self.frame = heard.frame
        self.is_open = heard.start is not None
        self._free = heard.free  # first frame that no utterance has taken (rule 3)
        self._done = heard.done  # rule 7
        self._voices = np.array(heard.decisions, dtype=np.bool_)  # of the last frames, as far back as a cut may look
        self._p_silence = np.empty(0, dtype=np.float32)  # the same, or of fewer: no other mode keeps them
        self._last = heard.frame - 1 - _trailing(False, heard.decisions)  # the last voiced frame
        self._first: int | None = None  # the first voiced frame of the run
        if heard.start is not None:
            self._first, self._last = heard.start, max(self._last, heard.start)
        elif spoken := _trailing(True, heard.decisions):
            self._first = heard.frame - spoken
        self._start = self._first or 0  # the first frame of the run and its pad
        self._voiced = 0 if self._first is None else heard.frame - self._first  # so many frames of the run are

    @property
    def heard(self) -> Heard:
        """What a walk of another mode needs."""
        before = len(self._voices) - (self.frame - self._free)  # frames that an utterance has taken
        decisions = self._voices[max(0, before) :].tolist()
        return Heard(self.frame, self._start if self.is_open else None, self._free, self._done, tuple(decisions))

    def change_rules(self, rules: Rules) -> None:
        """Keep what is open and counted; a run that is no utterance yet gets the new pad."""
        self._done = self._done and rules.detect_mode == 0
        if self._first is not None and not self.is_open:
            self._start = max(self._free, self._first - _pad_frames(rules))

    def accept(self, p_silence: SilenceProbs, rules: Rules) -> list[Event]:
        """See ``Walk``."""
        events: list[Event] = []
        voices = self._voices_of(p_silence, rules)
        self._voices = np.concatenate((self._voices, np.array(voices, dtype=np.bool_)))
        self._p_silence = np.concatenate((self._p_silence, p_silence))
        last_frame = self.frame + len(voices) - 1
        least, longest = _least_frames(rules), rules.max_single_segment_time // rules.frame_ms
        quiet = max(1, rules.min_silence_duration_ms // rules.frame_ms)
        patience = float("inf") if rules.detect_mode else rules.max_start_silence_time // rules.frame_ms
        for t, is_voiced in enumerate(voices, self.frame):
            if is_voiced:
                self._last = t
                if self._first is None:
                    self._first, self._voiced = t, 0
                    self._start = max(self._free, t - _pad_frames(rules))
                self._voiced += 1
                if self._voiced >= least and not self.is_open and not self._done:
                    self.is_open = True
                    events.append(SpeechStarted(self._start * rules.frame_ms))
            elif self._first is not None and t - self._last >= quiet:
                events += self._end(t, rules)
            if self._first is not None and t - self._start + 1 >= longest:
                events += self._cut(t, last_frame - t, rules)
            if self._first is None:
                self._done = self._done or t - self._last > patience
        self.frame = last_frame + 1
        back = _look_back_frames(rules)
        self._voices, self._p_silence = self._voices[-back:].copy(), self._p_silence[-back:].copy()
        return events

    def finish(self, rules: Rules) -> list[Event]:
        """Rule 6."""
        return self._end(self.frame - 1, rules)

    def _voices_of(self, p_silence: SilenceProbs, rules: Rules) -> list[bool]:
        """Rule 1."""
        enter, stay = rules.threshold, rules.neg_threshold
        is_voiced = bool(len(self._voices)) and bool(self._voices[-1])
        found = []
        for speech in (1.0 - p_silence.astype(np.float64)).tolist():
            is_voiced = speech >= enter or (is_voiced and speech >= stay)
            found.append(is_voiced)
        return found

    def _end(self, t: int, rules: Rules) -> list[Event]:
        """The run is over at t, and with it the utterance if it is one (rule 4)."""
        self._first = None
        if not self.is_open:
            return []
        last = min(self._last + rules.speech_pad_end_ms // rules.frame_ms, t)
        self.is_open, self._free, self._done = False, last + 1, rules.detect_mode == 0
        return [ended(self._start, last, rules.frame_ms)]

    def _cut(self, t: int, later: int, rules: Rules) -> list[Event]:
        """Rule 5, at t, after which so many frames have come already."""
        best, voiced_after = self._best_pause(t, later, rules) if self.is_open else (t, 0)
        if not voiced_after:
            return self._end(t, rules)
        event = ended(self._start, best, rules.frame_ms)
        self._first = self._start = self._free = best + 1
        self._voiced = voiced_after
        if rules.detect_mode == 0:
            self._first, self.is_open, self._done = None, False, True
            return [event]
        return [event, SpeechStarted(self._start * rules.frame_ms)]

    def _best_pause(self, t: int, later: int, rules: Rules) -> tuple[int, int]:
        """The frame after which to cut and how many voiced ones follow; none: in the silence at the end, or nowhere."""
        p_silence = self._p_silence[: len(self._p_silence) - later][-_look_back_frames(rules) :]
        voices = self._voices[: len(self._voices) - later][len(self._voices) - later - len(p_silence) :]
        after: NDArray[np.int_] = np.cumsum(voices[::-1])[::-1] - voices
        least = _least_frames(rules)
        fits = ((after >= least) & (self._voiced - after >= least)) | ((after == 0) & ~voices)
        best = len(fits) - 1 - int(np.argmax(np.where(fits, p_silence, -1.0)[::-1]))
        return t - len(fits) + 1 + best, int(after[best]) if fits[best] else 0


def _least_frames(rules: Rules) -> int:
    return max(1, rules.min_speech_duration_ms // rules.frame_ms)


def _pad_frames(rules: Rules) -> int:
    return rules.speech_pad_start_ms // rules.frame_ms


def _look_back_frames(rules: Rules) -> int:
    return max(1, min(rules.max_single_segment_time // 2, LOOK_BACK_MS) // rules.frame_ms)


def _trailing(decision: bool, decisions: tuple[bool, ...]) -> int:
    """How many of the last decisions are that one."""
    return next((count for count, each in enumerate(reversed(decisions)) if each is not decision), len(decisions))
