"""Is a version on trial worse than the primary? Requests in, a verdict out; nothing here knows of routes or versions.

Read top to bottom: ``judge`` -> ``guard`` (what takes back at once), ``failures`` and ``slowness`` (what is shown) ->
``blocks`` (who is compared with whom), ``draws`` (by which chance), ``wealth`` (how evidence adds up) -> ``evidence``.
"""

from segue.swap.trial.evidence import Evidence, Fault, Side, per_audio_s
from segue.swap.trial.judge import Decision, Judge, Margins, Verdict

__all__ = ["Decision", "Evidence", "Fault", "Judge", "Margins", "Side", "Verdict", "per_audio_s"]
