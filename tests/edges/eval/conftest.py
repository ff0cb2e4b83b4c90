"""Labelled recordings for all: speech made by espeak-ng, whose true boundaries are known."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from scripts.speech import Conversation, conversation
from segue.edges.cli import main


def write_labels(path: Path, talk: Conversation) -> None:
    """As Audacity would."""
    lines = [f"{said.start_s:.6f}\t{said.end_s:.6f}\tspeech\n" for said in talk.utterances]
    path.write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="session")
def talks() -> list[Conversation]:
    """A dozen, of 12 s each, in rooms that are not equally quiet."""
    return [conversation(seconds=12, seed=seed, noise_dbfs=-65 + 2 * seed) for seed in range(12)]


@pytest.fixture(scope="session")
def labelled(talks: list[Conversation], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ``clips/talk-0.flac`` … and ``labels/talk-0.txt`` …; read only."""
    root = tmp_path_factory.mktemp("labelled")
    (root / "clips").mkdir()
    (root / "labels").mkdir()
    for number, talk in enumerate(talks):
        soundfile.write(root / "clips" / f"talk-{number}.flac", talk.samples, talk.sample_rate)
        write_labels(root / "labels" / f"talk-{number}.txt", talk)
    return root


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    stdout: str
    stderr: str


Run = Callable[..., Ended]


@pytest.fixture
def run(model_directory: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("eval", …)``: ``segue eval … --model`` with the model of the tests."""

    def run(*arguments: str | Path) -> Ended:
        with pytest.raises(SystemExit) as left:
            main([*map(str, arguments), "--model", str(model_directory)])
        assert isinstance(left.value.code, int)
        said = capsys.readouterr()
        return Ended(left.value.code, said.out, said.err)

    return run
