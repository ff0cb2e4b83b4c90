"""docs/streaming.md: its clients run, and its tables say what the program does."""

import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from segue.edges import stream
from segue.edges.serve import command as serve
from segue.service import rounds
from segue.service.streams import DEADLINES_S, Policy
from segue.settings import Settings
from segue.speech.rules import PARAMETERS
from tests.edges.streaming import Running, running
from tests.service.voices import RATE, talk

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "streaming.md").read_text(encoding="utf-8")


def code(language: str) -> str:
    """The first block of code in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def rows(heading: str) -> dict[str, str]:
    """The tables of a section: first cell, and the rest."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([^|]+?) ?\|(.*)\|$", section, re.MULTILINE)
    return {name if "," in name else name.strip("`"): rest for name, rest in found}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One version serves."""
    with running(tmp_path_factory.mktemp("home")) as server:
        server.service.serve("first")
        yield server


@pytest.mark.parametrize(("language", "name"), [("python", "live.py"), ("js", "live.mjs")])
def test_its_clients_run(server: Running, tmp_path: Path, language: str, name: str) -> None:
    """As they stand, but for the port: each prints every message, from ready to finished."""
    node = shutil.which("node")
    command = [sys.executable]
    if language == "js":
        command = [str(node), "--experimental-websocket"]
        if node is None or subprocess.run([*command, "-e", "new WebSocket"], capture_output=True).returncode != 1:
            pytest.skip("no node that has a WebSocket")
    client, wav = tmp_path / name, tmp_path / "conversation.wav"
    client.write_text(code(language).replace("127.0.0.1:6006", f"127.0.0.1:{server.port}"), encoding="utf-8")
    soundfile.write(wav, talk(3, 2.0), RATE, subtype="PCM_16")
    ran = subprocess.run([*command, str(client), str(wav)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    said = [line.split()[0] for line in ran.stdout.splitlines() if re.match(r"[a-z_]+ ", line)]
    assert said[0] == "ready"
    assert set(said) >= {"ready", "speech_started", "speech_ended", "finished"}
    assert "duration_ms': 2000" in ran.stdout or "duration_ms: 2000" in ran.stdout


def test_every_parameter_is_in_the_table() -> None:
    """The stream's own; the decision parameters have their page."""
    named = {name for row in rows("What you ask for") for name in re.findall(r"[a-z_]+", row)} - {"parameter"}
    own = [name for name in stream._NAMES if name not in PARAMETERS]
    assert named - {"max_end_silence_time"} == set(own)


def test_every_message_and_close_code_is_in_the_tables() -> None:
    """With each of its fields."""
    table, source = rows("What you are told"), inspect.getsource(stream)
    for line in re.findall(r'\{"type": ("\w+".*?)\}$', inspect.getsource(stream._fields), re.MULTILINE):
        kind, *fields = re.findall(r'"(\w+)"', line.split("**")[0])
        assert kind in table
        for field in fields:
            assert f"`{field}`" in table[kind], (kind, field)
    codes = set(re.findall(r"\b10\d\d\b", source))
    assert codes <= set(table)
    assert codes | {"1007", "1009"} == {name for name in table if name.isdecimal()}


def test_its_figures_are_the_program_s() -> None:
    """Policies with their deadlines, and every limit."""
    policies = rows("When the model changes")
    for policy in Policy:
        deadline = "at once" if not DEADLINES_S[policy] else f"{DEADLINES_S[policy]:.0f} s"
        assert policies[policy.value].split("|")[-1].strip() == deadline
    limits, defaults = PAGE.split("\n## Limits\n")[1], Settings.model_fields
    for figure in (
        f"{defaults['max_streams'].default} (`max_streams`)",
        f"{defaults['stream_idle_s'].default:.0f} s (`stream_idle_s`)",
        f"| {stream._MOST_WAITING_S} s, in {stream._MOST_WAITING_CHUNKS:,} messages |",
        f"| {stream._MOST_UNREAD} |",
        f"| {serve._MOST_MESSAGE_BYTES // 2**20} MiB |",
    ):
        assert figure in limits
    failures = PAGE.split("\n## When a version fails\n")[1].split("\n## ")[0]
    assert f"{defaults['stall_s'].default:.0f} s (`stall_s`)" in failures
    assert f"tried for {rounds._LAST_CHANCE_S:.0f} s" in failures
    assert f"again after {rounds._TRY_AGAIN_S:.0f} s" in failures


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\[[^\]]+\]\(([^)#]+\.md)\)", PAGE))))
def test_its_links_lead_somewhere(name: str) -> None:
    """The pages it names are there."""
    assert (ROOT / "docs" / name).is_file()
