"""Model ID @ revision -> verified, immutable directory. Nothing here touches the network until something is pulled."""

from segue.hub.catalog import CATALOG, Catalog, KnownModel
from segue.hub.kept import keep
from segue.hub.layout import Layout
from segue.hub.names import names_hub, parse_model
from segue.hub.newest import Newest, newest
from segue.hub.resolved import ModelFile, ResolvedModel
from segue.hub.resolver import resolve
from segue.hub.store import Problem, Store

__all__ = [
    "CATALOG",
    "Catalog",
    "KnownModel",
    "Layout",
    "ModelFile",
    "Newest",
    "Problem",
    "ResolvedModel",
    "Store",
    "keep",
    "names_hub",
    "newest",
    "parse_model",
    "resolve",
]
