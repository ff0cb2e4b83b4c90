"""The composition root: the only place where hub, models, speech, swap and settings meet.

Top to bottom: service (what edges call) -> operations (changes under way) -> recordings, rounds (what is asked of
versions) -> lanes (the threads of each version), watch (calls that never come back) -> engine (what is replaced) ->
loading (a model's name to a detector). admission and rate (whether there is a place), access (who may), home, hearing
(the facts of audio, told to who counts) and status stand beside them.

What two edges need, and neither can have of the other, is here too: caller (who sent a request over ASGI), number_json
(samples as text), served_names (what protocols call a model), automodel (FunASR's calls, without a server).

Each name is loaded when it is first used: ``segue models list`` needs neither NumPy nor a switchboard.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segue.service.loading import fetch, load, store
    from segue.service.operations import Operation, Step
    from segue.service.recordings import Answer, Ask, Call
    from segue.service.service import Description, Removed, Service
    from segue.service.status import Status, VersionReport
    from segue.service.streams import LiveStream, Message, Policy, StreamAsk

__all__ = [
    "Answer",
    "Ask",
    "Call",
    "Description",
    "LiveStream",
    "Message",
    "Operation",
    "Policy",
    "Removed",
    "Service",
    "Status",
    "Step",
    "StreamAsk",
    "VersionReport",
    "fetch",
    "load",
    "store",
]

_HOMES = {
    "segue.service.loading": ("fetch", "load", "store"),
    "segue.service.operations": ("Operation", "Step"),
    "segue.service.recordings": ("Answer", "Ask", "Call"),
    "segue.service.service": ("Description", "Removed", "Service"),
    "segue.service.status": ("Status", "VersionReport"),
    "segue.service.streams": ("LiveStream", "Message", "Policy", "StreamAsk"),
}

if not TYPE_CHECKING:  # a type checker that saw this would believe that every name exists

    def __getattr__(name: str) -> object:
        for module, names in _HOMES.items():
            if name in names:
                globals()[name] = value = getattr(import_module(module), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
