"""HTTP: requests in, answers of the service out. One edge of several nouns; ``app`` is its door.

Top to bottom: app (the routes together) -> request_id, leftover (around every request) -> health, detect, control (the
routes) -> access (who may) -> asks (query and headers) -> bodies (what is sent) -> form, upload (how, and where it is
kept) -> answers, reports (what goes out) -> errors (what goes wrong) -> schemas (the forms of all of it).
"""
