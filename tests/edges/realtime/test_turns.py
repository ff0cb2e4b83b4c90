"""Turns: what is told of utterances and orders, each case whole."""

from collections.abc import Sequence
from typing import Any

import pytest

from segue.edges.realtime.events import Event
from segue.edges.realtime.turns import Turns


def turns(*, is_on: bool = True, is_beta: bool = False) -> Turns:
    return Turns(is_on=is_on, is_beta=is_beta)


def short(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Type, item and time of each, without what is announced of items."""
    return [
        (
            event["type"].removeprefix("input_audio_buffer."),
            event.get("item_id"),
            event.get("audio_start_ms", event.get("audio_end_ms")),
        )
        for event in events
        if not event["type"].startswith("conversation")
    ]


def test_an_utterance_is_a_turn_with_one_item() -> None:
    """Started, stopped and committed have the same ID; each item names the one before it."""
    each = turns()
    (started,) = each.started(300)
    item = started["item_id"]
    stopped, committed, added, done = each.ended(900)
    assert short([started, stopped, committed]) == [
        ("speech_started", item, 300),
        ("speech_stopped", item, 900),
        ("committed", item, None),
    ]
    assert committed["previous_item_id"] is None
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert added["item"]["id"] == done["item"]["id"] == item
    each.started(1_000)
    assert each.ended(1_500)[1]["previous_item_id"] == item


def test_the_beta_shape_has_one_event_for_an_item() -> None:
    """conversation.item.created."""
    each = turns(is_beta=True)
    each.started(0)
    assert [event["type"] for event in each.ended(500)][2:] == ["conversation.item.created"]


@pytest.mark.parametrize("is_on", [True, False])
def test_a_commit_outside_a_turn_is_an_item_of_what_came_since_the_last(is_on: bool) -> None:
    """100 ms of it at least: less is an error, and the buffer is kept."""
    each = turns(is_on=is_on)
    (error,) = each.commit(99, event_id="mine")
    assert (error["error"]["code"], error["error"]["event_id"]) == ("input_audio_buffer_commit_empty", "mine")
    committed = each.commit(100, event_id=None)[0]
    assert committed["type"] == "input_audio_buffer.committed"
    assert each.commit(199, event_id=None)[0]["type"] == "error"
    assert each.commit(200, event_id=None)[0]["previous_item_id"] == committed["item_id"]


def test_a_commit_inside_a_turn_has_its_item_and_the_rest_is_another() -> None:
    """The detector's utterance goes on."""
    each = turns()
    item = each.started(300)[0]["item_id"]
    assert each.commit(1_000, event_id=None)[0]["item_id"] == item
    stopped, committed, *_ = each.ended(1_500)
    assert stopped["item_id"] == committed["item_id"] != item
    assert (stopped["audio_end_ms"], committed["previous_item_id"]) == (1_500, item)


def test_a_commit_after_which_nothing_is_left_of_a_turn_is_its_only_one() -> None:
    """The model looks ahead, so an utterance may end before audio that was committed: it stops with the buffer."""
    each = turns()
    item = each.started(300)[0]["item_id"]
    each.commit(1_000, event_id=None)
    assert short(each.ended(980)) == [("speech_stopped", item, 1_000)]


def test_no_turn_begins_before_the_buffer() -> None:
    """Neither after a commit nor after a clear."""
    each = turns()
    each.commit(1_000, event_id=None)
    assert each.started(800)[0]["audio_start_ms"] == 1_000
    each.ended(1_400)
    assert short(each.clear(2_000)) == [("cleared", None, None)]
    assert each.started(1_900)[0]["audio_start_ms"] == 2_000


def test_a_clear_inside_a_turn_leaves_it_to_stop_as_it_would_have() -> None:
    """Whoever was told that it started is told that it stopped."""
    each = turns()
    item = each.started(300)[0]["item_id"]
    each.clear(1_000)
    assert short(each.ended(1_500))[0] == ("speech_stopped", item, 1_500)


def test_nothing_is_told_of_utterances_while_turns_are_not_detected() -> None:
    """Of none that begins and ends then."""
    each = turns(is_on=False)
    assert each.started(300) == each.ended(900) == []


def test_switched_off_inside_a_turn_it_stops_there() -> None:
    """And is committed; its utterance's end is no news then."""
    each = turns()
    item = each.started(300)[0]["item_id"]
    off = each.adjust(700, is_on=False, is_beta=False)
    assert short(off) == [("speech_stopped", item, 700), ("committed", item, None)]
    assert each.ended(900) == []


def test_switched_on_inside_an_utterance_a_turn_begins_with_the_buffer() -> None:
    """Audio that was committed is in no other turn."""
    each = turns(is_on=False)
    each.started(300)
    each.commit(600, event_id=None)
    (started,) = each.adjust(800, is_on=True, is_beta=False)
    assert started["audio_start_ms"] == 600
    assert short(each.ended(900))[0] == ("speech_stopped", started["item_id"], 900)


def test_other_parameters_leave_a_turn_open() -> None:
    """Nothing is said of it, and it ends once."""
    each = turns()
    item = each.started(300)[0]["item_id"]
    assert each.adjust(700, is_on=True, is_beta=True) == []
    assert short(each.ended(900))[0] == ("speech_stopped", item, 900)
