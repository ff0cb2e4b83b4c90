"""``segue detect``: many inputs -> their results, in order. One edge of several nouns; ``command`` is its door.

Top to bottom: command (options, the run) -> inputs (what is meant) -> crew (threads, order) -> task (one input) ->
results (a directory of them) or document (standard output) -> tally (counts) -> display (what a terminal shows).
"""
