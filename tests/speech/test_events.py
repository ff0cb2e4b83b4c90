"""Segments and events: facts that can be compared, sorted and kept."""

import pickle

from segue.speech.events import Segment, SpeechEnded, SpeechStarted, ended


def test_segments_sort_by_their_start() -> None:
    """Then by their end."""
    assert sorted([Segment(5, 9), Segment(0, 3), Segment(5, 6)]) == [Segment(0, 3), Segment(5, 6), Segment(5, 9)]


def test_frames_become_milliseconds() -> None:
    """The last frame belongs to the segment: its end is where that one ends."""
    assert ended(3, 3, 10) == SpeechEnded(Segment(30, 40))


def test_they_travel_between_processes() -> None:
    """Equal on the other side."""
    for event in (SpeechStarted(10), ended(1, 2, 10)):
        assert pickle.loads(pickle.dumps(event)) == event
