"""FunASR's front door: ``from funasr import AutoModel`` becomes ``from segue.edges.funasr import AutoModel``."""

from segue.service.automodel import AutoModel

__all__ = ["AutoModel"]
