"""A model ID in, a serving version out: standard library only, generic in the model type.

Read in this order: ``spec`` (what is to be run), ``lifecycle`` (the states of a version), ``route`` (which version
answers whom), ``switchboard`` (the one mutable object), ``journal`` (what survives the process). For a gradual release:
``plan`` -> ``progress`` (what is allowed next) -> ``rollout`` (one of them) -> ``runner``; ``trial`` judges.
"""

from segue.swap.change import Change
from segue.swap.entry import Entry, Kind
from segue.swap.events import Event, FellBack, Outcome, Refused, Released, Switched, Transitioned
from segue.swap.health import Figures, Health
from segue.swap.journal import Journal
from segue.swap.lease import Lease
from segue.swap.lifecycle import State
from segue.swap.plan import Plan, plan_of, seconds_of
from segue.swap.restore import CLEAN_END, Mark, Restored, last_mark, restore
from segue.swap.rollout import RolloutReport
from segue.swap.route import Route
from segue.swap.runner import Runner
from segue.swap.snapshot import Snapshot, VersionStatus
from segue.swap.spec import ModelSpec, Options, Resolved, VersionId, option_of
from segue.swap.switchboard import Switchboard

__all__ = [
    "CLEAN_END",
    "Change",
    "Entry",
    "Event",
    "FellBack",
    "Figures",
    "Health",
    "Journal",
    "Kind",
    "Lease",
    "Mark",
    "ModelSpec",
    "Options",
    "Outcome",
    "Plan",
    "Refused",
    "Released",
    "Resolved",
    "Restored",
    "RolloutReport",
    "Route",
    "Runner",
    "Snapshot",
    "State",
    "Switchboard",
    "Switched",
    "Transitioned",
    "VersionId",
    "VersionStatus",
    "last_mark",
    "option_of",
    "plan_of",
    "restore",
    "seconds_of",
]
