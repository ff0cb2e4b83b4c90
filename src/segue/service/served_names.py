"""By which names protocols call what serves.

The service has a name of its own, the setting ``model``: whatever serves answers to it, so that a client's address
stays the same when the model is replaced. What serves answers to its model ID too, and to its other names.
"""

import os
from typing import TYPE_CHECKING

from segue.errors import ModelNotFound
from segue.hub import CATALOG
from segue.speech.names import printable, shown

if TYPE_CHECKING:
    from segue.service.service import Service


def own_name(service: "Service") -> str:
    """The name of the service; of a directory the last part."""
    model = service.settings.model
    return model if CATALOG.lookup(model) or not os.path.isdir(os.path.expanduser(model)) else _last(model)


def served_names(service: "Service") -> tuple[str, ...]:
    """All that it answers to now, its own first."""
    names = [own_name(service)]
    if (route := service.board.route) is not None:
        names += names_of(service.board.snapshot()[route.primary].resolved.spec.model_id)
    return tuple(dict.fromkeys(names))


def names_of(model_id: str) -> tuple[str, ...]:
    """A model's ID, and its other names where they are known."""
    known = CATALOG.lookup(model_id)
    return known.names if known else (model_id,)


def check_served(service: "Service", name: str) -> None:
    """Raises ModelNotFound for a name that nothing answers to."""
    names = served_names(service)
    if name not in names:
        raise ModelNotFound(f"no model {shown(name)} is served; {', '.join(map(printable, names))} is")


def model_of(service: "Service", name: str) -> str:
    """The model that a name stands for when it is to be loaded: its own is that of the settings."""
    model = service.settings.model
    if name != own_name(service):
        return name
    return model if CATALOG.lookup(model) or name == model else os.path.abspath(os.path.expanduser(model))


def _last(path: str) -> str:
    return os.path.basename(os.path.abspath(os.path.expanduser(path)))
