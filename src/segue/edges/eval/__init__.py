"""``segue eval`` and ``segue tune``: how well labelled recordings are detected, and with which parameters better.

Top to bottom: command, tune (the commands) -> options, setups (what is asked for) -> folders (which files) -> hearing
(recordings scored) -> report, tables (what is printed). ``voice``: what is said meanwhile. All that is computed is in
``segue.accuracy``.
"""
