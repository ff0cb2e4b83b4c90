"""Models in processes of their own: dead, out of memory or hung, they cost those who wait for them, and nobody else.

Read top to bottom: ``scorer`` (a Scorer that works elsewhere) -> ``host`` (any object that does) -> ``process`` (its
life and death, from outside), ``wire`` (messages); and inside of it ``child`` (the process's own program) -> ``desk``
(a scorer and its streams). ``output``: what it prints.
"""
