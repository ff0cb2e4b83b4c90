"""The tab Compare: one recording, two setups, side by side.

Top to bottom: tab (the controls) -> side (what one of the two is asked) -> elsewhere (the recording in noise, made on
the spot) -> compared (two answers -> what differs, how far they agree) -> figures (that as HTML).
"""

from segue.edges.ui.compare.tab import build

__all__ = ["build"]
