"""The tab models: what serves, and what is to serve.

The browser asks once a second while somebody looks (``browser/models.js``), and gets the parts of the page that have
changed as HTML: tab (what the browser may call) -> lookout (one look at the service for all pages) -> a file a part
(serving, versions, change, rollout, charts, history, form), all of ``markup``. What somebody does goes to acts.
"""

from segue.edges.ui.models.tab import build

__all__ = ["build"]
