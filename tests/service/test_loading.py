"""The composition root: from the name of a model to a detector."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from segue import service
from segue.errors import InvalidModelID, InvalidParameter, ModelIncomplete, ModelInvalid
from segue.settings import Settings, read_settings
from segue.speech.scorer import Samples
from tests.models.isolated.waiting import until
from tests.models.networks import write_network


@pytest.fixture(scope="module")
def settings(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose store holds the default model, and of which no origin can be reached."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").symlink_to(model_directory.parents[1])
    return read_settings(home=home, connect_timeout_s=0.01, fetch_timeout_s=0.01)


def test_the_default_model_is_taken_from_the_store(settings: Settings, speech: Samples) -> None:
    """What is in the store is loaded by its alias, with its identity, and detects; nothing is said of progress."""
    said: list[str] = []
    detector = service.load(settings=settings, progress=said.append)
    assert detector.model.id == "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"
    assert detector.model.revision == "v2.0.4"
    assert len(detector.model.digest) == 64
    assert len(detector.detect(speech, sample_rate=16_000)) > 3
    assert not said
    assert repr(detector) == "Detector(iic/speech_fsmn_vad_zh-cn-16k-common-pytorch@v2.0.4, 16000 Hz, mode=classic)"


def test_the_model_of_the_settings_is_the_one_used(settings: Settings, tmp_path: Path) -> None:
    """Where no model is named, the settings say which: a directory serves as well as an ID."""
    network = write_network(tmp_path / "mine")
    detector = service.load(settings=settings.model_copy(update={"model": str(network.directory)}))
    assert detector.scorer.sample_rate == 8_000
    assert detector.model.revision is None


def test_options_become_the_detectors_own(settings: Settings, speech: Samples) -> None:
    """Mode and parameters given at load are the detector's; a request may still ask for others."""
    detector = service.load(mode="dynamic", max_end_silence_time=300, settings=settings)
    assert detector.rules.mode == "dynamic"
    assert detector.rules.sources()["max_end_silence_time"] == "options"
    assert detector.detect(speech, sample_rate=16_000).rules.max_end_silence_time == 300
    asked = detector.detect(speech, sample_rate=16_000, mode="classic", max_end_silence_time=900)
    assert (asked.mode, asked.rules.max_end_silence_time) == ("classic", 900)


def test_it_may_run_in_a_process_of_its_own(settings: Settings, speech: Samples) -> None:
    """With the same answers; the process ends when nobody has the detector any more."""
    here = service.load(settings=settings).detect(speech, sample_rate=16_000)
    detector = service.load(settings=settings, isolate=True)
    assert len(psutil.Process().children()) == 1
    assert detector.detect(speech, sample_rate=16_000) == here
    del detector
    gc.collect()
    until(lambda: not psutil.Process().children())


def test_an_option_of_none_was_not_given(settings: Settings) -> None:
    """None leaves a parameter to the model."""
    detector = service.load(mode=None, settings=settings, window_size_ms=None)
    assert detector.rules == service.load(settings=settings).rules


def test_the_limit_of_the_settings_reaches_the_detector(settings: Settings) -> None:
    """Audio longer than ``max_audio_s`` is the detector's to refuse."""
    assert service.load(settings=settings.model_copy(update={"max_audio_s": 7.0})).max_audio_s == 7


def test_mistakes_are_told_apart(settings: Settings, tmp_path: Path) -> None:
    """A bad option, a bad name, an incomplete and a damaged directory each have their own error."""
    with pytest.raises(InvalidParameter, match="mode='loud'"):
        service.load(mode="loud", settings=settings)
    with pytest.raises(InvalidParameter, match="no_such_parameter"):
        service.load(settings=settings, no_such_parameter=1)
    with pytest.raises(InvalidParameter, match=r"threshold \(options\) decides nothing in mode classic"):
        service.load(settings=settings, threshold=0.5)
    with pytest.raises(InvalidModelID):
        service.load("not a model", settings=settings)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelIncomplete):
        service.load(tmp_path / "empty", settings=settings)
    damaged = write_network(tmp_path / "damaged").directory
    (damaged / "model.pt").write_bytes(b"PK")
    with pytest.raises(ModelInvalid):
        service.load(damaged, settings=settings)


def test_the_store_is_in_the_home(settings: Settings) -> None:
    """Models live in ``$SEGUE_HOME/models``."""
    assert service.store(settings).root == settings.home / "models"


def test_fetching_loads_no_codec_and_no_network(settings: Settings) -> None:
    """Resolving a model that is there imports neither NumPy nor SciPy, ONNX or a codec: listing models is quick."""
    code = (
        "import sys; from segue import service; from segue.settings import read_settings;"
        "print(service.fetch(None, settings=read_settings()).revision);"
        "heavy = {'numpy', 'scipy', 'onnx', 'onnxruntime', 'av', 'soundfile', 'modelscope_hub'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = os.environ | {"SEGUE_HOME": str(settings.home)}
    finished = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines() == ["v2.0.4", "[]"]


def test_detecting_leaves_nothing_in_the_home_directory(settings: Settings, tmp_path: Path) -> None:
    """No library that runs the model keeps an identity there; ONNX Runtime does, and calls home, unless told not to."""
    home = tmp_path / "home"
    home.mkdir()
    code = "import numpy, segue; segue.load().detect(numpy.zeros(16_000), sample_rate=16_000)"
    environment = os.environ | {"HOME": str(home), "SEGUE_HOME": str(settings.home)}
    del environment["ORT_DISABLE_TELEMETRY"]
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(home.iterdir()) == []
