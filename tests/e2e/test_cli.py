"""The real ``segue`` command, in a process of its own, with the real model."""

import contextlib
import json
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from scripts.speech import Samples
from segue.edges.batch.results import ResultDirectory

SEGUE = str(Path(sysconfig.get_path("scripts")) / "segue")
RATE = 16_000
DEADLINE_S = 60


@pytest.fixture
def segue(tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run it to its end: ``segue("detect", "x.wav", stdin=bytes)``. Its home is new, its directory is tmp_path."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEGUE_MODEL", str(model_directory))
    monkeypatch.chdir(tmp_path)

    def run(
        *arguments: str | bytes, stdin: bytes = b"", status: int = 0, **options: Any
    ) -> "subprocess.CompletedProcess[bytes]":
        options = {"capture_output": True, "check": False, "timeout": DEADLINE_S} | options
        finished = subprocess.run([SEGUE, *arguments], input=stdin, **options)
        assert finished.returncode == status, finished.stderr
        return finished

    return run


@pytest.fixture
def clips(tmp_path: Path, speech: Samples) -> list[str]:
    """Six recordings of 5 s in ``clips/``, all different."""
    (tmp_path / "clips").mkdir()
    names = [f"clips/clip{n}.wav" for n in (1, 2, 3, 4, 9, 10)]
    for n, name in enumerate(names):
        soundfile.write(tmp_path / name, speech[n * 4 * RATE : (n * 4 + 5) * RATE], RATE)
    return names


def lines(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def results(directory: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return sorted(name for name in os.listdir(directory) if not name.startswith("."))
    return []


def leftovers(directory: Path) -> list[str]:
    return [name for name in os.listdir(directory) if name.endswith(".tmp")]


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.005)


# -- results -------------------------------------------------------------------------------------------------------


def test_jsonl_is_a_line_an_input_in_order(segue: Callable[..., Any], clips: list[str]) -> None:
    """A directory gives one line an input, in natural order, with exactly the promised keys and Python's segments."""
    finished = segue("detect", "clips", "--format", "jsonl", "--jobs", "2")
    found = lines(finished.stdout)
    assert [line["file"] for line in found] == clips
    assert all(list(line) == ["file", "duration_ms", "model", "mode", "segments"] for line in found)
    assert all(list(line["model"]) == ["id", "revision", "digest"] for line in found)
    assert finished.stderr == b""

    import segue as library

    expected = library.load(os.environ["SEGUE_MODEL"]).detect(clips[0])
    assert [(s["start_ms"], s["end_ms"]) for s in found[0]["segments"]] == [(s.start_ms, s.end_ms) for s in expected]
    assert found[0]["duration_ms"] == 5000
    assert found[0]["mode"] == "classic"


@pytest.mark.usefixtures("segue")
def test_a_slow_first_input_keeps_its_place(clips: list[str], tmp_path: Path) -> None:
    """While the first input is still arriving the others are detected; on standard output they come after it."""
    os.mkfifo("slow.wav")
    command = [SEGUE, "detect", "slow.wav", *clips, "--jobs", "2", "--format", "jsonl"]
    with subprocess.Popen([*command, "--out", "out"]) as process:
        until(lambda: len(results(tmp_path / "out")) == len(clips))
        Path("slow.wav").write_bytes(Path(clips[0]).read_bytes())
        assert process.wait(DEADLINE_S) == 0
    assert "slow.wav.jsonl" in results(tmp_path / "out")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        Path("slow.wav").write_bytes(Path(clips[0]).read_bytes())
        out, _ = process.communicate(timeout=DEADLINE_S)
    assert [line["file"] for line in lines(out)] == ["slow.wav", *clips]


def test_the_table_is_the_default_piped_too(segue: Callable[..., Any], clips: list[str]) -> None:
    """Without options the result is a table with seconds, totals, mode and model, and nothing is on standard error."""
    finished = segue("detect", clips[0])
    text = finished.stdout.decode()
    for part in (clips[0], "start s", "duration s", "of speech in 5.000 s", "mode classic"):
        assert part in text
    assert "\x1b" not in text
    assert finished.stderr == b""


def test_json_is_one_document_and_rttm_has_ten_fields(segue: Callable[..., Any], clips: list[str]) -> None:
    """json is one list of the same objects, and RTTM has the same segments, in seconds."""
    document = json.loads(segue("detect", *clips, "--format", "json").stdout)
    assert [result["file"] for result in document] == clips
    fields = [line.split() for line in segue("detect", *clips, "-f", "rttm").stdout.decode().splitlines()]
    expected = [
        (Path(result["file"]).stem, f"{s['start_ms'] / 1000:.3f}", f"{(s['end_ms'] - s['start_ms']) / 1000:.3f}")
        for result in document
        for s in result["segments"]
    ]
    assert [(field[1], field[3], field[4]) for field in fields] == expected
    assert {len(field) for field in fields} == {10}


def test_failures_stand_in_their_places(segue: Callable[..., Any], clips: list[str]) -> None:
    """Missing and corrupt inputs are lines with a code among the good ones, and the status is 1."""
    Path("bad.wav").write_bytes(b"RIFF" + bytes(100))
    Path("empty.wav").touch()
    inputs = ["missing.wav", clips[0], "bad.wav", "empty.wav", clips[1]]
    finished = segue("detect", *inputs, "-f", "jsonl", status=1)
    found = lines(finished.stdout)
    assert [line["file"] for line in found] == inputs
    codes = [line["error"]["code"] if "error" in line else None for line in found]
    assert codes == ["audio_not_found", None, "audio_undecodable", "audio_empty", None]
    assert finished.stderr == b""


def test_failures_of_a_table_are_lines_on_standard_error(segue: Callable[..., Any], clips: list[str]) -> None:
    """With tables each failure is one line on standard error that names the file; the others' tables are whole."""
    finished = segue("detect", "missing.wav", clips[0], "no*.wav", status=1)
    said = finished.stderr.decode().splitlines()
    assert [line.partition(": ")[2].split(":")[1].strip() for line in said] == ["missing.wav", "no*.wav"]
    assert clips[0] in finished.stdout.decode()


def test_standard_input_wildcard_and_recursion(segue: Callable[..., Any], clips: list[str]) -> None:
    """``-`` reads standard input, a quoted wildcard is expanded, --recursive goes into directories."""
    Path("clips/in/deeper").mkdir(parents=True)
    shutil.copy(clips[1], "clips/in/deeper/x.wav")
    data = Path(clips[0]).read_bytes()
    finished = segue("detect", "-", "clips/clip?.wav", "clips", "-r", "--format", "jsonl", stdin=data)
    found = lines(finished.stdout)
    assert [line["file"] for line in found] == ["-", *clips[:5], *clips, "clips/in/deeper/x.wav"]
    assert found[0]["segments"] == found[1]["segments"]


def test_split_gives_a_line_a_channel(segue: Callable[..., Any], speech: Samples) -> None:
    """A stereo file has one line a channel, numbered from 0, each as that channel alone."""
    left, right = speech[: 8 * RATE], np.zeros(8 * RATE, dtype=np.float32)
    soundfile.write("two.wav", np.stack([left, right], axis=1), RATE)
    soundfile.write("left.wav", left, RATE)
    one, two, alone = lines(segue("detect", "two.wav", "left.wav", "--channels", "split", "-f", "jsonl").stdout)
    assert [line["channel"] for line in (one, two, alone)] == [0, 1, 0]
    assert one["segments"] == alone["segments"] != []
    assert two["segments"] == []


def test_parameters_mode_and_probabilities_take_effect(segue: Callable[..., Any], speech: Samples) -> None:
    """--set changes the segments, --mode is said in the result, --probabilities adds one number a frame."""
    soundfile.write("talk.wav", speech, RATE)
    (plain,) = lines(segue("detect", "talk.wav", "-f", "jsonl").stdout)
    arguments = ("talk.wav", "-f", "jsonl", "--mode", "dynamic", "--set", "silence_schedule=inf:200", "--probabilities")
    (changed,) = lines(segue("detect", *arguments).stdout)
    assert (plain["mode"], changed["mode"]) == ("classic", "dynamic")
    assert len(changed["segments"]) > len(plain["segments"])
    assert len(changed["probabilities"]) == pytest.approx(plain["duration_ms"] / 10, abs=5)
    assert all(0 <= p <= 1 for p in changed["probabilities"])


def test_a_name_of_odd_bytes_makes_valid_utf8(segue: Callable[..., Any], clips: list[str]) -> None:
    """A file whose name is no UTF-8 is detected, and every format stays valid UTF-8, errors too."""
    odd = b"caf\xe9 [x].wav"
    shutil.copy(clips[0].encode(), odd)
    for form in ("jsonl", "table", "rttm"):
        text = segue("detect", odd, b"no\xe9.wav", "--format", form, status=1).stdout.decode()
        assert "caf\\" in text
    assert [line["file"] for line in lines(segue("detect", odd, "-f", "jsonl").stdout)] == ["caf\\xe9 [x].wav"]
    segue("detect", odd, "--out", "out", "-f", "json")
    assert json.loads(Path(os.fsdecode(b"out/caf\xe9 [x].wav.json")).read_bytes())[0]["segments"]


# -- a directory of results ----------------------------------------------------------------------------------------


def test_resume_does_only_what_changed(segue: Callable[..., Any], clips: list[str], tmp_path: Path) -> None:
    """A second run with --resume writes nothing again; changed bytes, parameter or mode are done anew, no others."""

    def stamps() -> dict[str, int]:
        return {name: (tmp_path / "out" / name).stat().st_ino for name in results(tmp_path / "out")}

    def changed(*arguments: str) -> list[str]:
        before = stamps()
        assert segue("detect", "clips", "--out", "out", "-f", "json", "--resume", *arguments).stdout == b""
        return [name for name, stamp in stamps().items() if before.get(name) != stamp]

    every = [f"{Path(name).name}.json" for name in clips]
    assert sorted(changed()) == sorted(every)
    assert changed() == []
    shutil.copy(clips[1], clips[0])
    assert changed() == ["clip1.wav.json"]
    assert sorted(changed("--set", "max_end_silence_time=500")) == sorted(every)
    assert sorted(changed("--mode", "dynamic", "--jobs", "3")) == sorted(every)
    assert changed("--mode", "dynamic") == []
    assert leftovers(tmp_path / "out") == []


def test_equal_names_have_results_of_their_own(segue: Callable[..., Any], clips: list[str], tmp_path: Path) -> None:
    """Inputs of one name in two directories are two results, and nothing is written beside the inputs."""
    for name, clip in zip(("a", "b"), clips, strict=False):
        Path(name).mkdir()
        shutil.copy(clip, f"{name}/x.wav")
    segue("detect", "a", "b", "--out", "new/out", "--format", "jsonl")
    found = [json.loads((tmp_path / "new/out" / name).read_bytes())["file"] for name in results(tmp_path / "new/out")]
    assert sorted(found) == ["a/x.wav", "b/x.wav"]
    assert os.listdir("a") == os.listdir("b") == ["x.wav"]


def test_a_second_run_into_one_directory_is_refused(segue: Callable[..., Any], clips: list[str]) -> None:
    """While another run writes there, it is one line that names the directory, status 1, and no result."""
    with ResultDirectory.held(Path("out"), "json"):
        finished = segue("detect", *clips, "--out", "out", "-f", "json", status=1)
    (line,) = finished.stderr.decode().splitlines()
    assert line.startswith("segue: error: out: another segue detect is writing its results there")
    assert results(Path("out")) == []
    segue("detect", *clips, "--out", "out", "-f", "json")


def test_a_full_disk_is_one_line_and_leaves_whole_files(
    segue: Callable[..., Any], speech: Samples, tmp_path: Path
) -> None:
    """When a result cannot be written the run ends with one clear line, status 1; what was written is whole."""
    soundfile.write("short.wav", speech[: 2 * RATE], RATE)
    soundfile.write("talk.wav", speech, RATE)
    arguments = ("short.wav", "talk.wav", "--jobs", "1", "--out", "out", "-f", "json", "--probabilities")
    most_bytes = 10_000
    finished = segue(
        "detect",
        *arguments,
        status=1,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes)),
    )
    assert results(tmp_path / "out") == ["short.wav.json"]
    assert len(json.loads((tmp_path / "out/short.wav.json").read_bytes())[0]["probabilities"]) > 100
    assert leftovers(tmp_path / "out") == []
    (line,) = finished.stderr.decode().splitlines()
    assert line.startswith("segue: error: out/talk.wav.json: the result cannot be written (File too large)")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_standard_output_is_one_line(segue: Callable[..., Any], clips: list[str]) -> None:
    """When standard output takes no more, the run ends with one line and status 1."""
    with open("/dev/full", "wb") as full:
        options = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
        finished = segue("detect", *clips, "-f", "jsonl", status=1, **options)
    assert finished.stderr.decode().splitlines() == [
        "segue: error: standard output: cannot be written (No space left on device); make room or write elsewhere"
    ]


@pytest.mark.usefixtures("segue")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("clips/clip1.wav >&-", ["segue: error: standard output: cannot be written (Bad file descriptor)"]),
        ("- <&-", ["segue: error: standard input: is closed; pipe or redirect the audio into it"]),
        ("clips/clip1.wav --out out <&- >&-", []),
    ],
)
def test_closed_descriptors_are_one_line_or_no_matter(clips: list[str], arguments: str, said: list[str]) -> None:
    """What is needed and closed is one line and status 1; what is closed and not needed is no matter."""
    assert arguments.startswith(("-", clips[0]))
    finished = subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" detect {arguments}', SEGUE], capture_output=True, check=False, timeout=DEADLINE_S
    )
    told = finished.stderr.decode().splitlines()
    assert [line.partition(";")[0] for line in told] == [line.partition(";")[0] for line in said]
    assert finished.returncode == (1 if said else 0)


# -- stopping ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("segue")
def test_a_reader_that_leaves_ends_it_quietly(clips: list[str]) -> None:
    """When the reader of a pipe has seen enough (| head), the run ends without a word."""
    with subprocess.Popen(
        [SEGUE, "detect", *clips * 20, "-f", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["file"] == clips[0]
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(DEADLINE_S) == 141


def test_ctrl_c_keeps_what_is_done_and_resume_goes_on(
    segue: Callable[..., Any], clips: list[str], speech: Samples, tmp_path: Path
) -> None:
    """Ctrl-C in the middle: status 130, a line that says how to go on, whole results; --resume does only the rest."""
    Path("many").mkdir()
    for n in range(120):
        shutil.copy(clips[n % len(clips)], f"many/{n}.wav")
    soundfile.write("many/long.wav", np.tile(speech, 10), RATE)
    command = [SEGUE, "detect", "many", "--out", "out", "--format", "json", "--jobs", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        until(lambda: len(results(tmp_path / "out")) >= 5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    done = results(tmp_path / "out")
    assert 5 <= len(done) < 121
    (line,) = said.decode().splitlines()
    assert line.startswith(f"segue: stopped: {len(done)} of 121 files are done")
    assert "--resume" in line
    whole = {name: (tmp_path / "out" / name).read_bytes() for name in done}
    assert all(json.loads(content)[0]["segments"] is not None for content in whole.values())
    assert leftovers(tmp_path / "out") == []
    stamps = {name: (tmp_path / "out" / name).stat().st_ino for name in done}
    segue("detect", "many", "--out", "out", "--format", "json", "--resume")
    assert len(results(tmp_path / "out")) == 121
    assert {name: (tmp_path / "out" / name).stat().st_ino for name in done} == stamps


# -- a terminal ----------------------------------------------------------------------------------------------------

CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[?25l", "\x1b[?25h"


class Watched:
    """A command whose standard error (and output, if wanted) is a terminal: what that has shown, what was piped."""

    def __init__(self, process: "subprocess.Popen[bytes]", terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self._read: dict[int, bytes] = {terminal: b""} | ({process.stdout.fileno(): b""} if process.stdout else {})
        self._open = list(self._read)

    @property
    def shown(self) -> str:
        return self._read[self._terminal].decode()

    @property
    def piped(self) -> bytes:
        return b"".join(text for pipe, text in self._read.items() if pipe != self._terminal)

    def read_until(self, condition: Callable[[], bool]) -> None:
        """Read what comes until the condition holds."""
        while not condition():
            ready, _, _ = select.select(self._open, [], [], DEADLINE_S)
            assert ready, f"nothing came after {self.shown!r}"
            for pipe in ready:
                try:
                    part = os.read(pipe, 65536)
                except OSError:  # Linux says EIO when the other end of a terminal is gone
                    part = b""
                self._read[pipe] += part
                if not part:
                    self._open.remove(pipe)

    def finish(self) -> int:
        """Read to the end; the status."""
        self.read_until(lambda: not self._open)
        return self.process.wait(DEADLINE_S)


@contextlib.contextmanager
def watched(command: Sequence[str], *, stdout_too: bool) -> Iterator[Watched]:
    """Run on a terminal."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    output = theirs if stdout_too else subprocess.PIPE
    with subprocess.Popen(command, stdin=theirs, stdout=output, stderr=theirs, env=environment) as process:
        os.close(theirs)
        try:
            yield Watched(process, ours)
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.usefixtures("segue")
def test_a_terminal_sees_progress_and_a_summary(clips: list[str]) -> None:
    """With --out the bar shows files, audio, speed and time left, then the summary."""
    command = [SEGUE, "detect", *clips, "missing.wav", "-f", "jsonl", "--out", "out"]
    with watched(command, stdout_too=False) as terminal:
        assert terminal.finish() == 1
        shown = terminal.shown
    for part in ("/7 files", " of audio", "x real time", "left"):
        assert part in shown
    assert "segue: error: missing.wav: there is no such file" in shown
    assert "segue: 7 files, 1 failed: 0:30 of audio (" in shown


@pytest.mark.usefixtures("segue")
def test_no_bar_where_results_are_piped(clips: list[str]) -> None:
    """Results that are piped may end in the same terminal (segue … | jq): no bar is drawn over them."""
    with watched([SEGUE, "detect", *clips, "missing.wav", "-f", "jsonl"], stdout_too=False) as terminal:
        assert terminal.finish() == 1
        shown, piped = terminal.shown, terminal.piped
    assert CURSOR_HIDDEN not in shown
    assert "segue: 7 files, 1 failed: 0:30 of audio (" in shown
    assert [line["file"] for line in lines(piped)] == [*clips, "missing.wav"]


@pytest.mark.usefixtures("segue")
def test_tables_in_files_have_no_colours(clips: list[str], tmp_path: Path) -> None:
    """Tables are styled for a terminal alone: with --out on one the files have not a single escape code."""
    with watched([SEGUE, "detect", *clips, "--out", "out"], stdout_too=True) as terminal:
        assert terminal.finish() == 0
    texts = [(tmp_path / "out" / name).read_bytes() for name in results(tmp_path / "out")]
    assert len(texts) == len(clips)
    assert not any(b"\x1b" in text for text in texts)


@pytest.mark.usefixtures("segue")
def test_results_and_bar_share_a_terminal(clips: list[str]) -> None:
    """With results on the same terminal each table is whole, in order, with the summary at the end."""
    with watched([SEGUE, "detect", *clips], stdout_too=True) as terminal:
        assert terminal.finish() == 0
        shown = terminal.shown
    assert shown.count("duration s") == len(clips)
    places = [shown.index(name) for name in clips]
    assert places == sorted(places)
    assert "segue: 6 files: 0:30 of audio" in shown[places[-1] :]


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.usefixtures("segue")
def test_a_thread_that_waits_for_ever_does_not_keep_it_alive(clips: list[str], tmp_path: Path, signals: int) -> None:
    """With an input that never arrives one Ctrl-C is enough, and a second one ends it at once, without the last word.

    The bar has left the terminal by then: the cursor is there, and what is said begins a line.
    """
    os.mkfifo("never.wav")
    command = [SEGUE, "detect", "never.wav", *clips, "--out", "out", "-f", "json", "--jobs", "2"]
    with watched(command, stdout_too=True) as terminal:
        terminal.read_until(lambda: len(results(tmp_path / "out")) == len(clips) and CURSOR_HIDDEN in terminal.shown)
        terminal.process.send_signal(signal.SIGINT)
        terminal.read_until(lambda: CURSOR_SHOWN in terminal.shown)  # the first was acted on
        if signals == 2:
            terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish() == 130
        shown = terminal.shown
    assert "Traceback" not in shown
    assert len(results(tmp_path / "out")) == len(clips)
    assert shown.rindex(CURSOR_SHOWN) > shown.rindex(CURSOR_HIDDEN)
    said = "segue: stopped: 6 of 7 files are done and their results are whole in out"
    assert (said in shown) == (signals == 1)
    if signals == 1:
        before, _, after = shown.partition(said)
        assert before.endswith(("\n", "\r", "\x1b[2K"))
        assert CURSOR_SHOWN in before
        assert after.strip() == "; the same command with --resume goes on"


@pytest.mark.usefixtures("segue")
def test_a_second_signal_brings_the_cursor_back() -> None:
    """Ended at once while a thread waits for an input that never comes, the terminal is usable."""
    os.mkfifo("never.wav")
    with watched([SEGUE, "detect", "never.wav", "--out", "out"], stdout_too=False) as terminal:
        terminal.read_until(lambda: CURSOR_HIDDEN in terminal.shown)
        terminal.process.send_signal(signal.SIGINT)
        terminal.process.send_signal(signal.SIGTERM)  # two kinds, since two of one kind may be taken for one
        assert terminal.finish() == 128 + signal.SIGTERM
        shown = terminal.shown
    assert shown.rindex(CURSOR_SHOWN) > shown.rindex(CURSOR_HIDDEN)
    assert "stopped" not in shown


@pytest.mark.usefixtures("segue")
def test_ctrl_c_prints_what_is_done_as_a_whole_document(clips: list[str]) -> None:
    """Without --out, what was done behind an input that never came is printed, and the JSON document is whole."""
    os.mkfifo("never.wav")
    command = [SEGUE, "detect", "never.wav", *clips, "-f", "json", "--jobs", "2"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        open("never.wav", "wb"),  # from here on it is being read
    ):
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    done = [result["file"] for result in json.loads(printed)]
    assert done == clips[: len(done)]
    assert f"{len(done)} of 7 files are done" in said.decode()


# -- the rest ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["detect"], 2, "no PATH"),
        (["detect", "x", "--nonsense"], 2, "--nonsense"),
        (["detect", "x", "--mode", "odd"], 2, "classic, dynamic"),
        (["detect", "x", "--set", "window_size_ms=0"], 2, "window_size_ms"),
        (["detect", "x", "--resume"], 2, "--out"),
        (["detect", "x", "--model", "./nowhere"], 1, "not a directory"),
        (["detect", "clips", "--out", "file"], 2, "file is a file; --out wants a directory"),
        (["detect", "clips", "--out", "file/below"], 1, "cannot be made or opened"),
    ],
)
def test_what_is_wrong_is_one_line_and_the_right_status(
    segue: Callable[..., Any], arguments: list[str], status: int, message: str
) -> None:
    """A wrong command line is status 2, a model or directory that cannot be had 1; each is one line, no traceback."""
    Path("file").touch()
    finished = segue(*arguments, status=status)
    (line,) = finished.stderr.decode().splitlines()
    assert line.startswith("segue: error: ")
    assert message in line
    assert finished.stdout == b""


def loaded(*arguments: str) -> set[str]:
    """The top-level modules that a command loads beyond what ``import segue`` does."""
    code = (
        "import sys, segue; before = set(sys.modules)\n"
        "from segue.edges.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('\\n' + ' '.join({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    finished = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(finished.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("light", [("--help",), ("--version",), ("detect", "--help"), ("models", "list")], ids=" ".join)
@pytest.mark.usefixtures("segue")
def test_nothing_heavy_is_loaded_for_nothing(light: tuple[str, ...]) -> None:
    """Help, version and the list of models load no inference, audio or hub client; but for one help, no NumPy."""
    found = loaded(*light)
    assert not found & {"onnxruntime", "onnx", "scipy", "av", "soundfile", "soxr", "modelscope"}
    assert "numpy" not in found or light[0] == "detect"


@pytest.mark.usefixtures("segue")
def test_a_pipe_needs_no_rich(clips: list[str]) -> None:
    """Detection into a pipe does not load what only a terminal shows."""
    assert "rich" not in loaded("detect", clips[0], "--format", "jsonl")
