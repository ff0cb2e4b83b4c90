"""``GET /metrics`` for Prometheus: one edge of several nouns; ``router`` is its door.

Top to bottom: router (the address, and who may) -> counts (what has happened, fed by events), answers (what HTTP
answered), moment (what is at this moment, asked at each scrape) -> labels (the few values that a label may have),
reasons (of going back). docs/metrics.md lists every metric.
"""
