"""FunASR's front door."""

from pathlib import Path

from scripts.speech import Samples
from segue.edges.funasr import AutoModel


def test_code_for_funasr_changes_one_import(model_directory: Path, speech: Samples) -> None:
    """The lines of FunASR's own README, but for the first and the place of the model."""
    model = AutoModel(model=str(model_directory), model_revision=None)
    res = model.generate(input=speech)
    assert res[0]["value"]
    chunk_size = 200
    chunk_stride = int(chunk_size * 16_000 / 1000)
    cache: dict[str, object] = {}
    total_chunk_num = int((len(speech) - 1) / chunk_stride + 1)
    told = []
    for i in range(total_chunk_num):
        speech_chunk = speech[i * chunk_stride : (i + 1) * chunk_stride]
        is_final = i == total_chunk_num - 1
        res = model.generate(input=speech_chunk, cache=cache, is_final=is_final, chunk_size=chunk_size)
        if len(res[0]["value"]):
            told.append(res[0]["value"])
    assert told[0][0][1] == -1
    assert told[-1][-1][0] == -1
