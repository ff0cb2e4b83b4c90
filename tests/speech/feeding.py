"""Ways to feed a stream, and to write down what came of it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from segue.speech.scorer import Samples
from segue.speech.segmenter import Event, SpeechEnded
from segue.speech.stream import DetectorStream


def pairs(segments: Any) -> list[list[int]]:
    return [[segment.start_ms, segment.end_ms] for segment in segments]


def merged(events: Sequence[Event]) -> list[list[int]]:
    return pairs(event.segment for event in events if isinstance(event, SpeechEnded))


def chunks(samples: Samples, sizes: Iterator[int]) -> Iterator[Samples]:
    at = 0
    while at < len(samples):
        size = next(sizes)
        yield samples[at : at + size]
        at += size


def constant(size: int) -> Iterator[int]:
    while True:
        yield size


def random_sizes(seed: int, largest: int = 9_000) -> Iterator[int]:
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(0, largest)) if rng.random() < 0.7 else int(rng.integers(0, 40))


def run(stream: DetectorStream, feed: Iterator[Samples]) -> list[Event]:
    events = [event for chunk in feed for event in stream.accept(chunk)]
    return events + stream.finish()
