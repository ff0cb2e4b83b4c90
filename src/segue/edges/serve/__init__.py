"""``segue serve``: the process of a service. One edge of several nouns; ``command`` is its door.

Top to bottom: command (options; the process, its start and its end) -> connection, websocket (an end to every wait, and
a bound on what is held for a client) -> refusal (what they answer where no app is asked).
"""
