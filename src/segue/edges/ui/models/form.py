"""What stays on the tab while the rest changes: headings, the form, and the places of the parts."""

import os
from typing import TYPE_CHECKING

from segue.edges.ui.markup import Markup, joined, tag
from segue.edges.ui.models.charts import charts
from segue.edges.ui.words import Words
from segue.errors import StoreError
from segue.hub import CATALOG
from segue.service import store

if TYPE_CHECKING:
    from segue.service import Service


def login(words: Words) -> Markup:
    """All that who has not given the token sees."""
    return tag(
        "form",
        tag("h3", words("locked")),
        tag("p", words("token_where")),
        tag("label", words("token"), for_="models-token"),
        tag("input", id="models-token", type="password", autocomplete="current-password", required=True),
        tag("button", words("unlock"), class_="primary"),
        tag("p", role="alert", data_said=words("token_wrong")),
        class_="login",
    )


def whole(service: "Service", words: Words) -> Markup:
    """All of the tab but what the parts hold."""
    return joined(
        (
            tag("p", class_="message", role="status", data_lost=words("no_answer")),
            _section("serving", words),
            _section("versions", words),
            tag(
                "div",
                tag("section", tag("h3", words("replace")), _form(service, words), class_="card"),
                tag("div", tag("section", _place("change"), class_="card"), _section("rollout", words)),
                class_="two",
            ),
            tag("section", tag("h3", words("charts")), charts(words), class_="card"),
            tag("section", tag("h3", words("history")), _place("history"), _pages(words), class_="card"),
        )
    )


def known_models(service: "Service") -> dict[str, list[str]]:
    """Model ID -> revisions: the default first, then what the store has, what the catalogue knows, what was served."""
    default = default_model(service)
    found: dict[str, list[str]] = {default: []}
    try:
        for model in store(service.settings).models():
            found.setdefault(model.model_id, []).append(model.revision or "")
    except StoreError:  # what is in it cannot be read: the rest is known all the same
        pass
    for known in CATALOG.models:
        found.setdefault(known.model_id, []).append(known.revision)
    for version in service.board.snapshot().versions:
        spec = version.resolved.spec
        found.setdefault(spec.model_id, []).append(spec.revision or "")
    return {model: sorted(set(filter(None, revisions))) for model, revisions in found.items()}


def default_model(service: "Service") -> str:
    """The model of the settings, as one would write it here."""
    model = service.settings.model
    known = CATALOG.lookup(model)
    if known is not None:
        return known.model_id
    path = os.path.expanduser(model)
    return os.path.abspath(path) if os.path.isdir(path) else model


def _section(name: str, words: Words) -> Markup:
    return tag("section", tag("h3", words(name)), _place(name), class_="card")


def _place(name: str) -> Markup:
    return tag("div", data_part=name)


def _pages(words: Words) -> Markup:
    return tag(
        "div",
        tag("button", words("newest"), type="button", data_page="newest", disabled=True),
        tag("button", words("older"), type="button", data_page="older"),
        class_="buttons",
    )


def _form(service: "Service", words: Words) -> Markup:
    models = known_models(service)
    default = next(iter(models))
    revisions = sorted({revision for found in models.values() for revision in found})
    return tag(
        "form",
        _field(
            "model", words, value=default, list="models-known", required=True, autocomplete="off", spellcheck="false"
        ),
        tag("datalist", *(tag("option", value=model) for model in models), id="models-known"),
        tag(
            "div",
            _field("revision", words, placeholder=(models[default] or [""])[0], list="models-revisions"),
            _field("options", words, placeholder="max_end_silence_time=500", spellcheck="false"),
            class_="pair",
        ),
        tag("datalist", *(tag("option", value=revision) for revision in revisions), id="models-revisions"),
        _field("why", words, maxlength=1000),
        tag(
            "div",
            tag("button", words("switch_now"), class_="primary", value="switch"),
            tag("button", words("begin_rollout"), value="rollout"),
            class_="buttons",
        ),
        _plan(words),
        class_="wanted",
        autocomplete="off",
    )


def _plan(words: Words) -> Markup:
    """How a rollout goes, with what the service takes for it by itself."""
    slider = tag("input", type="range", id="models-first", name="share", min=0, max=100, step=1, value=1)
    number = tag("output", "1 %", for_="models-first")
    first = tag("div", tag("label", words("first_share"), for_="models-first"), slider, number, class_="slider")
    auto = tag("label", tag("input", type="checkbox", name="auto", checked=True), " ", words("auto"), class_="check")
    basic = (
        _field("steps", words, value="1, 10, 50"),
        _field("shadow", words, placeholder="0", inputmode="decimal"),
        _field("step", words, placeholder="60s"),
        _field("min_requests", words, placeholder="50", inputmode="numeric"),
        _field("bake", words, placeholder="10m"),
    )
    more = (
        _field("max_disagreement", words, inputmode="decimal"),
        _field("margin_latency", words, placeholder="1.25", inputmode="decimal"),
        _field("golden", words, placeholder="/srv/golden"),
        _field("keep", words, placeholder="0", inputmode="numeric"),
        _field("webhook", words, placeholder="https://"),
    )
    return tag(
        "details",
        tag("summary", words("plan")),
        first,
        tag("div", *basic, class_="grid"),
        auto,
        tag("details", tag("summary", words("more")), tag("div", *more, class_="grid")),
    )


def _field(name: str, words: Words, **attributes: object) -> Markup:
    place = f"models-{name.replace('_', '-')}"
    return tag(
        "div",
        tag("label", words(f"field_{name}"), for_=place),
        tag("input", id=place, name=name, **attributes),
        class_="field",
    )
