"""A plain statement of tight mode's rules over a whole recording: lists of voiced frames, no state machine.

Nothing is shared with ``segue.speech.tight`` but the names of the parameters.
"""

from collections.abc import Sequence

from segue.speech.rules import Rules

LOOK_BACK_MS = 10_000


def segments(p_silence: Sequence[float], rules: Rules) -> list[tuple[int, int]]:
    """[(start_ms, end_ms), …] for the p(silence) of all frames of a recording."""
    found: list[tuple[int, int]] = []  # of frames, the last one included
    voiced = _voiced_frames(p_silence, rules)
    before = -1  # the last voiced frame before those that are left
    while voiced:
        silence_ms = (voiced[0] - before - 1) * rules.frame_ms
        if rules.detect_mode == 0 and (
            found or silence_ms // rules.frame_ms > _frames(rules, "max_start_silence_time")
        ):
            break
        run = _run(voiced, rules)
        free = found[-1][1] + 1 if found else 0
        utterances, read = _utterances(run, max(free, run[0] - _frames(rules, "speech_pad_start_ms")), p_silence, rules)
        found += utterances[:1] if rules.detect_mode == 0 else utterances
        before = max(frame for frame in run if frame <= read)
        voiced = [frame for frame in voiced if frame > read]
    return [(start * rules.frame_ms, (end + 1) * rules.frame_ms) for start, end in found]


def _frames(rules: Rules, name: str) -> int:
    duration_ms: int = getattr(rules, name)
    return duration_ms // rules.frame_ms


def _voiced_frames(p_silence: Sequence[float], rules: Rules) -> list[int]:
    """Rule 1."""
    found: list[int] = []
    for t, p in enumerate(map(float, p_silence)):
        stays = t - 1 in found[-1:] and 1 - p >= rules.neg_threshold
        if 1 - p >= rules.threshold or stays:
            found.append(t)
    return found


def _run(voiced: Sequence[int], rules: Rules) -> list[int]:
    """Rule 2: the voiced frames up to the first pause that is long enough."""
    pause = max(1, _frames(rules, "min_silence_duration_ms"))
    run = [voiced[0]]
    for frame in voiced[1:]:
        if frame - run[-1] > pause:
            break
        run.append(frame)
    return run


def _utterances(
    run: list[int], start: int, p_silence: Sequence[float], rules: Rules
) -> tuple[list[tuple[int, int]], int]:
    """Rules 3 to 6: what a run is cut into, and the last frame that this took."""
    least = max(1, _frames(rules, "min_speech_duration_ms"))
    pause = max(1, _frames(rules, "min_silence_duration_ms"))
    tail = _frames(rules, "speech_pad_end_ms")
    longest = _frames(rules, "max_single_segment_time")
    found: list[tuple[int, int]] = []
    while True:
        full = start + longest - 1  # the frame with which it has reached its greatest length
        over = min(run[-1] + pause, len(p_silence) - 1)
        if full >= run[-1] + pause or full > over:
            is_speech = found or len(run) >= least
            return found + ([(start, min(run[-1] + tail, over))] if is_speech else []), over
        heard = [frame for frame in run if frame <= full]
        if not found and len(heard) < least:
            return [], full
        pauses = {c: p_silence[c] for c in _look_back(full, rules) if _may_cut(c, heard, least)}
        best = max(pauses, key=lambda c: (pauses[c], c), default=full)
        if best > heard[-1] or not pauses:
            return [*found, (start, min(heard[-1] + tail, full))], full
        found.append((start, best))
        if rules.detect_mode == 0:
            return found, full
        start, run = best + 1, [frame for frame in run if frame > best]


def _look_back(full: int, rules: Rules) -> range:
    back = max(1, min(rules.max_single_segment_time // 2, LOOK_BACK_MS) // rules.frame_ms)
    return range(max(0, full - back + 1), full + 1)


def _may_cut(frame: int, heard: Sequence[int], least: int) -> bool:
    """Whether the part up to a frame and the rest have enough voice, or the rest is silence."""
    before = sum(each <= frame for each in heard)
    return frame > heard[-1] or (before >= least and len(heard) - before >= least)
