"""What FunASR's calls may say, and what becomes of it: it decides, it can do no harm, or it is refused by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from segue.errors import InvalidParameter
from segue.speech.parameters import IGNORED_PARAMETERS, Schedule
from segue.speech.samples import check_rate

DECIDING = (
    *("detect_mode", "max_end_silence_time", "max_start_silence_time", "max_single_segment_time", "window_size_ms"),
    *("sil_to_speech_time_thres", "speech_to_sil_time_thres", "speech_2_noise_ratio", "do_extend"),
    *("lookback_time_start_point", "lookahead_time_end_point", "speech_noise_thres"),
)
"""FunASR's decision parameters, as ``AutoModel(...)`` takes them."""

_IN_A_CALL = (
    *("cache", "chunk_size", "is_final", "is_streaming_input", "fs", "dynamic_silence", "silence_schedule"),
    *("max_end_silence_time", "speech_noise_thres", "data_type"),
)
"""What FunASR reads in ``generate(...)``; given to ``AutoModel(...)`` all but the first hold for every call."""

# Of what computes, reports or recognises: no segment depends on it.
_HARMLESS = frozenset({
    "disable_update", "disable_pbar", "disable_log", "log_level", "device", "ncpu", "seed", "check_latest",
    "trust_remote_code", "batch_size", "batch_size_s", "batch_size_threshold_s", "hotword",
    "language", "use_itn", "punc_model_revision", "vad_model_revision", "spk_model_revision",
    "return_raw_text", "ngpu", "model_path",
}) | IGNORED_PARAMETERS  # fmt: skip

# Other models, other numbers or other outputs: leaving them out silently would answer something else.
_OTHER = MappingProxyType({
    "vad_model": "this is the VAD; a recogniser takes its segments",
    "punc_model": "only fsmn-vad is here", "spk_model": "only fsmn-vad is here", "lm_model": "only fsmn-vad is here",
    "fp16": "the segments would change", "bf16": "the segments would change", "quantize": "see segue models quantize",
    "init_param": "pass the directory that holds the checkpoint as model=",
    "remote_code": "no code of others is run", "output_dir": "write the answer yourself",
    "output_frame_probs": "see segue.load(...).probabilities", "frontend_conf": "the model's own config.yaml counts",
    "model_conf": "give its parameters to AutoModel() by name",
})  # fmt: skip

_STREAMING_BELOW_MS = 15_000  # of chunk_size: what FunASR takes for a live stream unless told
_CHUNK_MS = 60_000  # what it cuts recordings into


@dataclass(frozen=True, slots=True)
class Ask:
    """One ``generate``, understood. ``asked``: the mode and parameters of decision."""

    asked: Mapping[str, Any]
    chunk_ms: int
    is_live: bool
    """Whether starts and ends are told as they come; else whole utterances."""
    is_final: bool
    sample_rate: int
    """Hz of arrays and raw PCM; files say their own."""
    cache: dict[str, Any] = field(default_factory=dict)


def checked(options: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Of the arguments of AutoModel() or generate(), those that FunASR reads. Raises InvalidParameter for others."""
    known = (*DECIDING, *_IN_A_CALL)
    for name, value in options.items():
        if name in _OTHER and value:
            raise InvalidParameter(f"{name} is not for {where} here: {_OTHER[name]}")
        if name not in known and name not in _HARMLESS and name not in _OTHER:
            raise InvalidParameter(f"{name} is not a parameter of {where}; those that decide are {', '.join(known)}")
    kept = {name: value for name, value in options.items() if name in known and value is not None}
    if kept.get("data_type", "sound") != "sound":
        raise InvalidParameter(f"data_type={kept['data_type']!r}: only sound is accepted")
    return kept


def idle(options: Mapping[str, Any]) -> list[str]:
    """The decision parameters that FunASR reads in AutoModel() alone, where a call gives them."""
    return [name for name in options if name in DECIDING and name not in _IN_A_CALL]


def understood(built: Mapping[str, Any], call: Mapping[str, Any]) -> Ask:
    """What a call asks for, over what the model was built with (both ``checked``). Raises InvalidParameter.

    As FunASR has it: the schedule of ``dynamic`` mode decides unless ``max_end_silence_time`` is given, and where the
    schedule decides, ``speech_noise_thres`` is 0.5 whatever is asked for.
    """
    said = {**built, **call}
    asked: dict[str, Any] = {name: said[name] for name in DECIDING if name in said}
    chunk_ms = _chunk_ms(said.get("chunk_size", _CHUNK_MS))
    asked["chunk_size"] = chunk_ms
    if said.get("dynamic_silence", "max_end_silence_time" not in said):
        asked["mode"] = "dynamic"
        asked.pop("speech_noise_thres", None)
        if "silence_schedule" in said:
            asked["silence_schedule"] = _schedule(said["silence_schedule"])
    else:
        asked["mode"] = "classic"
    is_live = bool(said.get("is_streaming_input", chunk_ms < _STREAMING_BELOW_MS))
    cache = said.get("cache")
    if cache is not None and not isinstance(cache, dict):
        raise InvalidParameter(f"cache is a {type(cache).__name__}: pass a dict, empty for a new stream")
    return Ask(
        asked,
        chunk_ms=chunk_ms,
        is_live=is_live,
        is_final=bool(said.get("is_final", not is_live)),
        sample_rate=check_rate(said.get("fs", 16_000), name="fs"),
        cache={} if cache is None else cache,
    )


def _chunk_ms(value: object) -> int:
    """FunASR's recipes for recognisers have lists here; a VAD has milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or not 10 <= value <= 3.6e6:
        raise InvalidParameter(f"chunk_size={value!r}: whole milliseconds from 10 to 3600000")
    return int(value)


def _schedule(value: object) -> Schedule | object:
    return tuple(tuple(pair) for pair in value) if isinstance(value, Sequence) and not isinstance(value, str) else value
