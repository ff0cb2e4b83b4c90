"""A directory with FunASR's FSMN-VAD (``model.onnx`` or ``model.pt``, ``am.mvn``, ``config.yaml``) -> a Scorer."""

import os
from collections import defaultdict
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segue.errors import InferenceFailed, ModelIncomplete, ModelInvalid, one_line
from segue.models.fsmn_config import FsmnConfig, read_config
from segue.models.fsmn_graph import build
from segue.models.fsmn_int8 import is_int8, read_int8
from segue.models.fsmn_weights import FsmnWeights, read_checkpoint, read_export
from segue.speech.features import Frontend, Spectra, SpectrumStream, power_spectra
from segue.speech.rules import Rules
from segue.speech.scorer import Samples, ScoreStream, SilenceProbs

# ONNX Runtime reads this when it is imported, and would else keep a device ID in the home directory and send it and
# the interpreter's path to its makers. Who sets it to 0 gets that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

_BLOCK_FRAMES = 500
"""Frames scored in one run of the graph: activations stay in the cache (measured best at 500 to 1,000)."""


_NOTHING: SilenceProbs = np.empty(0, dtype=np.float32)


class FsmnScorer:
    """An FSMN-VAD ready to run on one thread a call. Immutable and thread-safe: any number of streams and threads."""

    def __init__(self, graph: bytes, frontend: Frontend, state_shape: tuple[int, int, int]) -> None:
        self.frontend = frontend
        self._session = session_of(graph)
        self._state_shape = state_shape
        layers, history, _ = state_shape
        # A frame sees ``layers * history`` frames back, LFR's neighbours on both sides, and the window of the last.
        reach = layers * history + 2 * frontend.lookahead_frames
        self._context_ms = reach * frontend.frame_shift_ms + frontend.frame_length_ms

    @property
    def sample_rate(self) -> int:
        """Hz of the samples that streams accept."""
        return self.frontend.sample_rate

    @property
    def frame_ms(self) -> int:
        """Milliseconds from one frame to the next."""
        return self.frontend.frame_shift_ms

    @property
    def context_ms(self) -> int:
        """Audio after which a new stream's probabilities equal, exactly, those of one that heard everything."""
        return self._context_ms

    def open(self) -> "FsmnStream":
        """A new stream at time 0."""
        return FsmnStream(self)

    def accept_many(self, streams: Sequence[ScoreStream], chunks: Sequence[Samples]) -> list[SilenceProbs]:
        """``[s.accept(c) …]`` for distinct streams of this scorer, in as few runs of the graph as lengths allow.

        When it fails no stream has moved: each may be tried again by itself.
        """
        own = [stream for stream in streams if isinstance(stream, FsmnStream) and stream.scorer is self]
        if len(own) != len(streams) or len(set(map(id, own))) != len(own) or len(chunks) != len(own):
            raise ValueError("accept_many takes distinct streams of this scorer and one chunk for each")
        return self.advance(own, chunks) if own else []

    def advance(self, streams: "Sequence[FsmnStream]", chunks: Sequence[Samples]) -> list[SilenceProbs]:
        """What ``accept_many`` does, block by block of what is longer; all streams move, or none."""
        before = [(stream.spectra.memory, stream.state) for stream in streams]
        step = _BLOCK_FRAMES * self.frontend.hop_samples
        longest = max(map(len, chunks))
        try:
            if longest <= step:
                return self._advance_block(streams, chunks)
            starts = range(0, longest, step)
            blocks = [self._advance_block(streams, [chunk[at : at + step] for chunk in chunks]) for at in starts]
        except BaseException:
            for stream, (spectra, state) in zip(streams, before, strict=True):
                stream.spectra.memory, stream.state = spectra, state
            raise
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def score(self, streams: "Sequence[FsmnStream]", rows: Sequence[Spectra]) -> list[SilenceProbs]:
        """Run the graph over each stream's rows and move its state; streams with as many rows share a run."""
        answers: list[SilenceProbs] = [_NOTHING] * len(streams)
        alike: dict[int, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            if len(row) > 2 * self.frontend.lookahead_frames:
                alike[len(row)].append(i)
        for members in alike.values():
            if len(members) == 1:
                (i,) = members
                power, state = rows[i][np.newaxis], streams[i].state[:, np.newaxis]
            else:
                power = np.stack([rows[i] for i in members])
                state = np.stack([streams[i].state for i in members], axis=1)
            p, state = self._run(power, state)
            for k, i in enumerate(members):
                answers[i] = p[k]
                # A view would keep the states of the whole batch alive.
                streams[i].state = state[:, k] if len(members) == 1 else state[:, k].copy()
        return answers

    def new_state(self) -> NDArray[np.float32]:
        """The memories of a stream that has heard nothing: zeros, float32 (layers, history, channels)."""
        return np.zeros(self._state_shape, dtype=np.float32)

    def _advance_block(self, streams: "Sequence[FsmnStream]", chunks: Sequence[Samples]) -> list[SilenceProbs]:
        runs = [stream.spectra.take(chunk) for stream, chunk in zip(streams, chunks, strict=True)]
        spectra = power_spectra(self.frontend, runs)
        return self.score(streams, [stream.spectra.rows(new) for stream, new in zip(streams, spectra, strict=True)])

    def _run(self, power: NDArray[np.float32], state: NDArray[np.float32]) -> tuple[SilenceProbs, NDArray[np.float32]]:
        try:
            p, state_out = self._session.run(None, {"power": power, "state": state})
        except Exception as error:  # ONNX Runtime's exceptions share no public base
            raise InferenceFailed(f"the FSMN-VAD graph failed: {one_line(error):.300}") from error
        if not isfinite(np.add.reduce(p, axis=None)):
            raise InferenceFailed("the FSMN-VAD graph returned NaN or infinite values: the model is damaged")
        return p, state_out


class FsmnStream:
    """All state of one audio stream: samples not yet framed, rows for LFR, the memories. One thread at a time."""

    def __init__(self, scorer: FsmnScorer) -> None:
        self.scorer = scorer
        self.spectra = SpectrumStream(scorer.frontend)
        self.state = scorer.new_state()

    def accept(self, samples: Samples) -> SilenceProbs:
        """Feed float32 (n,) at the model's rate; return p0 of the frames that they completed.

        When it fails the stream has not moved.
        """
        return self.scorer.advance([self], [samples])[0]

    def finish(self) -> SilenceProbs:
        """No audio follows: return p0 of the frames that waited for their right-hand neighbours."""
        nothing = np.empty((0, self.scorer.frontend.bins), dtype=np.float32)
        return self.scorer.score([self], [self.spectra.rows(nothing, last=True)])[0]


def load(directory: Path) -> tuple[FsmnScorer, Rules]:
    """Read a model directory: its scorer, and the rules of its ``config.yaml``.

    Raises ModelIncomplete, ModelInvalid, or ModelUnsupported for a configuration that Segue does not implement.
    """
    config = read_config(directory)
    weights = read_weights(directory, config.layers)
    _check_fit(config, weights, directory)
    graph = build(config.frontend, config.cmvn, weights, config.silence_classes)
    channels, taps = weights.blocks[0].memory.shape
    return FsmnScorer(graph, config.frontend, (len(weights.blocks), taps - 1, channels)), config.rules


def _same(export: FsmnWeights, checkpoint: FsmnWeights, directory: Path) -> FsmnWeights:
    """Whoever puts a fine-tuned checkpoint beside the old export means one of them, and cannot be asked which."""
    if not all(np.array_equal(a, b) for a, b in zip(export.arrays(), checkpoint.arrays(), strict=True)):
        raise ModelInvalid(f"{directory}: model.onnx and model.pt hold different weights: keep the one that is meant")
    return export


def _check_fit(config: FsmnConfig, weights: FsmnWeights, directory: Path) -> None:
    frontend, width, classes = config.frontend, len(weights.inputs[0].weight), len(weights.outputs[1].bias)
    if width != frontend.mel_bins * frontend.lfr_frames:
        raise ModelInvalid(
            f"{directory}: the network takes {width} features, its config.yaml makes "
            f"{frontend.mel_bins} x {frontend.lfr_frames}"
        )
    if max(config.silence_classes) >= classes:
        raise ModelInvalid(
            f"{directory}: sil_pdf_ids={list(config.silence_classes)!r:.80} in config.yaml, the network has {classes} "
            f"classes, from 0 to {classes - 1}"
        )


def session_of(graph: bytes) -> onnxruntime.InferenceSession:
    """The graph ready to run, one thread a call. Raises ModelInvalid."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # callers bring the threads; see scorer.py
    options.enable_mem_pattern = False  # it keeps a plan for every length ever seen
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no public base
        raise ModelInvalid(f"the FSMN-VAD graph cannot be prepared: {one_line(error):.300}") from error


def read_weights(directory: Path, layers: int) -> FsmnWeights:
    """Of ``model.onnx`` (an export, or Segue's int8 form of one) or ``model.pt``; of both, if they are the same.

    Raises ModelIncomplete, ModelInvalid, ModelUnsupported.
    """
    export, checkpoint = directory / "model.onnx", directory / "model.pt"
    if export.is_file() and is_int8(export):
        return read_int8(export, layers)
    if export.is_file() and checkpoint.is_file():
        return _same(read_export(export, layers), read_checkpoint(checkpoint, layers), directory)
    if export.is_file():
        return read_export(export, layers)
    if checkpoint.is_file():
        return read_checkpoint(checkpoint, layers)
    raise ModelIncomplete(f"{directory} has neither model.onnx nor model.pt: give a directory with a whole FSMN-VAD")
