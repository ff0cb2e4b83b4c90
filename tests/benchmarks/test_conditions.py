"""How clips are spoilt: levels, labels, margins, who babbles."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.clips import Clip
from benchmarks.conditions import CONDITIONS, MARGIN_MS, QUIET, Condition, spoil
from benchmarks.recording import RATE, Samples
from segue.accuracy.surroundings import Surroundings
from segue.speech.segmenter import Segment


def tone(hertz: float, seconds: float = 2.0) -> Samples:
    return np.asarray(0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), dtype=np.float32)


def clip(name: str = "one", hertz: float = 440.0) -> Clip:
    """Half of it speech, which is a tone; the rest is silent."""
    samples = tone(hertz)
    samples[: RATE // 2] = samples[-RATE // 2 :] = 0
    return Clip(name, samples, (Segment(500, 1500),))


def mean_square(samples: Samples) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_every_condition_keeps_length_and_labels(condition: Condition) -> None:
    """Margins before and after, the labels moved by the one before, samples of 16 bits, and the same again."""
    others = [clip("two", 300), clip("three", 700)]
    one, again = (spoil(clip(), condition, others) for _ in range(2))
    assert one.duration_ms == clip().duration_ms + 2 * MARGIN_MS
    assert one.speech == (Segment(500 + MARGIN_MS, 1500 + MARGIN_MS),)
    assert np.array_equal(one.samples, again.samples)
    assert np.array_equal(one.samples * 32768, np.round(one.samples * 32768))
    assert np.abs(one.samples).max() <= 1
    assert mean_square(one.samples[: MARGIN_MS * RATE // 1000]) > 0


def test_speech_stays_where_its_labels_say() -> None:
    """No condition's filters delay it: in a quiet room the first loud sample is where the label begins."""
    heard = spoil(clip(), replace(QUIET, surroundings=Surroundings(rt60_s=0.3, direct_to_reverberant_db=10)), [])
    first = int(np.argmax(np.abs(heard.samples) > 0.05))
    assert first * 1000 / RATE == pytest.approx(heard.speech[0].start_ms, abs=3)


def test_nobody_babbles_behind_himself() -> None:
    """What babbles are the others: with other others it is another sound, and the clip's own tone is not in it."""
    babble = next(condition for condition in CONDITIONS if condition.sound == "babble")
    first = spoil(clip(), babble, [clip("two", 300)])
    second = spoil(clip(), babble, [clip("two", 3000)])
    assert not np.array_equal(first.samples, second.samples)
    margin = np.abs(np.fft.rfft(first.samples[: MARGIN_MS * RATE // 1000]))
    assert margin[300 * MARGIN_MS // 1000] > 100 * margin[440 * MARGIN_MS // 1000]


def test_seeds_and_names_make_the_noise() -> None:
    """Another seed is another noise, and so is another clip's name."""
    heard = [spoil(clip(name), QUIET, [], seed=seed).samples for name, seed in (("one", 0), ("one", 1), ("two", 0))]
    assert not np.array_equal(heard[0], heard[1])
    assert not np.array_equal(heard[0], heard[2])
