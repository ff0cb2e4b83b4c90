"""Turns of a session: what a detector says and a client orders, in the order of the audio -> OpenAI's events.

Times are milliseconds of all audio that the session was sent; they never start anew.

1. A detector's utterance is a turn: ``speech_started`` with the ID of an item, ``speech_stopped`` with the same one,
   and the item is ``committed``.
2. The *buffer* is what came since the last commit or clear; no turn begins before it.
3. A commit inside a turn commits the turn's item. The turn goes on, and what is left of it is another item; if nothing
   is, it stops without one.
4. A clear inside a turn takes nothing of the turn but its beginning, which nobody keeps: it stops as it would have.
5. Turn detection that is switched off inside a turn stops it there and commits it. Switched on while an utterance is
   under way, the turn begins with the buffer. Parameters that change inside a turn leave it open.
"""

from segue.edges.realtime.events import Event, event, new_item, refused

_LEAST_MS = 100
"""Of a buffer that the client commits: OpenAI's."""


class Turns:
    """State only. ``is_on``: whether turns are detected; ``is_beta``: which events an item is announced by."""

    def __init__(self, *, is_on: bool, is_beta: bool) -> None:
        self._is_on = is_on
        self._is_beta = is_beta
        self._heard_ms: int | None = None  # where the detector's open utterance began
        self._item: str | None = None  # of the turn that the client knows to be open
        self._last: str | None = None  # the item committed last
        self._buffer_ms = 0  # where the buffer begins (rule 2)

    def started(self, at_ms: int) -> list[Event]:
        """The detector has an utterance."""
        self._heard_ms = at_ms
        return self._begin(at_ms) if self._is_on else []

    def ended(self, at_ms: int) -> list[Event]:
        """It is over."""
        self._heard_ms = None
        return self._stop(at_ms) if self._item else []

    def commit(self, at_ms: int, *, event_id: str | None) -> list[Event]:
        """The client commits the buffer, which ends there."""
        if (length_ms := at_ms - self._buffer_ms) < _LEAST_MS:
            message = f"the buffer has {length_ms} ms of audio, and at least {_LEAST_MS} ms are wanted: send more first"
            return [refused(message, code="input_audio_buffer_commit_empty", event_id=event_id)]
        said = self._commit(self._item or new_item(), at_ms)
        if self._item:
            self._item = new_item()
        return said

    def clear(self, at_ms: int) -> list[Event]:
        """The client throws the buffer away."""
        self._buffer_ms = at_ms
        return [event("input_audio_buffer.cleared")]

    def adjust(self, at_ms: int, *, is_on: bool, is_beta: bool) -> list[Event]:
        """The session is another from there on (rule 5)."""
        self._is_on, self._is_beta = is_on, is_beta
        if not is_on and self._item:
            return self._stop(at_ms)
        if is_on and not self._item and self._heard_ms is not None:
            return self._begin(self._heard_ms)
        return []

    def _begin(self, at_ms: int) -> list[Event]:
        self._item = new_item()
        at_ms = max(at_ms, self._buffer_ms)
        return [event("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=self._item)]

    def _stop(self, at_ms: int) -> list[Event]:
        assert self._item
        item, self._item = self._item, None
        is_left = at_ms > self._buffer_ms  # else all of it was committed (rule 3)
        if not is_left and self._last:
            item = self._last
        at_ms = max(at_ms, self._buffer_ms)
        stopped = event("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=item)
        return [stopped, *(self._commit(item, at_ms) if is_left else [])]

    def _commit(self, item: str, at_ms: int) -> list[Event]:
        previous, self._last = self._last, item
        self._buffer_ms = at_ms
        content = [{"type": "input_audio", "transcript": None}]
        about = {"id": item, "object": "realtime.item", "type": "message", "role": "user", "status": "completed"}
        kinds = ("created",) if self._is_beta else ("added", "done")
        return [
            event("input_audio_buffer.committed", item_id=item, previous_item_id=previous),
            *(
                event(f"conversation.item.{kind}", previous_item_id=previous, item={**about, "content": content})
                for kind in kinds
            ),
        ]
