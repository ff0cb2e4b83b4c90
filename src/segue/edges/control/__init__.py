"""``segue switch``, ``rollback``, ``versions``, ``status``, ``history``: an operator and a running service.

Top to bottom: these five, one command each -> wanted (which model is meant) -> following (a change, to its end) ->
steps (what is shown of it) and outcome (what is said of its end); chronicle and table (what history and status look
like) and screen (where) -> figures (numbers as people read them); server (whom they all ask).
"""
