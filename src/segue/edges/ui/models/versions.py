"""The table of versions: what each is, what it does, and what may be done with it."""

from collections.abc import Sequence

from segue.edges.ui.markup import Markup, joined, tag
from segue.edges.ui.models.figures import amount, clock, megabytes, share
from segue.edges.ui.models.serving import named
from segue.edges.ui.words import Words
from segue.service.status import Status, VersionReport

_NUMBERS = ("leases", "streams_short", "rate", "p50", "p99", "errors", "megabytes")
_ASLEEP = ("new", "closed")
"""Nothing of these is loaded."""
_CLOSABLE = ("ready", "draining")


def versions(status: Status, words: Words) -> Markup:
    """The part "versions"."""
    awake = [each for each in status.versions if each.state not in _ASLEEP]
    asleep = [each for each in status.versions if each.state in _ASLEEP]
    awake.sort(key=lambda each: (not each.role, each.role != "primary"))
    return joined((_awake(awake, words), _asleep(asleep, words)))


def _awake(found: Sequence[VersionReport], words: Words) -> Markup:
    titles = [tag("th", words("version"), scope="col"), tag("th", words("state"), scope="col")]
    titles += [tag("th", words(name), scope="col", class_="number") for name in _NUMBERS]
    titles.append(tag("th", words("actions"), scope="col"))
    rows = [_row(each, words) for each in found] or [tag("tr", tag("td", words("no_versions"), colspan=10))]
    table = tag(
        "table",
        tag("caption", words("versions_caption")),
        tag("thead", tag("tr", *titles)),
        tag("tbody", *rows),
    )
    return tag("div", table, class_="wide", tabindex=0, role="region", aria_label=words("versions"))


def _row(each: VersionReport, words: Words) -> Markup:
    numbers = (
        f"{each.leases:,}",
        f"{each.streams:,}",
        amount(each.rate_per_s),
        amount(each.p50_ms),
        amount(each.p99_ms),
        f"{each.errors:,}",
        megabytes(each.memory_bytes),
    )
    what = joined(
        (
            tag("code", each.version),
            tag("div", named(each, each.version), class_="what"),
            tag("div", words("digest", digest=each.model.digest[:12], life=each.incarnation), class_="dim"),
        )
    )
    state = [tag("span", _kind(each, words), class_=f"badge {each.role or each.state}")]
    state += [tag("div", note, class_=kind) for note, kind in _notes(each, words)]
    bad = each.errors > 0
    cells = [
        tag("td", text, class_="number bad" if bad and name == "errors" else "number", data_label=words(name))
        for name, text in zip(_NUMBERS, numbers, strict=True)
    ]
    head = tag("th", what, scope="row")
    return tag("tr", head, tag("td", *state), *cells, tag("td", *_acts(each, words)), data_key=each.version)


def _kind(each: VersionReport, words: Words) -> str:
    """Its role in the route, else its state; warm is READY in no role."""
    if each.role in ("primary", "canary"):
        return words(each.role, share=share(each.share))
    if each.role:
        return words(each.role)
    return words("warm" if each.state == "ready" else each.state)


def _notes(each: VersionReport, words: Words) -> list[tuple[str, str]]:
    """(text, style): what it waits for, what became of it."""
    notes: list[tuple[str, str]] = []
    if each.state == "draining":
        notes.append((words("drains", leases=each.leases), "dim"))
    elif each.state == "ready" and not each.role and each.bake_left_s is not None:
        notes.append((words("bakes", time=clock(each.bake_left_s)), "dim"))
    if each.failure:
        notes.append((words("failure", why=each.failure), "bad"))
    if each.stranded:
        notes.append((words("stranded", lives=each.stranded), "bad"))
    return notes


def _acts(each: VersionReport, words: Words) -> list[Markup]:
    acts = []
    if each.role != "primary" and each.state in ("ready", "failed", *_ASLEEP):
        label = words("switch_to_label", version=each.version)
        acts.append(_button(words("switch_to"), "switch", each, label))
    if not each.role and each.state in _CLOSABLE:
        label = words("close_label", version=each.version)
        acts.append(_button(words("close"), "close", each, label, confirm=words("close_sure", version=each.version)))
    return acts


def _button(text: str, act: str, each: VersionReport, label: str, confirm: str | None = None) -> Markup:
    return tag(
        "button",
        text,
        type="button",
        class_="small",
        data_act=act,
        data_version=each.version,
        data_confirm=confirm,
        aria_label=label,
    )


def _asleep(found: Sequence[VersionReport], words: Words) -> Markup:
    """Those that served before: a line each, out of the way."""
    if not found:
        return Markup("")
    rows = [
        tag(
            "tr",
            tag("th", tag("code", each.version), scope="row"),
            tag("td", words(each.state)),
            tag("td", named(each, each.version), class_="what"),
            tag("td", *_acts(each, words)),
            data_key=each.version,
        )
        for each in found
    ]
    titles = (tag("th", words(name), scope="col") for name in ("version", "state", "model", "actions"))
    table = tag(
        "table",
        tag("caption", words("asleep_caption")),
        tag("thead", tag("tr", *titles)),
        tag("tbody", *rows),
    )
    summary = tag("summary", words("asleep", count=len(found)))
    box = tag("div", table, class_="wide", tabindex=0, role="region", aria_label=words("asleep_caption"))
    return tag("details", summary, box, data_key="asleep")
