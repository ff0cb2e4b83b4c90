"""Which loader reads a model: Segue's own, or a third party's that joined by an entry point."""

import sys
from pathlib import Path

import pytest

from segue import models
from segue.errors import ModelUnsupported
from tests.models.networks import write_network

THIRD_PARTY = """
from tests.fakes import LoudnessScorer
from segue.speech.rules import Rules

def load(directory):
    return LoudnessScorer(), Rules.of({"max_end_silence_time": int((directory / "silence").read_text())})
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution on the path that announces loaders of the kinds ``loudness`` and ``broken``."""
    site = tmp_path / "site"
    info = site / "segue_loudness-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: segue-loudness\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[segue.models]\nloudness = segue_loudness:load\nbroken = segue_loudness_lost:load\n", encoding="utf-8"
    )
    (site / "segue_loudness.py").write_text(THIRD_PARTY, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "segue_loudness", raising=False)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "silence").write_text("500", encoding="utf-8")
    return tmp_path / "model"


def test_fsmn_is_the_default_kind(tmp_path: Path) -> None:
    """A directory without further word is read as an FSMN-VAD."""
    scorer, rules = models.load(write_network(tmp_path).directory)
    assert scorer.sample_rate == 8_000
    assert rules.mode == "classic"


def test_a_third_party_joins_by_an_entry_point(third_party: Path) -> None:
    """An installed package that names a loader in the group segue.models loads its own kind of model."""
    scorer, rules = models.load(third_party, "loudness")
    assert type(scorer).__name__ == "LoudnessScorer"
    assert rules.max_end_silence_time == 500


def test_an_unknown_kind_is_refused_with_the_known_ones(third_party: Path) -> None:
    """A kind without a loader is unsupported; the message lists what there is, third parties included."""
    with pytest.raises(ModelUnsupported, match="kind 'whisper'; there are: broken, fsmn-vad, loudness"):
        models.load(third_party, "whisper")


def test_a_loader_that_cannot_be_imported_is_told(third_party: Path) -> None:
    """A third party's package that is broken is its own error, not a crash."""
    with pytest.raises(ModelUnsupported, match=r"broken.*segue_loudness_lost"):
        models.load(third_party, "broken")


def test_a_third_party_s_loader_goes_before_segue_s_own(third_party: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of a kind that Segue loads itself, the loader that somebody has installed is taken; the log says so."""
    info = third_party.parent / "site" / "segue_other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: segue-other\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[segue.models]\nfsmn-vad = segue_loudness:load\n", encoding="utf-8")
    with caplog.at_level("INFO"):
        scorer, _ = models.load(third_party)
    assert type(scorer).__name__ == "LoudnessScorer"
    assert "models of kind fsmn-vad are loaded by segue_loudness:load" in caplog.text
