"""A directory with FunASR's FSMN-VAD (``model.onnx`` or ``model.pt``, ``am.mvn``, ``config.yaml``) -> a Scorer."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import yaml
from numpy.typing import NDArray

from segue.errors import InferenceFailed, InvalidParameter, ModelIncomplete, ModelInvalid, ModelUnsupported
from segue.models.fsmn_graph import Cmvn, build
from segue.models.fsmn_weights import FsmnWeights, read_checkpoint, read_export
from segue.speech.features import Frontend, Spectra, SpectrumStream, power_spectra
from segue.speech.rules import PARAMETERS, Rules
from segue.speech.samples import MAX_RATE_HZ, MIN_RATE_HZ
from segue.speech.scorer import Samples, ScoreStream, SilenceProbs

_BLOCK_FRAMES = 500
"""Frames scored in one run of the graph: activations stay in the cache (measured best at 500 to 1,000)."""


_NOTHING: SilenceProbs = np.empty(0, dtype=np.float32)


class FsmnScorer:
    """An FSMN-VAD ready to run on one thread a call. Immutable and thread-safe: any number of streams and threads."""

    def __init__(self, graph: bytes, frontend: Frontend, state_shape: tuple[int, int, int]) -> None:
        self.frontend = frontend
        self._session = _session(graph)
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
                answers[i], streams[i].state = p[k], state[:, k]
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
            raise InferenceFailed(f"the FSMN-VAD graph failed: {_line(error)}") from error
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
    config = _read_config(directory / "config.yaml")
    frontend = _frontend(config, directory)
    given_layers = config.get("encoder_conf", {}).get("fsmn_layers", 4)
    weights = _read_weights(directory, _whole("fsmn_layers", given_layers, (1, 64), directory))
    layers, (channels, taps) = len(weights.blocks), weights.blocks[0].memory.shape
    width = weights.inputs[0].weight.shape[0]
    if width != frontend.mel_bins * frontend.lfr_frames:
        raise ModelInvalid(
            f"{directory}: the network takes {width} features, its config.yaml makes "
            f"{frontend.mel_bins} x {frontend.lfr_frames}"
        )
    decisions = config.get("model_conf", {})
    silence_classes = decisions.get("sil_pdf_ids", [0])
    classes = len(weights.outputs[1].bias)
    if not isinstance(silence_classes, list) or not silence_classes:
        raise ModelInvalid(f"{directory}: sil_pdf_ids must be a list of classes, not {silence_classes!r}")
    for silence_class in silence_classes:
        _whole("sil_pdf_ids", silence_class, (0, classes - 1), directory)
    graph = build(frontend, _read_cmvn(directory / "am.mvn", width), weights, silence_classes)
    return FsmnScorer(graph, frontend, (layers, taps - 1, channels)), _rules(decisions, frontend, directory)


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # callers bring the threads; see scorer.py
    options.enable_mem_pattern = False  # it keeps a plan for every length ever seen
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no public base
        raise ModelInvalid(f"the FSMN-VAD graph cannot be prepared: {_line(error)}") from error


def _read_weights(directory: Path, layers: int) -> FsmnWeights:
    export, checkpoint = directory / "model.onnx", directory / "model.pt"
    if export.is_file():
        return read_export(export, layers)
    if checkpoint.is_file():
        return read_checkpoint(checkpoint, layers)
    raise ModelIncomplete(f"{directory} has neither model.onnx nor model.pt: give a directory with a whole FSMN-VAD")


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelIncomplete(
            f"{path} is missing: an FSMN-VAD directory has config.yaml, am.mvn and a model"
        ) from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # ValueError: not UTF-8, or 2024-13-32
        raise ModelInvalid(f"{path} cannot be read as YAML: {_line(error)}") from error
    sections = ("frontend_conf", "encoder_conf", "model_conf")
    if not isinstance(config, dict) or not all(isinstance(config.get(name, {}), dict) for name in sections):
        raise ModelInvalid(f"{path} is not a FunASR configuration (a mapping with {', '.join(sections)})")
    kind = config.get("model", "FsmnVADStreaming")
    if kind != "FsmnVADStreaming":
        raise ModelUnsupported(f"{path} configures a {kind}, not an FSMN-VAD (FsmnVADStreaming)")
    return config


def _frontend(config: Mapping[str, Any], directory: Path) -> Frontend:
    """Refuse what the front end would have to do otherwise; never run a model on features it was not trained on."""
    front, encoder = config.get("frontend_conf", {}), config.get("encoder_conf", {})
    fixed = {"window": "hamming", "dither": 0.0, "lfr_n": 1, "snip_edges": True, "upsacle_samples": True}  # sic
    fixed_encoder = {"rorder": 0, "lstride": 1}
    for given, wanted in ((front, fixed), (encoder, fixed_encoder)):
        for name, value in wanted.items():
            if given.get(name, value) != value:
                raise ModelUnsupported(f"{directory}: {name}={given[name]!r} is not implemented; only {value!r} is")
    rate, length_ms, shift_ms, mels, stacked = (
        _whole(name, front.get(name, default), bounds, directory) for name, default, bounds in _FRONTEND_NUMBERS
    )
    if stacked % 2 == 0 or shift_ms > length_ms or rate * length_ms % 1000 or rate * shift_ms % 1000:
        raise ModelUnsupported(
            f"{directory}: frames of {length_ms} ms each {shift_ms} ms at {rate} Hz, {stacked} stacked, are not "
            "implemented; they must overlap, be whole samples long, and be stacked in an odd number"
        )
    return Frontend(rate, length_ms, shift_ms, mels, stacked)


# Name in frontend_conf, FunASR's default, what is accepted.
_FRONTEND_NUMBERS = (
    ("fs", 16_000, (MIN_RATE_HZ, MAX_RATE_HZ)),
    ("frame_length", 25, (1, 1_000)),
    ("frame_shift", 10, (1, 1_000)),
    ("n_mels", 80, (1, 1_000)),
    ("lfr_m", 1, (1, 99)),
)


def _whole(name: str, value: object, bounds: tuple[int, int], directory: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not bounds[0] <= value <= bounds[1]:
        raise ModelInvalid(
            f"{directory}: {name}={value!r:.80} in config.yaml must be a whole number from {bounds[0]} to {bounds[1]}"
        )
    return value


def _read_cmvn(path: Path, width: int) -> Cmvn:
    """Kaldi's nnet1 text form: <AddShift> … [ shifts ] <Rescale> … [ scales ]."""
    try:
        vectors = re.findall(r"\[([^\]]*)\]", path.read_text(encoding="ascii"))
        shift, scale = (np.array(text.split(), dtype=np.float64) for text in vectors[-2:])
    except FileNotFoundError as error:
        raise ModelIncomplete(
            f"{path} is missing: an FSMN-VAD directory has config.yaml, am.mvn and a model"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelInvalid(f"{path} cannot be read as a Kaldi mean and variance file: {_line(error)}") from error
    if shift.shape != (width,) or scale.shape != (width,):
        raise ModelInvalid(
            f"{path} has {shift.size} shifts and {scale.size} scales, the network takes {width} features"
        )
    if not np.isfinite([shift, scale]).all():
        raise ModelInvalid(f"{path} holds NaN or infinite values")
    return Cmvn(shift, scale)


def _rules(decisions: Mapping[str, Any], frontend: Frontend, directory: Path) -> Rules:
    for gate in ("decibel_thres", "snr_thres"):
        value = decisions.get(gate, -100)
        if not isinstance(value, int | float) or not value <= -100:
            raise ModelUnsupported(
                f"{directory}: {gate}={value!r:.80} asks for a loudness gate, which is not implemented; "
                "set it to -100, its value in FunASR's own models"
            )
    known = set(PARAMETERS)
    window_hops = -(-(frontend.frame_length_ms - frontend.frame_shift_ms) // frontend.frame_shift_ms)
    facts = {"frame_ms": frontend.frame_shift_ms, "schedule_lag_frames": window_hops + frontend.lookahead_frames}
    own = {name: value for name, value in decisions.items() if name in known}
    try:
        return Rules.of(own, **facts)
    except InvalidParameter as error:
        raise ModelInvalid(f"{directory}: config.yaml: {error}") from error


def _line(error: Exception) -> str:
    """What a third party says, on one line."""
    return " ".join(str(error).split())
