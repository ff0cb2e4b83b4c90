"""Frames to decide: probabilities by hand and at random, parameters at random, and what came of them."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from segue.speech.rules import Rules
from segue.speech.scorer import SilenceProbs
from segue.speech.segmenter import Event, Segmenter, SpeechEnded

SPEECH, SILENCE = 0.02, 0.95


def probabilities(*runs: tuple[float, int]) -> SilenceProbs:
    """(p0, frames), … -> float32 (frames,)."""
    return np.concatenate([np.full(frames, p, dtype=np.float32) for p, frames in runs])


def feed(p: SilenceProbs, rules: Rules, sizes: Sequence[int] = ()) -> list[Event]:
    """Events of one stream fed in chunks of these sizes, the rest in one."""
    segmenter, events, at = Segmenter(), list[Event](), 0
    for size in (*sizes, len(p)):
        events += segmenter.accept(p[at : at + size], rules)
        at += size
    return events + segmenter.finish()


def ended(events: Sequence[Event]) -> list[tuple[int, int]]:
    return [(e.segment.start_ms, e.segment.end_ms) for e in events if isinstance(e, SpeechEnded)]


def rules_of(**parameters: object) -> Rules:
    return Rules.of({}, ("request", parameters))


runs = st.lists(
    st.one_of(
        st.tuples(st.just(SPEECH), st.integers(1, 120)),
        st.tuples(st.just(SILENCE), st.integers(1, 120)),
        st.tuples(st.floats(0.0, 1.0, width=32), st.integers(1, 5)),
        st.tuples(st.floats(0.125, 0.625, width=32), st.integers(1, 30)),  # around tight mode's thresholds
        # as many speech frames as keep the window on its threshold, where it turns at every frame
        st.tuples(st.just(SPEECH), st.just(15)),
        st.tuples(st.just(SILENCE), st.sampled_from([5, 64, 65, 66, 700])),
    ),
    min_size=1,
    max_size=40,
)

windowed = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["classic", "dynamic"]),
        "detect_mode": st.integers(0, 1),
        "max_end_silence_time": st.sampled_from([150, 160, 200, 255, 260, 400, 800, 805, 2000]),
        "max_start_silence_time": st.sampled_from([100, 1000, 3000]),
        "window_size_ms": st.sampled_from([150, 200, 300]),
        "sil_to_speech_time_thres": st.sampled_from([0, 50, 100, 150]),
        "speech_to_sil_time_thres": st.sampled_from([0, 50, 100, 150]),
        "speech_2_noise_ratio": st.sampled_from([0.5, 1.0, 2.0]),
        "do_extend": st.integers(0, 1),
        "lookback_time_start_point": st.sampled_from([0, 50, 200, 400]),
        "lookahead_time_end_point": st.sampled_from([0, 50, 100, 200]),
        "max_single_segment_time": st.sampled_from([1000, 3005, 5000, 60_000]),
        "speech_noise_thres": st.sampled_from([0.3, 0.5, 0.6, 0.8]),
        "chunk_size": st.sampled_from([200, 1000, 60_000]),
        "silence_schedule": st.sampled_from([(), "400:800,1000:400,2000:200,inf:150"]),
    },
)

tight = st.fixed_dictionaries(
    {"mode": st.just("tight")},
    optional={
        "detect_mode": st.integers(0, 1),
        "max_start_silence_time": st.sampled_from([100, 1000, 3000]),
        "threshold": st.sampled_from([0.0, 0.4, 0.5, 0.7, 1.0]),
        "neg_threshold": st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]),
        "min_speech_duration_ms": st.sampled_from([0, 10, 55, 200, 450]),
        "min_silence_duration_ms": st.sampled_from([0, 10, 55, 200, 1500]),
        "speech_pad_start_ms": st.sampled_from([0, 30, 55, 400]),
        "speech_pad_end_ms": st.sampled_from([0, 30, 55, 400]),
        "max_single_segment_time": st.sampled_from([1300, 1505, 3000, 25_000]),
    },
)

any_mode = st.one_of(windowed, tight)
"""Parameters of one mode or the other, as a request may ask for them."""
