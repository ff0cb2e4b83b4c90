"""Names that come from outside: model IDs, revisions, file names. What passes here is safe as one part of a path.

Nothing else in the hub looks at a name's characters, so a ``..``, a NUL or a backslash is stopped here or nowhere.
"""

import re

from segue.errors import InvalidModelID

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+/-]{0,127}", re.ASCII)  # a git branch may hold a slash

ON_HUGGING_FACE = "hf:"  # begins the ID of a model there; an ID without is ModelScope's
MOVING_NAMES = frozenset({"master", "main", "latest", "head", "HEAD", "dev", "develop"})
ACCEPTED = "OWNER/NAME[@REVISION] (hf:OWNER/NAME on Hugging Face), a known alias such as fsmn-vad, or a directory"

# What may be written, hf:// as Hugging Face's own tools have it, and how the ID begins then.
_HUBS = {"hf://": ON_HUGGING_FACE, "hf:": ON_HUGGING_FACE, "huggingface:": ON_HUGGING_FACE, "modelscope:": ""}


def is_plain_name(text: str) -> bool:
    """Whether ``text`` is one harmless part of a path: ASCII, no separator, no leading dot or dash."""
    return _PART.fullmatch(text) is not None


def is_revision(text: str) -> bool:
    """Whether ``text`` can be a git tag, branch or commit that is also safe to make a file name of."""
    return _REVISION.fullmatch(text) is not None and ".." not in text and "//" not in text and not text.endswith("/")


def names_hub(text: str) -> bool:
    """Whether ``text`` begins with the name of a hub: then it is no directory and no alias."""
    return text.strip().startswith(tuple(_HUBS))


def check_model_id(text: str) -> tuple[str, str]:
    """Split ``owner/name``; of a model on Hugging Face the owner begins with ``hf:``, which nothing else can.

    Raises InvalidModelID for everything else.
    """
    owner, slash, name = text.partition("/")
    if not (slash and is_plain_name(owner.removeprefix(ON_HUGGING_FACE)) and is_plain_name(name)):
        raise InvalidModelID(f"{text!r} is not a model ID: accepted is {ACCEPTED}")
    return owner, name


def check_revision(text: str) -> str:
    """Return ``text`` if it can be a revision. Raises InvalidModelID."""
    if not is_revision(text):
        raise InvalidModelID(f"{text!r} is not a revision: accepted is a tag, a branch or a commit, such as v2.0.4")
    return text


def parse_model(text: str) -> tuple[str, str | None]:
    """Split ``ID`` or ``ID@REVISION``, where ID is ``owner/name`` or a single word (an alias, not looked up here).

    ``owner/name`` may have a hub before it. The ID that is answered begins with ``hf:`` for Hugging Face and with
    nothing for ModelScope. Raises InvalidModelID when the text is neither.
    """
    model_id, at, revision = text.strip().partition("@")
    hub = next((hub for hub in _HUBS if model_id.startswith(hub)), "")
    if hub or "/" in model_id:
        bare = model_id.removeprefix(hub)
        model_id = _HUBS.get(hub, "") + ("" if hub and names_hub(bare) else bare)  # one hub, not two
        check_model_id(model_id)
    elif not is_plain_name(model_id):
        raise InvalidModelID(f"{text!r} is not a model: accepted is {ACCEPTED}")
    return model_id, check_revision(revision) if at else None
