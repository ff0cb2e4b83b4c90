"""How often the judge takes back what is no worse, and how soon what is: many rollouts in simulated time.

``python -m benchmarks.judge`` prints the tables, ``--write`` puts them into docs/rollouts.md. Beside it, on the same
requests, what is often used instead: a fixed threshold, and Mann-Whitney looked at again and again.
"""

import argparse
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from benchmarks.table import ROOT, Table, document, surroundings, verdict, write
from segue.swap.trial.evidence import Evidence, Fault, Side
from segue.swap.trial.judge import BETA, Decision, Judge, Margins

PAGE = ROOT / "docs" / "rollouts.md"
REQUESTS = 10_000
SIGMA = 0.5  # of the logarithm of latency
KEYS = 20
LOOK = 50  # requests on trial between two looks of Mann-Whitney
MOST_TAKEN_BACK, LEAST_CAUGHT = 0.01, 0.9
KINDS = {
    "independent": "each request fails by itself",
    "input": "an input fails on both versions or on neither",
    "heavy": "20 keys, the busiest with 28 % of all requests, each with an error rate and a latency of its own",
}


@dataclass(frozen=True, slots=True)
class World:
    """What a rollout meets. ``base`` and ``on_trial``: the parts of requests that fail; ``ratio``: of latencies."""

    kind: str
    share: float
    base: float
    on_trial: float
    ratio: float = 1.0
    requests: int = REQUESTS


@dataclass(frozen=True, slots=True)
class Requests:
    """One of each a request, in the order in which they end; ``keys`` are "" where each request is its own."""

    keys: Sequence[str]
    on_trial: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    pace: NDArray[np.float64]

    @staticmethod
    def of(world: World, seed: int) -> "Requests":
        """Drawn anew; the load makes all latencies rise and fall by a factor of 1.6 within an hour."""
        draw, count = np.random.default_rng(seed), world.requests
        rates, level, number, names = np.ones(count), np.zeros(count), draw.random(count), [""] * count
        if world.kind == "heavy":
            weights = 1 / np.arange(1, KEYS + 1)
            keys = draw.choice(KEYS, count, p=weights / weights.sum())
            rates, level, number = (
                draw.exponential(1, KEYS)[keys],
                draw.normal(0, SIGMA, KEYS)[keys],
                draw.random(KEYS)[keys],
            )
            names = [str(key) for key in keys.tolist()]
        on_trial = number < world.share
        here = np.minimum(rates * np.where(on_trial, world.on_trial, world.base), 0.9)
        there = np.minimum(rates * np.where(on_trial, world.base, world.on_trial), 0.9)
        failed = draw.random(count) < here
        other = failed if world.kind == "input" else draw.random(count) < there
        load = 0.5 * np.sin(np.arange(count) / 600)
        pace = 0.02 * np.exp(draw.normal(0, SIGMA, count) + level + load) * np.where(on_trial, world.ratio, 1.0)
        return Requests(names, on_trial, failed, failed & other & on_trial, pace)

    def evidence(self) -> Iterator[Evidence]:
        """A tenth of a second apart. Whether a failure was shared is known of those on trial: they are asked again."""
        columns = (self.on_trial.tolist(), self.failed.tolist(), self.shared.tolist(), self.pace.tolist())
        for number, (key, on_trial, failed, shared, pace) in enumerate(zip(self.keys, *columns, strict=True)):
            side, fault = Side.TRIAL if on_trial else Side.PRIMARY, Fault.RAISED if failed else None
            yield Evidence(side, key, number / 10, fault, shared, None if failed else pace, str(number))


@dataclass(frozen=True, slots=True)
class Outcome:
    """At which request on trial it was taken back, and said to be no worse; 0: never."""

    worse: int = 0
    by: str = ""
    no_worse: int = 0


def judged(world: World, seed: int) -> Outcome:
    """By the judge, who is looked at after every request that can change what he says."""
    judge, trials, no_worse = Judge(share=world.share), 0, 0
    for evidence in Requests.of(world, seed).evidence():
        on_trial = evidence.side is Side.TRIAL
        trials += on_trial
        judge.accept(evidence)
        if judge.is_worse:
            why = judge.verdict().why
            by = "failures" if why.startswith("worse by failures") else "latency" if "by latency" in why else "guard"
            return Outcome(trials, by, no_worse)
        if not no_worse and on_trial and trials % 10 == 0 and judge.verdict().decision is Decision.NO_WORSE:
            no_worse = trials
    return Outcome(0, "", no_worse)


def by_threshold(world: World, seed: int) -> Outcome:
    """2 points more failures than the primary's, or 1.25 times its mean latency, from 50 requests on trial on."""
    requests, margins = Requests.of(world, seed), Margins()
    trial, primary = requests.on_trial, ~requests.on_trial
    trials, primaries = np.cumsum(trial), np.maximum(np.cumsum(primary), 1)
    failed = requests.failed & ~requests.shared
    more = np.cumsum(failed & trial) / np.maximum(trials, 1) - np.cumsum(failed & primary) / primaries
    slower = (
        np.cumsum(requests.pace * trial) / np.maximum(trials, 1) * primaries / np.cumsum(requests.pace * primary + 1e-9)
    )
    hit = np.flatnonzero((trials >= 50) & ((more > margins.failures) | (slower > margins.latency)))
    return Outcome(int(trials[hit[0]]), "threshold") if hit.size else Outcome()


def by_mann_whitney(world: World, seed: int) -> Outcome:
    """p under 0.01 at any of the looks, of latencies or of failures: all requests so far, after every 50 on trial."""
    requests = Requests.of(world, seed)
    trials = np.cumsum(requests.on_trial)
    for look in range(LOOK, int(trials[-1]) + 1, LOOK):
        until = int(np.searchsorted(trials, look)) + 1
        trial, failed = requests.on_trial[:until], (requests.failed & ~requests.shared)[:until]
        for values in (requests.pace[:until], failed.astype(float)):
            if mannwhitneyu(values[trial], values[~trial], alternative="greater", method="asymptotic").pvalue < 0.01:
                return Outcome(look, "Mann-Whitney")
    return Outcome()


RIVALS: dict[str, Callable[[World, int], Outcome]] = {"fixed threshold": by_threshold, "Mann-Whitney": by_mann_whitney}
Run = Callable[[Callable[[World, int], Outcome], World, int], list[Outcome]]


def run_with(executor: Executor) -> Run:
    """Rollouts on the cores there are; seeds are 0, 1, 2, …"""

    def run(judge: Callable[[World, int], Outcome], world: World, rollouts: int) -> list[Outcome]:
        return list(executor.map(partial(judge, world), range(rollouts), chunksize=max(1, rollouts // 64)))

    return run


def part(outcomes: Sequence[Outcome], within: int = 0) -> float:
    """Of rollouts that were taken back, within so many requests on trial if that is not 0."""
    return sum(0 < outcome.worse <= (within or outcome.worse) for outcome in outcomes) / len(outcomes)


def false_alarms(run: Run, rollouts: int, *, shares: Sequence[float] = (0.1, 0.5)) -> Table:
    """Two versions that are the same."""
    rows, most, rivals = [], 0.0, max(rollouts // 10, 20)
    for kind, share, base in ((kind, share, base) for kind in KINDS for share in shares for base in (0.001, 0.05)):
        world = World(kind, share, base, base)
        outcomes = run(judged, world, rollouts)
        taken = part(outcomes)
        most = max(most, taken)
        by = [
            f"{100 * sum(each.by == name for each in outcomes) / rollouts:.2f}"
            for name in ("guard", "failures", "latency")
        ]
        others = [f"{100 * part(run(rival, world, rivals)):.0f}" for rival in RIVALS.values()]
        rows.append((kind, f"{share:.0%}", f"{base:.1%}", f"**{100 * taken:.2f}**", " / ".join(by), *others))
    columns = (
        "errors",
        "on trial",
        "fail",
        "taken back, %",
        "by guard / failures / latency",
        *(f"{name}, %" for name in RIVALS),
    )
    good = most <= MOST_TAKEN_BACK
    slack = 196 * math.sqrt(MOST_TAKEN_BACK * (1 - MOST_TAKEN_BACK) / rollouts)
    notes = [
        verdict("percent taken back, at most", 100 * most, wanted="at most 1, however often one looks", good=good),
        f"{rollouts:,} rollouts a row ({rivals} of the rivals), {REQUESTS:,} requests each, looked at after each one; "
        f"a rate of 1 % would be seen as 1 ± {slack:.2f}. "
        + "; ".join(f"*{kind}*: {words}" for kind, words in KINDS.items())
        + ". The guard begins without having seen the primary, which is its hardest start.",
    ]
    return Table("Two versions that are equal: how many rollouts are ever taken back", columns, rows, notes)


def detection(run: Run, rollouts: int) -> Table:
    """A version that is worse."""
    rows, notes = [], []
    errors, slow = World("independent", 0.0, 0.01, 0.05), World("independent", 0.0, 0.001, 0.001, 1.5)
    cases = [(errors, share, 800 if share == 0.5 else 400) for share in (0.01, 0.05, 0.1, 0.5)]
    cases += [(slow, share, 500) for share in (0.01, 0.1, 0.5)]
    for world, share, within in cases:
        count = max(rollouts // 5, 20) if share < 0.05 else rollouts
        long = int(1.2 * within / share + 400)
        outcomes = run(judged, replace(world, share=share, requests=long), count)
        caught = part(outcomes, within)
        middle, late = (_requests(outcomes, quantile) for quantile in (0.5, 0.9))
        what = "1 % to 5 % errors" if world.ratio == 1 else "1.5 times the latency"
        rows.append((what, f"{share:.0%}", f"{within}", f"**{100 * caught:.1f}**", middle, late))
        if caught < LEAST_CAUGHT:
            notes.append(
                verdict(f"percent caught, {what}, {share:.0%}", 100 * caught, wanted="at least 90", good=False)
            )
    columns = ("worse by", "on trial", "within requests on trial", "caught, %", "half are by", "nine in ten by")
    notes = notes or ["Met: each is caught within its requests in 90 % of the rollouts or more."]
    notes.append(f"{rollouts:,} rollouts a row, a fifth of it at 1 %; latency is log-normal with sigma {SIGMA}.")
    return Table("A version that is worse: how soon it is taken back", columns, rows, notes)


def _requests(outcomes: Sequence[Outcome], quantile: float) -> str:
    ordered = sorted(outcome.worse or math.inf for outcome in outcomes)
    value = ordered[math.ceil(quantile * len(ordered)) - 1]
    return "never" if math.isinf(value) else f"{value:.0f}"


def waiting(run: Run, rollouts: int) -> Table:
    """How long it is not enough yet."""
    rows, most = [], 0.0
    good = [World("independent", share, base, base) for base in (0.0, 0.001, 0.01, 0.05) for share in (0.1, 0.5)]
    margins = Margins()
    bad = [
        World("independent", 0.5, 0.01, 0.01 + margins.failures),
        World("independent", 0.5, 0.001, 0.001, margins.latency),
    ]
    for world in [*good, *bad]:
        outcomes = run(judged, world, rollouts)
        ordered = sorted(outcome.no_worse or math.inf for outcome in outcomes)
        said = sum(map(math.isfinite, ordered)) / rollouts
        half = ordered[math.ceil(rollouts / 2) - 1]
        as_good = world.on_trial == world.base and world.ratio == 1
        most = most if as_good else max(most, said)
        what = (
            "equal" if as_good else "2 points more errors" if world.ratio == 1 else f"{world.ratio} times the latency"
        )
        rows.append(
            (
                what,
                f"{world.share:.0%}",
                f"{world.base:.1%}",
                f"{100 * said:.0f}",
                f"{half:.0f}" if half < math.inf else "-",
            )
        )
    columns = ("version", "on trial", "primary fails", "called no worse, %", "half are by, requests on trial")
    notes = [
        verdict(
            "percent called no worse on the margin", 100 * most, wanted=f"at most {100 * BETA:g}", good=most <= BETA
        ),
        f"{rollouts:,} rollouts a row, of {REQUESTS:,} requests; margins: {100 * margins.failures:g} points of "
        f"failures, {margins.latency:g} times the latency.",
    ]
    return Table("A version that is no worse: how long that is not enough yet", columns, rows, notes)


def main() -> None:
    """Print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=2000, help="of equal versions, a row; of others fewer")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/rollouts.md")
    options = parser.parse_args()
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as executor:
        run, count = run_with(executor), max(options.rollouts, 160)
        tables = [false_alarms(run, count), detection(run, count // 2), waiting(run, count // 8)]
    text = document(surroundings("none: simulated time"), tables)
    if options.write:
        write(PAGE, "judge", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
