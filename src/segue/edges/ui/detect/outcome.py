"""What is read of an answer: what was found and what made it, and the table of segments."""

from collections.abc import Sequence

from segue.edges.ui.markup import Markup, joined, tag
from segue.edges.ui.words import Words
from segue.speech.detection import Detection

MOST_ROWS = 2000


def message(text: str, *, is_bad: bool = False) -> Markup:
    """A line that screen readers say when it appears."""
    return tag("p", text, role="alert" if is_bad else "status", class_="said bad" if is_bad else "said")


def clock(ms: float) -> str:
    """1:02:03."""
    whole = int(ms / 1000)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def told(name: str, detections: Sequence[Detection], words: Words, *, took_s: float) -> Markup:
    """What was found, and by what; what to try where nothing was."""
    first = detections[0]
    count = sum(map(len, detections))
    speech_ms = sum(found.speech_ms for found in detections)
    whole_ms = first.duration_ms * len(detections)
    mode = words("with_preset", mode=first.mode, preset=first.preset) if first.preset else first.mode
    if count:
        share = f"{100 * speech_ms / max(1, whole_ms):.1f}"
        spoken = {"speech": seconds(speech_ms), "whole": seconds(first.duration_ms), "share": share}
        found = words("found" if count > 1 else "found_one", name=name, count=count, **spoken)
    else:
        found = words("nothing", name=name)
    times = f"{first.duration_ms / 1000 / max(took_s, 1e-6):,.0f}"
    values = {"model": first.model, "version": first.model.version or "", "mode": mode}
    made = words("made", **values, took=f"{took_s * 1000:,.0f}", times=times)
    return joined([message(found), tag("p", made, class_="made")])


def table(detections: Sequence[Detection], words: Words) -> Markup:
    """One row a segment; a click on its number plays it. Empty without segments."""
    rows = [
        (track, index, segment.start_ms, segment.end_ms)
        for track, found in enumerate(detections)
        for index, segment in enumerate(found.segments)
    ]
    if not rows:
        return Markup("")
    several = len(detections) > 1
    heads = ["number", *(["channel"] if several else []), "start", "end", "duration"]
    head = tag("tr", *(tag("th", words(key), scope="col") for key in heads))
    body = [_row(*row, words, several=several) for row in rows[:MOST_ROWS]]
    total = seconds(sum(found.speech_ms for found in detections))
    foot = tag("tr", tag("th", words("total"), scope="row", colspan=len(heads) - 1), tag("td", total))
    drawn = tag("table", tag("caption", words("caption")), tag("thead", head), tag("tbody", *body), tag("tfoot", foot))
    cut = tag("p", words("cut", count=MOST_ROWS)) if len(rows) > MOST_ROWS else ""
    return joined([tag("div", drawn, class_="rows", tabindex=0, role="region", aria_label=words("caption")), cut])


def seconds(ms: int) -> str:
    """With three places."""
    return f"{ms / 1000:.3f}"


def _row(track: int, index: int, start_ms: int, end_ms: int, words: Words, *, several: bool) -> Markup:
    number = index + 1
    button = tag(
        "button", number, type="button", data_track=track, data_index=index, aria_label=words("hear", number=number)
    )
    times = (seconds(start_ms), seconds(end_ms), seconds(end_ms - start_ms))
    channel = [tag("td", track + 1)] if several else []
    return tag("tr", tag("th", button, scope="row"), *channel, *(tag("td", time) for time in times))
