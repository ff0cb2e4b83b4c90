"""What was compared, as tables."""

from segue.edges.ui.compare.compared import Compared
from segue.edges.ui.markup import Markup, tag
from segue.edges.ui.words import Words

_MOST_ROWS = 200


def tables(found: Compared, labels: tuple[str, str], words: Words) -> Markup:
    """Figures of both, and each stretch that one alone holds."""
    return tag("div", _figures(found, labels, words), _differences(found, words), class_="segue-tables")


def _figures(found: Compared, labels: tuple[str, str], words: Words) -> Markup:
    rows = [
        (words("answered"), *labels),
        (words("segments"), *(str(len(side)) for side in found.sides)),
        (words("speech"), *(_speech(side.speech_ms, side.duration_ms, words) for side in found.sides)),
        (words("alone"), *(_seconds(sum(s.end_ms - s.start_ms for s in only), words) for only in found.only)),
    ]
    if found.as_clean is not None:
        rows.append((words("as_clean"), *(_percent(value) for value in found.as_clean)))
    body = [tag("tr", tag("th", name, scope="row"), tag("td", a), tag("td", b)) for name, a, b in rows]
    both = [
        (words("same"), _percent(found.same_share)),
        (words("iou"), _percent(found.agreement.iou)),
        (words("start_shift"), _shift(found.start_shift_ms, words)),
        (words("end_shift"), _shift(found.end_shift_ms, words)),
    ]
    body += [tag("tr", tag("th", name, scope="row"), tag("td", value, colspan=2)) for name, value in both]
    head = tag("tr", tag("th", "", scope="col"), tag("th", "A", scope="col"), tag("th", "B", scope="col"))
    return tag("table", tag("caption", words("figures")), tag("thead", head), tag("tbody", *body), class_="segue-table")


def _differences(found: Compared, words: Words) -> Markup:
    each = sorted((s.start_ms, s.end_ms, letter) for letter, only in zip("AB", found.only, strict=True) for s in only)
    if not each:
        return tag("p", words("alike"))
    rows = [
        tag(
            "tr",
            *(tag("td", value) for value in (f"{a / 1000:.3f}", f"{b / 1000:.3f}", f"{(b - a) / 1000:.3f}", letter)),
        )
        for a, b, letter in each[:_MOST_ROWS]
    ]
    head = tag("tr", *(tag("th", words(name), scope="col") for name in ("start", "end", "duration", "only_in")))
    caption = words("differences", count=len(each))
    if len(each) > _MOST_ROWS:
        caption += words("first_rows", count=_MOST_ROWS)
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *rows), class_="segue-table")


def _speech(speech_ms: int, duration_ms: int, words: Words) -> str:
    return f"{_seconds(speech_ms, words)} ({_percent(speech_ms / duration_ms if duration_ms else 0.0)})"


def _seconds(ms: int, words: Words) -> str:
    return words("seconds", value=f"{ms / 1000:.3f}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _shift(ms: float | None, words: Words) -> str:
    return "-" if ms is None else words("shift", value=f"{ms:+.0f}")
