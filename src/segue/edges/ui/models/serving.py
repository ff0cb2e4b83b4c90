"""What serves now, in a few lines, and the way back."""

from segue.edges.ui.markup import Markup, joined, tag
from segue.edges.ui.models.figures import duration, megabytes, model_name, share
from segue.edges.ui.words import Words
from segue.service.status import Status, VersionReport
from segue.swap import VersionId


def serving(status: Status, words: Words) -> Markup:
    """The part "serving"."""
    route = status.route
    by_name = {each.version: each for each in status.versions}
    lines: list[Markup] = []
    if route is None:
        lines.append(tag("p", words("serves_nothing", why=status.waits_for), class_="serves bad", role="status"))
    else:
        text = named(by_name.get(route.primary), route.primary)
        lines.append(tag("p", tag("strong", text), " ", tag("code", route.primary), class_="serves"))
        if route.canary:
            told = words("beside_canary", share=share(route.canary_share), version=route.canary)
            lines.append(tag("p", told, class_="beside"))
        if route.shadow:
            lines.append(tag("p", words("beside_shadow", version=route.shadow), class_="beside"))
    lines.append(tag("p", joined(_numbers(status, words), " · "), class_="dim"))
    if status.follow:
        lines.append(tag("p", words("follows", what=status.follow), class_="dim"))
    lines += [tag("p", text, class_="bad", role="alert") for text in _troubles(status, words)]
    return tag("div", tag("div", *lines), _way_back(status, words), class_="now")


def named(report: VersionReport | None, version: str) -> str:
    """A version as one would ask for it."""
    if report is None:
        return version
    return model_name(report.model.id, report.model.revision, report.options)


def _numbers(status: Status, words: Words) -> list[str]:
    requests, streams = status.requests, status.streams
    return [
        words("ready") if status.ready else words("not_ready"),
        words("epoch", epoch=status.epoch),
        words("requests", running=requests.running, waiting=requests.waiting, refused=requests.refused),
        words("streams", open=streams.open, elsewhere=streams.elsewhere),
        words("memory", mb=megabytes(status.memory_bytes)),
        words("uptime", time=duration(status.uptime_s), version=status.segue),
    ]


def _troubles(status: Status, words: Words) -> list[str]:
    pending, notice = status.journal.pending_rows, status.journal.notice
    return ([words("journal_pending", rows=pending)] if pending else []) + (
        [words("journal_notice", notice=notice)] if notice else []
    )


def _way_back(status: Status, words: Words) -> Markup:
    """A button that says where it leads."""
    back = status.back[-1] if status.back else ""
    report = next((each for each in status.versions if each.version == VersionId(back)), None)
    leads = words("back_to", version=back) if back else words("back_nowhere")
    button = tag("button", words("rollback"), type="button", class_="act", data_act="rollback", disabled=not back)
    where = tag("p", leads, class_="dim", title=named(report, back) if back else None)
    return tag("div", button, where, class_="back")
