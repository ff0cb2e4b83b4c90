"""The page's own files: what runs in the browser, and where what is made for a visitor lies."""

import secrets
from importlib import resources
from pathlib import Path

from gradio.utils import get_upload_folder

_SECRET = 16


def text_of(name: str) -> str:
    """The content of a file of ``browser/``."""
    return (resources.files("segue.edges.ui") / "browser" / name).read_text(encoding="utf-8")


def fresh_folder() -> Path:
    """A new folder, under a name that nobody can guess, among Gradio's files, which it deletes in their time."""
    folder = Path(get_upload_folder()) / secrets.token_hex(_SECRET)
    folder.mkdir(parents=True)
    return folder
