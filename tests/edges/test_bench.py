"""``segue bench``."""

import json
from pathlib import Path

import numpy as np
import soundfile
from click.testing import CliRunner

from segue.edges.bench import bench
from segue.errors import AudioNotFound


def test_it_prints_speed_and_streams(model_directory: Path) -> None:
    """The table has the speed, both kinds of streams per core, the machine and the versions."""
    finished = CliRunner().invoke(bench, ["--seconds", "5", "--rounds", "1", "--model", str(model_directory)])
    assert finished.exit_code == 0, finished.output
    for part in (
        "x real time",
        "each alone",
        "engine alone, 16 streams a call",
        "noise with bursts",
        "onnxruntime",
        "digest:",
        "processor:",
    ):
        assert part in finished.output


def test_json_and_a_file_of_ones_own(model_directory: Path, tmp_path: Path) -> None:
    """With --json one object holds the numbers, measured on the file that was given, as far as asked."""
    soundfile.write(tmp_path / "x.wav", np.zeros(16_000 * 7), 16_000)
    arguments = [str(tmp_path / "x.wav"), "--seconds", "5", "--rounds", "1", "--model", str(model_directory), "--json"]
    result = json.loads(CliRunner().invoke(bench, arguments).output)
    assert result["audio_s"] == 5
    assert all(result[name] > 1 for name in ("times_real_time", "streams_alone", "streams_in_batches_of_16"))


def test_a_file_that_is_no_use_is_refused(model_directory: Path, tmp_path: Path) -> None:
    """A missing file is the error of the layer that reads it; one too short is a usage error."""
    soundfile.write(tmp_path / "x.wav", np.zeros(160), 16_000)
    model = ["--model", str(model_directory)]
    assert isinstance(CliRunner().invoke(bench, ["none.wav", *model]).exception, AudioNotFound)
    assert CliRunner().invoke(bench, [str(tmp_path / "x.wav"), *model]).exit_code == 2
