"""The tab live."""

import gradio

from segue.edges.ui.room import Room


def build(room: Room, tab: gradio.Tab) -> None:
    """Fill the tab."""
    del room, tab
