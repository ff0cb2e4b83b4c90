"""``segue detect``: many inputs -> their results, in order. One edge of several nouns; ``command`` is its door.

Top to bottom: command (options) -> inputs (what is meant) -> run (all of them) -> crew (threads, order) -> task (one
input) -> remote (a service, if one is to find the speech: answer, outage) -> results (a directory of them) or document
(standard output) -> tally (counts) -> voice, display (what people see meanwhile).
"""
