"""A slow, plain statement of the endpoint rules: whole utterances at a time, everything recounted from its definition.

Nothing is shared with ``segue.speech.segmenter`` but the names of the parameters; FunASR's own state machine agreed
with it on thousands of random inputs when it was written.
"""

from collections.abc import Sequence

from segue.speech.rules import Rules


def segments(p_silence: Sequence[float], rules: Rules) -> list[tuple[int, int]]:
    """[(start_ms, end_ms), …] for the p(silence) of all frames of a recording."""
    step = rules.frame_ms
    speech = [1 - p >= p**rules.speech_2_noise_ratio + rules.speech_noise_thres for p in map(float, p_silence)]
    found: list[tuple[int, int]] = []
    at, free = 0, 0  # where the search for the next utterance begins; first frame not yet taken
    blocks = _Blocks(rules)
    while (utterance := _next_utterance(speech, at, free, rules, blocks)) is not None:
        start, end, last_read, free = utterance
        found.append((start * step, (end + 1) * step))
        at = last_read + 1
        if rules.detect_mode == 0:
            break
    return found


class _Blocks:
    """The schedule of dynamic mode: the patience in force at frame t, given whether an utterance was open before t."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.patience_ms, self.run_ms, self.seen = rules, 0, 0, -1

    def patience(self, t: int, is_open: bool) -> int:
        rules = self.rules
        if t != self.seen:  # each frame counts once
            self.seen = t
            block = max(1, rules.chunk_size // rules.frame_ms)
            if (t + rules.schedule_lag_frames) % block == 0 and is_open:
                self.run_ms += rules.chunk_size
            if t == 0 or (t + rules.schedule_lag_frames) % block == 0:
                self.patience_ms = self._look_up()
        return self.patience_ms

    def _look_up(self) -> int:
        allowed = self.rules.max_end_silence_time
        for limit, silence in reversed(self.rules.silence_schedule):
            if self.run_ms <= limit:
                allowed = silence
        return max(0, allowed - self.rules.speech_to_sil_time_thres)


def _next_utterance(
    speech: Sequence[bool], at: int, free: int, rules: Rules, blocks: _Blocks
) -> tuple[int, int, int, int] | None:
    """(first frame, last frame, the frame that decided the end, next free frame), or None where none starts."""
    width = rules.window_size_ms // rules.frame_ms
    on, off = rules.sil_to_speech_time_thres // rules.frame_ms, rules.speech_to_sil_time_thres // rules.frame_ms
    turned_on, silent_since, start = False, at - 1, None
    for t in range(at, len(speech)):
        patience_ms = blocks.patience(t, start is not None)
        count = sum(speech[max(at, t - width + 1) : t + 1])  # frames before ``at`` count as silence
        opened_before = start is not None
        if not turned_on and count >= on:
            turned_on = True
            if start is None:
                back = width + (rules.lookback_time_start_point // rules.frame_ms if rules.do_extend else 0)
                start = max(free, t - back)
        elif turned_on and count <= off:
            turned_on, silent_since = False, t
        silent = 0 if turned_on else t - silent_since
        if start is None and rules.detect_mode == 0 and silent * rules.frame_ms > rules.max_start_silence_time:
            return None
        if start is None or not opened_before:
            continue
        if silent and silent * rules.frame_ms >= patience_ms:
            keep = rules.lookahead_time_end_point // rules.frame_ms + 1 if rules.do_extend else 0
            end = t - max(0, patience_ms // rules.frame_ms - keep)
            blocks.run_ms = 0
            return start, end, t, max(end, silent_since + 1) + 1
        if (t - start + 1) * rules.frame_ms > rules.max_single_segment_time:
            blocks.run_ms = 0
            return start, t, t, t + 1
    return None if start is None else (start, len(speech) - 1, len(speech) - 1, len(speech))
