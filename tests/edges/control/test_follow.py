"""``segue follow``, against a real service."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from segue.edges.control import follow as edge
from segue.errors import ServerRefused
from tests.edges.control.standin import lines, run
from tests.edges.http.service import LoudService, answering, loud_service, model


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoudService]:
    """A service that serves a first model; the commands find it by their settings."""
    with loud_service(tmp_path / "home") as service, answering(service) as address:
        monkeypatch.setenv("SEGUE_SERVER", address.url)
        monkeypatch.setenv("SEGUE_TOKEN", service.token)
        service.serve(model(tmp_path, "first"))
        service.start()
        yield service


def test_a_directory_is_followed_shown_and_stopped(
    service: LoudService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named from here, it is followed by its absolute path; so are the golden clips; the first look is waited for."""
    followed = model(tmp_path, "next")
    (tmp_path / "plan.toml").write_text('canary = [5, 50]\ngolden = "clips"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shown = lines(run("follow", "./next", "--plan", "plan.toml", "--every", "1m", "--why", "nightly"))
    report = service.follower.report
    assert report is not None
    assert shown[0].startswith(f"follows {followed}, every 1 min 0 s, by ")
    assert shown[1] == f"  {report.version} is new here; it counts if it is still so at the next look"
    assert shown[2].startswith("  looked at 0.")
    assert shown[3:] == [f"  plan: canary: [5, 50], golden: {tmp_path}/clips", "  why: nightly"]
    assert lines(run("follow"))[:2] == shown[:2]
    assert f"follows {followed}: {report.version} is new here" in run("status").stdout
    assert json.loads(run("follow", "--json").stdout)["version"] == report.version
    assert lines(run("follow", "--stop")) == [f"{followed} is not followed any more"]
    assert lines(run("follow", "--stop")) == ["nothing was followed"]
    assert lines(run("follow")) == ["nothing is followed: segue follow MODEL_ID@BRANCH --plan FILE begins it"]
    assert run("follow", "--json").stdout == "null\n"
    rows = [row.what for row in service.history(10) if row.verb == "follow"]
    assert rows == [f"no more of {followed}", str(followed)]


@pytest.mark.usefixtures("service")
def test_what_serves_needs_no_rollout(tmp_path: Path) -> None:
    """And a plan need not be named."""
    shown = lines(run("follow", str(tmp_path / "first"), "--set", "max_end_silence_time=500"))
    assert " is new here" in shown[1]
    shown = lines(run("follow", str(tmp_path / "first")))
    assert shown[1].endswith(" serves")
    assert shown[3] == "  plan: as segue rollout has it by default"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--every", "5m"], "name what is to be followed"),
        (["--set", "a=1"], "name what is to be followed"),
        (["some/one", "--stop"], "--stop stands alone"),
        (["some/one", "--plan", "none.toml"], "--plan none.toml: No such file"),
    ],
)
def test_a_command_line_that_contradicts_itself_is_refused(
    service: LoudService, arguments: list[str], said: str
) -> None:
    """Before the server is asked."""
    result = run("follow", *arguments)
    assert isinstance(result.exception, click.UsageError)
    assert said in result.exception.message
    assert service.follower.report is None


def test_what_the_server_refuses_is_one_line(service: LoudService, tmp_path: Path) -> None:
    """An unknown name in a plan, a directory that is not there."""
    (tmp_path / "plan.json").write_text('{"canaries": 5}', encoding="utf-8")
    for arguments, said in (
        ((str(tmp_path / "first"), "--plan", str(tmp_path / "plan.json")), "'canaries' is not part of a plan"),
        ((str(tmp_path / "none"),), "is not a directory here"),
    ):
        result = run("follow", *arguments)
        assert isinstance(result.exception, ServerRefused)
        assert said in str(result.exception)
    assert service.follower.report is None


def test_problems_and_notes_are_shown() -> None:
    """Each on a line of its own."""
    said = {
        "model": "a/b@v1",
        "every_s": 300.0,
        "who": "ann",
        "since": 1.7e9,
        "looked_at": None,
        "says": "not looked",
        "plan": {},
        "why": "",
        "problem": "no connection",
        "note": "never changes",
    }
    assert edge.lines(said)[-2:] == ["  problem: no connection", "  note: never changes"]
