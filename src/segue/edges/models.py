"""``segue models``: what is in the store and in the catalogue; fetch, verify, remove, quantise."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segue.errors import InvalidParameter, ModelNotFound

if TYPE_CHECKING:
    from segue.hub import ResolvedModel, Store
    from segue.service.variants import Int8Variant
    from segue.settings import Settings


@click.group(
    "models",
    epilog="""\b
Examples:
  segue models pull
  segue models pull iic/speech_fsmn_vad_zh-cn-8k-common@v2.0.4
  segue models pull hf:funasr/fsmn-vad
  segue models verify
  segue models remove fsmn-vad --yes
  segue models quantize fsmn-vad --clips ./recordings
""",
)
def models() -> None:
    """List, fetch, verify, remove and quantise models.

    Models are kept in $SEGUE_HOME/models. What is there is used without the network.
    """


@models.command("list", short_help="What is on this machine, and what the catalogue knows.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")
def list_(as_json: bool) -> None:
    """List the models on this machine, and those that the catalogue knows."""
    rows = _rows(_store(_settings()))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        _print_table(rows)


@models.command(short_help="Fetch a model and verify it.")
@click.argument("model", required=False)
def pull(model: str | None) -> None:
    """Fetch MODEL (ID, ID@REVISION or alias; the default model if left out) and verify it.

    hf:OWNER/NAME is a model on Hugging Face.
    """
    from segue import service

    said = [""]

    def say(line: str) -> None:
        if line != said[-1]:  # else it stands still
            said.append(line)
            _say(line)

    resolved = service.fetch(model, settings=_settings(), progress=say)
    if resolved.note:
        _say(resolved.note)
    click.echo(f"{_name(resolved)}  digest {resolved.digest[:12]}  {resolved.directory}")


@models.command(short_help="Hash the files again and compare.")
@click.argument("model", required=False)
def verify(model: str | None) -> int:
    """Hash every file of MODEL (of all models, if left out) again, and compare with what was recorded.

    Exit status 1 when something differs, or MODEL is not here.
    """
    store = _store(_settings())
    model_id, revision = _decide(model, store) if model else (None, None)
    problems = store.verify(model_id, revision)
    for problem in problems:
        _say(f"error: {problem}")
    if problems:
        _say("to mend a model: segue models remove ID@REVISION, then segue models pull ID@REVISION")
        return 1
    checked = [found for found in store.models() if model_id in (None, found.model_id)]
    checked = [found for found in checked if revision in (None, found.revision)]
    for found in checked:
        click.echo(f"{_name(found)}  as recorded, digest {found.digest[:12]}")
    if not checked and model_id:
        _say(f"error: {model_id}@{revision} is not on this machine; segue models pull {model}")
        return 1
    if not checked:
        click.echo(f"no models in {store.root}")
    return 0


@models.command(short_help="Delete a model from this machine.")
@click.argument("model")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--forget", is_flag=True, help="Forget its digests too: the next pull may bring other bytes.")
def remove(model: str, yes: bool, forget: bool) -> None:
    """Delete MODEL (ID, ID@REVISION or alias) from this machine.

    Its digests stay recorded and are held against the next pull, unless --forget.
    """
    store = _store(_settings())
    model_id, revision = _decide(model, store)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask on: add --yes")
        if not click.confirm(f"Delete {model_id}@{revision} from {store.root}?", err=True):
            click.echo("kept", err=True)
            return
    if not store.remove(model_id, revision, forget=forget):
        raise ModelNotFound(f"{model_id}@{revision} is not in {store.root}; segue models list shows what is")
    click.echo(f"removed {model_id}@{revision}")


@models.command(short_help="Make an int8 variant of a model, and say what it costs.")
@click.argument("model", required=False)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write it there instead of into the store.")
@click.option("--name", metavar="OWNER/NAME[@REV]", help="What it is called in the store.  [default: local/NAME-int8]")
@click.option("--clips", type=click.Path(path_type=Path), metavar="DIR", help="Recordings to fit it to and measure on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def quantize(model: str | None, out: Path | None, name: str | None, clips: Path | None, as_json: bool) -> None:
    """Make an int8 variant of MODEL (the default model if left out), a model of its own for detect -m and switch.

    It is smaller and faster and decides some frames otherwise. How many is printed: measured on every other recording
    of --clips, the rest being what its scales are fitted to; without them on synthetic sound, which says little.
    """
    from segue.service.variants import quantize as make

    variant = make(model, settings=_settings(), out=out, name=name, clips=clips, progress=_say)
    if as_json:
        click.echo(json.dumps(_variant_row(variant), ensure_ascii=False, indent=2))
    else:
        _print_variant(variant)


def _variant_row(variant: "Int8Variant") -> dict[str, Any]:
    from dataclasses import asdict

    made = {"model": variant.name, "digest": variant.made.digest, "directory": str(variant.made.directory)}
    return {**made, "calibrated_on": variant.calibrated_on, "measured_on": variant.measured_on, **asdict(variant.cost)}


def _print_variant(variant: "Int8Variant") -> None:
    cost = variant.cost
    share = cost.frames_otherwise / cost.frames if cost.frames else 0.0
    slower = "" if cost.whole_after > cost.whole_before else "  (not faster on this machine)"
    shift = (
        "nothing to compare"
        if cost.shift_ms is None
        else "median {:.0f}, 95 % {:.0f}, most {:.0f} ms".format(*cost.shift_ms)
    )
    rows = {
        "model": f"{variant.name}  digest {variant.made.digest[:12]}",
        "directory": variant.made.directory,
        "scales found on": variant.calibrated_on,
        "measured on": f"{variant.measured_on}: {cost.audio_s:.0f} s, mode {cost.mode}",
        "frames decided otherwise": f"{cost.frames_otherwise} of {cost.frames} ({share:.2%})",
        "largest difference of p": f"{cost.largest_dp:.3f}",
        "segments that moved": f"{cost.segments_moved} of {cost.segments}",
        "boundaries moved by": shift,
        "F1 against the float model": "no speech in either" if cost.f1 is None else f"{cost.f1:.4f}",
        "bytes of weights": f"{cost.bytes_before:,} -> {cost.bytes_after:,}",
        "times real time, whole": f"{cost.whole_before:.0f} -> {cost.whole_after:.0f}{slower}",
        "times real time, live": f"{cost.live_before:.0f} -> {cost.live_after:.0f}  (chunks of 200 ms)",
    }
    for title, value in rows.items():
        click.echo(f"{title:<27} {value}")


def _settings() -> "Settings":
    from segue.settings import read_settings

    return read_settings()


def _store(settings: "Settings") -> "Store":
    from segue import service

    return service.store(settings)


def _decide(text: str, store: "Store") -> tuple[str, str]:
    """(ID, revision) that is meant: as given, else the catalogue's, else the only one in the store."""
    from segue.hub import CATALOG, parse_model

    model_id, revision = parse_model(text)
    known = CATALOG.lookup(model_id)
    model_id = known.model_id if known else model_id
    if revision:
        return model_id, revision
    here = [found.revision for found in store.models() if found.model_id == model_id and found.revision]
    if known and (known.revision in here or not here):
        return model_id, known.revision
    if len(here) > 1:
        raise InvalidParameter(f"{model_id} is here in revisions {', '.join(here)}: write {model_id}@REVISION")
    if not here:
        raise ModelNotFound(f"{model_id} is not on this machine; segue models pull {text}, or see segue models list")
    return model_id, here[0]


def _rows(store: "Store") -> list[dict[str, Any]]:
    """What is in the store, then what the catalogue knows besides."""
    from segue.hub import CATALOG

    rows = [_row(found) for found in store.models()]
    here = {(row["id"], row["revision"]) for row in rows}
    rows += [
        {"id": known.model_id, "revision": known.revision, "in_store": False}
        for known in CATALOG.models
        if (known.model_id, known.revision) not in here
    ]
    for row in rows:
        found = next((known for known in CATALOG.models if known.model_id == row["id"]), None)
        if found:
            row |= {"alias": found.aliases[0] if found.aliases else None, "sample_rate": found.sample_rate}
            row |= {"licence": found.licence, "description": found.description}
    return rows


def _row(found: "ResolvedModel") -> dict[str, Any]:
    return {
        "id": found.model_id,
        "revision": found.revision,
        "in_store": True,
        "digest": found.digest,
        "origin": found.origin,
        "size_bytes": sum(file.size_bytes for file in found.files),
        "directory": str(found.directory),
        "note": found.note,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("model", "alias", "revision", "digest", "MB", "here"):
        table.add_column(title, overflow="fold", no_wrap=title in ("alias", "revision", "digest", "MB", "here"))
    for row in rows:
        size = f"{row['size_bytes'] / 1e6:.1f}" if row["in_store"] else ""
        here = "yes" if row["in_store"] else "no"
        table.add_row(row["id"], row.get("alias") or "", row["revision"], row.get("digest", "")[:12], size, here)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 1000  # for a program: one line a model
    console.print(table)
    for row in rows:
        if row.get("note"):
            console.print(f"note: {row['note']}", soft_wrap=True)
    if sys.stdout.isatty() and not all(row["in_store"] for row in rows):
        console.print("\nsegue models pull MODEL fetches one that is not here; detect fetches its model by itself.")


def _name(found: "ResolvedModel") -> str:
    return f"{found.model_id}@{found.revision}" if found.revision else found.model_id


def _say(text: str) -> None:
    click.echo(f"segue: {text}", err=True)
