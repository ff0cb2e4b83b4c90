"""What both decoders share."""

import io

import pytest

from segue import errors
from segue.speech.source import Source
from segue.speech.track import block_frames, check_length

SOURCE = Source(io.BytesIO(b"x"), name="a.wav")


def test_a_block_is_20_seconds_or_16_megabytes() -> None:
    """Many channels at a high rate make it shorter, never empty."""
    assert block_frames(16_000, 1) == 320_000
    assert block_frames(192_000, 8) == 2**22 // 8
    assert block_frames(8_000, 2**23) == 1
    assert block_frames(8_000, 0) == 160_000


def test_a_quarter_of_a_second_may_be_missing() -> None:
    """Less than promised is truncated; a little less is how some writers round."""
    check_length(SOURCE, held_s=9.8, promised_s=10.0)
    check_length(SOURCE, held_s=11.0, promised_s=10.0)
    with pytest.raises(errors.AudioTruncated, match=r"a\.wav: .*promises 10\.0 s and it holds 9\.7 s"):
        check_length(SOURCE, held_s=9.7, promised_s=10.0)
