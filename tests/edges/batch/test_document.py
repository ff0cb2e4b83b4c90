"""Results on standard output."""

import io
import json
import sys

import pytest

from segue.edges.batch.document import Document
from segue.errors import OutputError
from segue.speech.formats import FORMATS


class _Full(io.RawIOBase):
    """Takes nothing."""

    def __init__(self, error: OSError) -> None:
        self._error = error

    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise self._error


@pytest.mark.parametrize("inputs", [[], [["1"]], [["1", "2"], [], ["3"]]])
def test_a_document_is_whole_from_none_to_many_inputs(
    inputs: list[list[str]], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Items of any number of inputs make one JSON document, each written as it comes."""
    document = Document(FORMATS["json"], None)
    seen = b""
    for items in inputs:
        document.write(items)
        part = capsysbinary.readouterr().out
        assert bool(part) == bool(items)
        seen += part
    document.close()
    found = json.loads(seen + capsysbinary.readouterr().out)
    assert found == [int(item) for items in inputs for item in items]


def test_output_that_takes_no_more_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an OutputError that says what to do; a reader that left is told as it is."""
    for error, wanted in ((OSError(28, "No space left on device"), OutputError), (BrokenPipeError(), BrokenPipeError)):
        full = io.BufferedWriter(_Full(error), 1)
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(full))
        with pytest.raises(wanted):
            Document(FORMATS["jsonl"], None).write(["some text\n"])
        full.detach()  # else it tries once more when it goes
