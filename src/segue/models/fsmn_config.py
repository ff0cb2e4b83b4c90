"""What a directory says of its FSMN-VAD besides the weights: FunASR's ``config.yaml`` and Kaldi's ``am.mvn``.

Both are read as text of bounded size, and nothing in them runs. What asks for another front end, network or gate than
those that are implemented is refused by name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from segue.errors import InvalidParameter, ModelIncomplete, ModelInvalid, ModelUnsupported, one_line
from segue.models.fsmn_graph import Cmvn
from segue.speech.features import Frontend
from segue.speech.rules import PARAMETERS, Rules
from segue.speech.samples import MAX_RATE_HZ, MIN_RATE_HZ

_MOST_BYTES_OF_YAML = 64 << 10
"""An FSMN-VAD's has 1 to 2 KB. PyYAML takes seconds for a megabyte, minutes for 1:1:1:… (a number in base 60)."""

_MOST_BYTES_OF_MVN = 8 << 20  # an FSMN-VAD's has 8 KB
_MOST_FILTER_CELLS = 1 << 20  # an FSMN-VAD's mel filters are 257 x 80: without a limit, a config.yaml could ask for GB


@dataclass(frozen=True)
class FsmnConfig:
    """``layers`` and ``silence_classes`` (not empty) are yet to be held against the weights; the rest fits together."""

    frontend: Frontend
    cmvn: Cmvn
    rules: Rules
    layers: int
    silence_classes: tuple[int, ...]


def read_config(directory: Path) -> FsmnConfig:
    """Read ``config.yaml`` and ``am.mvn``.

    Raises ModelIncomplete, ModelInvalid, or ModelUnsupported for a configuration that Segue does not implement.
    """
    config = _read_yaml(directory / "config.yaml")
    frontend = _frontend(config, directory)
    decisions = config.get("model_conf", {})
    return FsmnConfig(
        frontend=frontend,
        cmvn=_read_cmvn(directory / "am.mvn", frontend.mel_bins * frontend.lfr_frames),
        rules=_rules(decisions, frontend, directory),
        layers=_whole("fsmn_layers", config.get("encoder_conf", {}).get("fsmn_layers", 4), (1, 64), directory),
        silence_classes=_silence_classes(decisions.get("sil_pdf_ids", [0]), directory),
    )


class _PlainLoader(yaml.SafeLoader):
    """Without aliases, by which a few lines can stand for gigabytes; no configuration of FunASR's has any."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not accepted: write out what they stand for")
        return super().compose_node(parent, index)


def _read_yaml(path: Path) -> Mapping[str, Any]:
    text = _read_text(path, encoding="utf-8", most_bytes=_MOST_BYTES_OF_YAML)
    try:
        config = yaml.load(text, _PlainLoader)
    except Exception as error:  # PyYAML lets out what int, float and date raise for text, and KeyError, AttributeError
        raise ModelInvalid(f"{path} cannot be read as YAML: {one_line(error):.300}") from error
    sections = ("frontend_conf", "encoder_conf", "model_conf")
    if not isinstance(config, dict) or not all(isinstance(config.get(name, {}), dict) for name in sections):
        raise ModelInvalid(f"{path} is not a FunASR configuration (a mapping with {', '.join(sections)})")
    kind = config.get("model", "FsmnVADStreaming")
    if kind != "FsmnVADStreaming":
        raise ModelUnsupported(f"{path} configures a {kind!r:.80}, not an FSMN-VAD (FsmnVADStreaming)")
    return config


def _frontend(config: Mapping[str, Any], directory: Path) -> Frontend:
    """Refuse what the front end would have to do otherwise; never run a model on features it was not trained on."""
    front, encoder = config.get("frontend_conf", {}), config.get("encoder_conf", {})
    fixed = {"window": "hamming", "dither": 0.0, "lfr_n": 1, "snip_edges": True, "upsacle_samples": True}  # sic
    fixed_encoder = {"rorder": 0, "lstride": 1}
    for given, wanted in ((front, fixed), (encoder, fixed_encoder)):
        for name, value in wanted.items():
            if given.get(name, value) != value:
                raise ModelUnsupported(f"{directory}: {name}={given[name]!r:.80} is not implemented; only {value!r} is")
    rate, length_ms, shift_ms, mels, stacked = (
        _whole(name, front.get(name, default), bounds, directory) for name, default, bounds in _FRONTEND_NUMBERS
    )
    if stacked % 2 == 0 or shift_ms > length_ms or rate * length_ms % 1000 or rate * shift_ms % 1000:
        raise ModelUnsupported(
            f"{directory}: frames of {length_ms} ms each {shift_ms} ms at {rate} Hz, {stacked} stacked, are not "
            "implemented; they must overlap, be whole samples long, and be stacked in an odd number"
        )
    frontend = Frontend(rate, length_ms, shift_ms, mels, stacked)
    if frontend.bins * mels > _MOST_FILTER_CELLS:
        raise ModelUnsupported(
            f"{directory}: {mels} mel bands over frames of {length_ms} ms at {rate} Hz make a matrix of "
            f"{frontend.bins} x {mels}, which is not implemented; at most {_MOST_FILTER_CELLS} numbers are"
        )
    return frontend


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


def _silence_classes(value: object, directory: Path) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise ModelInvalid(f"{directory}: sil_pdf_ids must be a list of classes, not {value!r:.80}")
    return tuple(_whole("sil_pdf_ids", one, (0, 1_000_000), directory) for one in value)


def _read_cmvn(path: Path, width: int) -> Cmvn:
    """Kaldi's nnet1 text form: <AddShift> … [ shifts ] <Rescale> … [ scales ]."""
    text = _read_text(path, encoding="ascii", most_bytes=_MOST_BYTES_OF_MVN)
    vectors = re.findall(r"\[([^\[\]]*)\]", text)
    try:
        shift, scale = (np.array(vector.split(), dtype=np.float64) for vector in vectors[-2:])
    except ValueError as error:
        raise ModelInvalid(f"{path} is not Kaldi's form of means and variances: {one_line(error):.300}") from error
    if shift.shape != (width,) or scale.shape != (width,):
        raise ModelInvalid(
            f"{path} has {shift.size} shifts and {scale.size} scales, the config.yaml beside it makes {width} features"
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


def _read_text(path: Path, *, encoding: str, most_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise ModelInvalid(f"{path} has more than {most_bytes} bytes: no FSMN-VAD needs as many")
        return content.decode(encoding)
    except FileNotFoundError as error:
        raise ModelIncomplete(
            f"{path} is missing: an FSMN-VAD directory has config.yaml, am.mvn and a model"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelInvalid(f"{path} cannot be read as text: {one_line(error):.300}") from error
