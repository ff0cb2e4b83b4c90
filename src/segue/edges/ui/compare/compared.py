"""Two answers on one recording -> what differs, and how far they agree. Pure."""

from dataclasses import dataclass

from segue.accuracy.agreement import Agreement, agreement, differences, percentiles, shifts
from segue.speech.detection import Detection
from segue.speech.segmenter import Segment


@dataclass(frozen=True, slots=True)
class Compared:
    """``only``: what the first alone holds, and what the second alone. Shifts in ms: of the second to the first.

    ``as_clean``: of each side, how far it agrees (IoU) with itself on the recording without noise; None without noise.
    """

    sides: tuple[Detection, Detection]
    only: tuple[list[Segment], list[Segment]]
    agreement: Agreement
    start_shift_ms: float | None
    end_shift_ms: float | None
    as_clean: tuple[float | None, float | None] | None = None

    @property
    def duration_ms(self) -> int:
        """The recording's; the shorter where two decoders differ by a block."""
        return min(side.duration_ms for side in self.sides)

    @property
    def same_share(self) -> float:
        """How much of the recording both decide alike."""
        whole = self.agreement.both + self.agreement.neither + self.agreement.missed + self.agreement.false_alarm
        return (self.agreement.both + self.agreement.neither) / whole if whole else 1.0


def compared(first: Detection, second: Detection, clean: tuple[Detection, Detection] | None = None) -> Compared:
    """The second against the first. ``clean``: both, on the same recording without the noise that was added to it."""
    duration_ms = min(first.duration_ms, second.duration_ms)
    shifted = shifts(first, second, duration_ms)
    middle = [percentiles(values, [50]) for values in (shifted.start_ms, shifted.end_ms)]
    return Compared(
        (first, second),
        differences(first, second, duration_ms),
        agreement(first, second, duration_ms),
        middle[0][0] if middle[0] else None,
        middle[1][0] if middle[1] else None,
        clean and (agreement(clean[0], first, duration_ms).iou, agreement(clean[1], second, duration_ms).iou),
    )
