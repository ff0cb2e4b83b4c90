"""The tab live. All of it happens between the browser and ``listening``: Gradio only shows it."""

from collections.abc import Iterable
from html import escape

import gradio

from segue.edges.ui.files import text_of
from segue.edges.ui.room import Room
from segue.edges.ui.words import Words
from segue.edges.ui.words.live import WORDS
from segue.service import Policy
from segue.speech.parameters import MODES
from segue.speech.presets import NO_PRESET, PRESETS

_SCRIPTS = ("microphone.js", "heard.js", "scroll.js", "live.js")
_MOST_SEGMENTS = 50
"""As ``heard.js`` has it."""

_FIGURES = ("model", "version", "mode", "heard", "count", "speech_total", "share", "delay")


def build(room: Room, tab: gradio.Tab) -> None:
    """Fill the tab."""
    del tab
    words = room.words
    gradio.HTML(
        value="",
        html_template=markup(words),
        css_template=text_of("live.css"),
        js_on_load="\n".join(map(text_of, _SCRIPTS)),
        apply_default_css=False,
        elem_id="live",
        words={key: words(key) for key in WORDS} | {"language": words.language},
    )


def markup(words: Words) -> str:
    """The tab, before anything is heard. The browser fills in each ``data-part``."""

    def said(key: str, **values: object) -> str:
        return escape(words(key, **values))

    columns = "".join(f'<th scope="col">{said(key)}</th>' for key in ("number", "began", "ended", "duration"))
    return f"""<div class="live" data-state="idle">
<div class="top"><button type="button" data-part="button">{said("start")}</button>
<div class="now"><span class="lamp" aria-hidden="true"></span>
<strong class="state" role="status" data-part="state">{said("idle")}</strong>
<span class="for" data-part="open_for"></span></div></div>
<p class="message" role="status" data-part="message"></p>
{_settings(words)}
<div class="card stage"><canvas tabindex="0" role="img" aria-keyshortcuts="Space Escape"
aria-label="{said("picture")}"></canvas></div>
<p class="keys">{said("keys")}</p>
<dl class="card">{"".join(_figure(key, said(key)) for key in _FIGURES)}</dl>
<div class="two"><div class="card list" tabindex="0"><table>
<caption>{said("segments", most=_MOST_SEGMENTS)}</caption><thead><tr>{columns}</tr></thead>
<tbody><tr class="growing" data-part="open_row" hidden><th scope="row" data-part="open_number"></th>
<td data-part="open_start"></td><td>{said("is_open")}</td><td data-part="open_duration"></td></tr></tbody>
<tbody data-part="rows"></tbody></table>
<p class="none" data-part="none">{said("none_yet")}</p></div>
<section class="card" data-part="happened_box" hidden><h3>{said("happened")}</h3>
<div role="log"><ol data-part="happened"></ol></div></section></div></div>"""


def _settings(words: Words) -> str:
    """What can be chosen before the start."""
    modes = [("", "mode_own"), *((mode, f"mode_{mode}") for mode in MODES)]
    presets = [("", "preset_own"), (NO_PRESET[1], "preset_none"), *((name, f"preset_{name}") for name in PRESETS)]
    policies = [(policy.value, f"policy_{policy.value}") for policy in Policy]
    chosen = (("mode", modes), ("preset", presets), ("policy", policies))
    selects = "".join(
        f'<div class="choice"><label for="live-{name}">{escape(words(name))}</label>'
        f'<select id="live-{name}" data-part="{name}">{_options(words, options)}</select></div>'
        for name, options in chosen
    )
    return f'<fieldset data-part="settings"><legend>{escape(words("settings"))}</legend>{selects}</fieldset>'


def _options(words: Words, options: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f'<option value="{escape(value)}">{escape(words(key) if key in WORDS else value)}</option>'
        for value, key in options
    )


def _figure(key: str, name: str) -> str:
    part = "mode_said" if key == "mode" else key
    return f'<div><dt>{name}</dt><dd data-part="{part}">-</dd></div>'
