"""FunASR's ``AutoModel`` for FSMN-VAD, over Segue: for code that is written for FunASR or ModelScope.

options (what the calls may say) and inputs (what they may be given) -> take (one recording or stream) -> model.
"""

from segue.service.automodel.model import AutoModel

__all__ = ["AutoModel"]
