"""The tab Detect: a recording in, its segments seen, heard, read and downloaded.

tab (the controls, and what they begin) -> asked (what they ask for) -> work (one recording on its way, step by step) ->
outcome (what is read of it), downloads (what is taken away of it), and the picture.
"""

from segue.edges.ui.detect.tab import build

__all__ = ["build"]
