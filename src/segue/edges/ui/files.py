"""The page's own files: what runs in the browser."""

from importlib import resources


def text_of(name: str) -> str:
    """The content of a file of ``browser/``."""
    return (resources.files("segue.edges.ui") / "browser" / name).read_text(encoding="utf-8")
