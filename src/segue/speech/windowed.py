"""The walk of classic and dynamic mode: FunASR's endpoint detector, frame by frame.

The rules of FunASR's endpoint detector, frame t of ``frame_ms`` each, restated:

1. *Window.* The last ``window_size_ms`` of per-frame decisions are counted. The window turns to speech when at least
   ``sil_to_speech_time_thres`` of it is speech, and back to silence when at most ``speech_to_sil_time_thres`` is.
   After an utterance it starts again empty.
2. *Start.* When the window turns to speech outside an utterance, one starts ``window_size_ms`` +
   ``lookback_time_start_point`` before t, yet not before the first frame that no earlier utterance has taken.
3. *End.* Counting the frames on which the window stays silent: when they reach the allowed end silence
   (``max_end_silence_time`` - ``speech_to_sil_time_thres``), the utterance ends ``lookahead_time_end_point`` after the
   window turned silent.
4. *Cut.* An utterance longer than ``max_single_segment_time`` ends at t, wherever that is.
5. *Finish.* An utterance that is open when the audio ends, ends there.
6. *One utterance* (``detect_mode`` 0). After its end, or after ``max_start_silence_time`` without a start, no more.
7. *Schedule* (dynamic mode). The allowed end silence is looked up at the start of each block of ``chunk_size`` ms of
   audio, from the length of the whole blocks through which the open utterance has run.
"""

from collections import deque

from segue.speech.events import Event, SpeechStarted, ended
from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs
from segue.speech.walk import Heard


class Windowed:
    """State only; see ``Segmenter``."""

    def __init__(self, heard: Heard) -> None:
        self.frame = heard.frame
        self._window = deque(heard.decisions)  # the last decisions, oldest first, as many as the window has (rule 1)
        self._speaking = heard.start is not None  # what the window turned to last
        self._silent = 0  # frames on which the window has stayed silent since it turned (rule 3)
        self._start = heard.start  # first frame of the open utterance
        self._free = heard.free  # first frame that no utterance has taken (rule 2)
        self._lookup = heard.frame  # the frame at which the schedule is looked up next (rule 7)
        self._block_ms = -1  # whole blocks through which the open utterance has run; -1: another mode opened it
        self._looked_up_ms = 0  # what that was when the schedule was looked up last
        self._end_silence_ms = 0
        self._done = heard.done  # rule 6

    @property
    def is_open(self) -> bool:
        """Whether an utterance is."""
        return self._start is not None

    @property
    def heard(self) -> Heard:
        """What a walk of another mode needs."""
        return Heard(self.frame, self._start, self._free, self._done, tuple(self._window))

    def accept(self, p_silence: SilenceProbs, rules: Rules) -> list[Event]:
        """See ``Walk``."""
        events: list[Event] = []
        window, total = self._window, sum(self._window)
        speaking, silent, start = self._speaking, self._silent, self._start
        on = rules.sil_to_speech_time_thres // rules.frame_ms
        off = rules.speech_to_sil_time_thres // rules.frame_ms
        longest = rules.max_single_segment_time // rules.frame_ms
        patience = float("inf") if rules.detect_mode else rules.max_start_silence_time // rules.frame_ms  # rule 6
        # One plain loop over locals: at 60,000 frames in ten minutes, a call or an attribute a frame is felt.
        for t, speech in enumerate(rules.is_speech(p_silence).tolist(), self.frame):
            if t == self._lookup:
                self._look_up(t, rules, is_open=start is not None)
            total += speech - window[0]
            window.append(speech)
            was_open = start is not None
            if speaking:
                if total <= off:
                    speaking, silent = False, 0
            elif total >= on:
                speaking, silent = True, 0
                if not was_open and not self._done:
                    start = max(self._free, t - rules.start_latency_frames)
                    events.append(SpeechStarted(start * rules.frame_ms))
            else:
                silent += 1
            if start is None or not was_open:
                if silent > patience:
                    self._done = True
                continue
            if silent and silent * rules.frame_ms >= self._end_silence_ms:
                end = t - max(0, self._end_silence_ms // rules.frame_ms - rules.tail_frames - rules.do_extend)
                self._free = max(end, t - silent + 1) + 1
            elif t - start >= longest:
                end, self._free = t, t + 1
            else:
                continue
            events.append(ended(start, end, rules.frame_ms))
            window.extend([False] * len(window))
            total, speaking, silent, start = 0, False, 0, None
            self._block_ms, self._done = 0, rules.detect_mode == 0
        self._speaking, self._silent, self._start = speaking, silent, start
        self.frame += len(p_silence)
        return events

    def finish(self, rules: Rules) -> list[Event]:
        """The open utterance ends with the last frame (rule 5)."""
        if self._start is None:
            return []
        start, self._start = self._start, None
        return [ended(start, self.frame - 1, rules.frame_ms)]

    def change_rules(self, rules: Rules) -> None:
        """Keep what is open and counted; only the window's length has to fit the new rules."""
        missing = rules.window_frames - len(self._window)
        kept = list(self._window)[max(0, -missing) :]
        self._window = deque([False] * max(0, missing) + kept, maxlen=rules.window_frames)
        self._lookup = self.frame
        self._done = self._done and rules.detect_mode == 0
        if self._block_ms < 0:
            self._block_ms = self._looked_up_ms = self._blocks_ms(rules)

    def _look_up(self, t: int, rules: Rules, *, is_open: bool) -> None:
        """At the start of a block; or where the rules changed inside one, as if they had held at its start (rule 7)."""
        block_frames = _block_frames(rules)
        into_block = (t + rules.schedule_lag_frames) % block_frames
        if into_block == 0:
            self._block_ms += rules.chunk_size if is_open else 0
            self._looked_up_ms = self._block_ms
        self._end_silence_ms = rules.end_silence_ms(self._looked_up_ms)
        self._lookup = t + block_frames - into_block

    def _blocks_ms(self, rules: Rules) -> int:
        """Of an utterance that another mode opened: the blocks that have begun since its start."""
        if self._start is None:
            return 0
        block_frames, lag = _block_frames(rules), rules.schedule_lag_frames
        begun = (self.frame - 1 + lag) // block_frames - (self._start + lag) // block_frames
        return rules.chunk_size * begun


def _block_frames(rules: Rules) -> int:
    return max(1, rules.chunk_size // rules.frame_ms)
