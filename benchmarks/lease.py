"""What a request pays for being replaceable: its route looked up, a lease taken and returned, and the books kept."""

import threading
from functools import partial

from benchmarks.clock import Measure, by_turns, wall_s
from benchmarks.table import Table, verdict
from segue.swap.health import Health
from segue.swap.route import Route
from segue.swap.spec import ModelSpec, Resolved
from segue.swap.switchboard import Switchboard

THREADS = 16
WANTED_US = {"one thread": 20.0, f"{THREADS} threads": 40.0}


def measure(*, operations: int, rounds: int) -> Table:
    """Wall time over the operations of all threads; the model is no model."""
    boards = {"one version": _board(canary_share=0.0), "half to a canary": _board(canary_share=0.5)}
    contenders: dict[str, Measure] = {}
    for route, board in boards.items():
        contenders[f"one thread, {route}"] = partial(_us, board, 1, operations)
        contenders[f"{THREADS} threads, {route}"] = partial(_us, board, THREADS, operations)
    costs = by_turns(contenders, rounds=rounds)
    rows = [(name, f"{cost:.1f}") for name, cost in costs.items()]
    notes = []
    for threads, wanted in WANTED_US.items():
        most = max(cost.median for name, cost in costs.items() if name.startswith(threads))
        notes.append(verdict(f"microseconds, {threads}", most, wanted=f"under {wanted:g}", good=most < wanted))
    title = f"Lease, route and bookkeeping: wall time an operation, {operations:,} operations, {rounds} rounds"
    return Table(title, ("", "µs"), rows, notes)


def _board(*, canary_share: float) -> Switchboard[object]:
    """Listened to by the window that the service keeps of each version."""
    board = Switchboard(lambda _: object())
    board.listen(Health().hear)
    primary, canary = (board.add(Resolved(ModelSpec(name), name)) for name in ("old", "new"))
    for version in (primary, canary):
        board.prepare(version)
    board.switch(Route(primary, canary if canary_share else None, canary_share))
    return board


def _us(board: Switchboard[object], threads: int, operations: int) -> float:
    each = operations // threads
    workers = [threading.Thread(target=_lease, args=(board, each)) for _ in range(threads)]

    def work() -> None:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return wall_s(work) / (each * threads) * 1e6


def _lease(board: Switchboard[object], operations: int) -> None:
    for number in range(operations):
        with board.lease(str(number)) as lease:
            lease.weight = 9.0
