"""Bytes of a session as samples."""

import numpy as np
import pytest

from segue.edges.realtime.audio_format import AudioFormat


@pytest.mark.parametrize(
    ("coding", "data", "samples"),
    [
        ("pcmu", b"\xff\x7f\x80\x00\xf0", [0, 0, 32124, -32124, 120]),
        ("pcma", b"\xd5\x55\xaa\x2a\x80", [8, -8, 32256, -32256, 5504]),
        ("pcm", b"\x01\x00\xff\xff\x00\x80", [1, -1, -32768]),
    ],
)
def test_bytes_are_the_samples_that_the_standards_name(coding: str, data: bytes, samples: list[int]) -> None:
    """G.711's zero, its loudest and one between, of both laws; little-endian integers."""
    found = AudioFormat(coding, 8_000).samples(data)  # type: ignore[arg-type]  # one of the three
    assert found.dtype == np.int16
    assert found.tolist() == samples


def test_each_has_its_name_in_both_shapes() -> None:
    """The current one says the rate of pcm, and none of G.711, which has but one."""
    assert (AudioFormat().beta, AudioFormat().current) == ("pcm16", {"type": "audio/pcm", "rate": 24_000})
    law = AudioFormat("pcma", 8_000)
    assert (law.beta, law.current, law.sample_bytes) == ("g711_alaw", {"type": "audio/pcma"}, 1)
