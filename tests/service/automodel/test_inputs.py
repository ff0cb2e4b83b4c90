"""What ``generate`` may be given."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from segue.errors import AudioNotFound, InvalidParameter, InvalidSamples
from segue.service.automodel.inputs import expand, is_encoded, samples_of

QUIET = np.zeros(1600, np.float32)
RANDOM = re.compile(r"rand_key_[A-Za-z0-9]{13}")


def test_a_file_is_called_by_its_name_and_samples_by_chance() -> None:
    """As FunASR does; two inputs never have the same random key."""
    assert [(each.key, each.is_whole) for each in expand("in/my talk.wav", None)] == [("my talk", True)]
    assert expand(Path("in/my talk.wav"), None)[0].source == "in/my talk.wav"
    found = expand([QUIET, "b.mp3", QUIET], None)
    assert RANDOM.fullmatch(found[0].key)
    assert found[1].key == "b"
    assert found[0].key != found[2].key
    assert [each.is_whole for each in found] == [False, True, False]


def test_keys_can_be_given() -> None:
    """One for all, or one each."""
    assert [each.key for each in expand([QUIET, QUIET], ["a", "b"])] == ["a", "b"]
    assert [each.key for each in expand(QUIET, "a")] == ["a"]
    with pytest.raises(InvalidParameter, match="key has 1 names and input 2"):
        expand([QUIET, QUIET], ["a"])


def test_a_list_of_kaldi_s_is_read(tmp_path: Path) -> None:
    """``key path`` or ``path`` a line; JSON lines have source and key; empty lines are nothing."""
    scp, lines = tmp_path / "wav.scp", tmp_path / "a.jsonl"
    scp.write_text("u1 /a/x.wav\n\n/a/my.wav\nu3\t/a/b c.wav \n", encoding="utf-8")
    found = expand(str(scp), None)
    assert [each.source for each in found] == ["/a/x.wav", "/a/my.wav", "/a/b c.wav"]
    assert [each.key for each in found][::2] == ["u1", "u3"]
    lines.write_text(json.dumps({"source": "/a/x y.wav", "key": "k"}) + "\n", encoding="utf-8")
    assert [(each.key, each.source) for each in expand(lines, None)] == [("k", "/a/x y.wav")]


@pytest.mark.parametrize("line", ["[]", "{}", "x", '{"source": 3}', "[" * 100_000])
def test_a_line_that_is_no_json_is_named(tmp_path: Path, line: str) -> None:
    """With its file and number."""
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(InvalidParameter, match=r"a\.jsonl, line 1: an object with a path is wanted"):
        expand(tmp_path / "a.jsonl", None)


def test_no_address_is_fetched(tmp_path: Path) -> None:
    """Not by itself, not in a list, not in a file of lists."""
    (tmp_path / "wav.scp").write_text("u1 https://example.org/a.wav\n")
    for given in ("http://127.0.0.1/a.wav", ["https://example.org/a.wav"], str(tmp_path / "wav.scp")):
        with pytest.raises(InvalidParameter, match="no address is fetched"):
            expand(given, None)


def test_what_is_not_there_or_no_text_is_said(tmp_path: Path) -> None:
    """As of a recording."""
    with pytest.raises(AudioNotFound, match="no such file"):
        expand(tmp_path / "wav.scp", None)
    (tmp_path / "wav.scp").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidParameter, match="is no list of recordings: UnicodeDecodeError"):
        expand(tmp_path / "wav.scp", None)


@pytest.mark.parametrize("given", [3, 0.5, True, None])
def test_what_is_no_audio_is_refused(given: Any) -> None:
    """A list of numbers is not a recording: FunASR takes each for one."""
    with pytest.raises(InvalidSamples, match="input holds a"):
        expand([given], None)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "RF64"])
def test_a_file_is_told_from_samples_by_its_bytes(kind: str) -> None:
    """Containers by their first bytes, an MP3 without a tag by two frames."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    soundfile.write(file, noise, 16_000, format=kind)
    assert is_encoded(file.getvalue())


@pytest.mark.parametrize("pcm", [b"", b"\xff", b"\xff\xff" * 500, b"\xff\xfb\x90\x00" + bytes(2000), bytes(3000)])
def test_samples_are_not_taken_for_a_file(pcm: bytes) -> None:
    """Not even where a quiet one begins as a frame of MP3 does."""
    assert not is_encoded(pcm)


def test_raw_samples_have_16_bits() -> None:
    """Little-endian; half a sample is an error."""
    assert samples_of(b"\x01\x00\xff\xff").tolist() == [1, -1]
    with pytest.raises(InvalidSamples, match="3 bytes are no 16-bit samples"):
        samples_of(b"abc")
