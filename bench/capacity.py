"""How many machines a site wants: a model from measured costs, and a day's simulation of it.

``python -m bench.capacity`` prints the table; ``--plot FILE`` draws the nation's day.
"""

import argparse
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

HOUR = 3600.0
# Of a day's radiographs, those of each hour: nights are quiet, the late morning is not.
_HOURS = np.array(
    [1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 7, 8, 8, 7, 5, 4, 3, 3, 2, 2, 2, 1], dtype=float
)
SHARES = _HOURS / _HOURS.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one radiograph costs; docs/scaling.md says where each figure was measured."""

    analysis: float = 1.2  # core seconds of workers
    reception: float = 0.15  # core seconds of receivers
    database: float = 0.03  # core seconds of PostgreSQL
    commits: float = 75.0
    log_bytes: float = 70e3  # of PostgreSQL's write-ahead log
    stored_bytes: float = 10.5e6  # image, report and overlay
    sent_bytes: float = 21.0e6  # in, from the folder to a worker, results out


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a site wants for its day."""

    name: str
    per_day: float
    workers: int  # hosts of two cores
    receivers: int
    peak: float  # radiographs a second in the busiest hour
    database_cores: float
    commits: float  # a second, at the peak
    terabytes: float  # a year
    megabits: float  # a second, at the peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Workers' hosts, and what happens to one of them.

    A host that dies at ``dies_at`` is noticed ``noticed`` seconds later, and back after ``away``.
    """

    hosts: int
    places: int = 2
    dies_at: float = math.inf
    noticed: float = 25.0
    away: float = 600.0


@dataclass(slots=True, kw_only=True)
class Outcome:
    """When studies arrived, and for how long each waited for a place (seconds)."""

    arrived: npt.NDArray[np.float64]
    waited: npt.NDArray[np.float64]
    repeated: int = 0
    busy: float = field(default=0.0)  # share of the places' time


def plan(name: str, per_day: float, costs: Costs, *, used: float = 0.6, cores: int = 2) -> Plan:
    """Return what a site wants: hosts whose cores are used to ``used`` at the peak, and a spare."""
    peak = per_day * float(SHARES.max()) / HOUR
    return Plan(
        name=name,
        per_day=per_day,
        workers=math.ceil(peak * costs.analysis / (cores * used)) + 1,
        receivers=math.ceil(peak * costs.reception / (cores * used)) + 1,
        peak=peak,
        database_cores=peak * costs.database / used,
        commits=peak * costs.commits,
        terabytes=per_day * 365 * costs.stored_bytes / 1e12,
        megabits=peak * costs.sent_bytes * 8 / 1e6,
    )


def arrivals(
    per_day: float, chance: np.random.Generator, *, hours: range = range(24)
) -> npt.NDArray[np.float64]:
    """Draw when radiographs come, in seconds of the day, by its pattern."""
    drawn = [
        (hour + chance.random(chance.poisson(per_day * SHARES[hour]))) * HOUR for hour in hours
    ]
    return np.sort(np.concatenate(drawn))


def simulate(
    arrived: npt.NDArray[np.float64], fleet: Fleet, costs: Costs, chance: np.random.Generator
) -> Outcome:
    """Let studies wait for places, first come first served; times of work vary by their half."""
    spread = 0.5
    sigma = math.sqrt(math.log(1 + spread**2))
    work = chance.lognormal(math.log(costs.analysis) - sigma**2 / 2, sigma, len(arrived))
    free = [(float(arrived[0]), host) for host in range(fleet.hosts) for _ in range(fleet.places)]
    heapq.heapify(free)
    waited = np.zeros(len(arrived))
    repeated = 0
    dead = fleet.hosts - 1
    again: list[tuple[float, int]] = []
    queue = _merged(arrived, again)
    for at, study in queue:
        ready, host = heapq.heappop(free)
        start = max(at, ready)
        if host == dead and fleet.dies_at <= start < fleet.dies_at + fleet.away:
            heapq.heappush(free, (fleet.dies_at + fleet.away, host))
            ready, host = heapq.heappop(free)
            start = max(at, ready)
        end = start + float(work[study])
        if host == dead and start < fleet.dies_at < end:
            # In the queue again when its host counts as dead; a place is lost until that is back.
            heapq.heappush(again, (fleet.dies_at + fleet.noticed, study))
            heapq.heappush(free, (fleet.dies_at + fleet.away, host))
            repeated += 1
            continue
        waited[study] = start - arrived[study]
        heapq.heappush(free, (end, host))
    seconds = (arrived[-1] - arrived[0]) * fleet.hosts * fleet.places
    return Outcome(
        arrived=arrived, waited=waited, repeated=repeated, busy=float(work.sum() / seconds)
    )


def _merged(
    arrived: npt.NDArray[np.float64], again: list[tuple[float, int]]
) -> Iterator[tuple[float, int]]:
    """Yield studies by the time at which they are in the queue, those of a dead host too."""
    for study, at in enumerate(arrived):
        while again and again[0][0] <= at:
            yield heapq.heappop(again)
        yield float(at), study
    while again:
        yield heapq.heappop(again)


SITES = (
    ("a clinic", 100.0, range(24)),
    ("a region", 5_000.0, range(24)),
    ("a nation", 200_000.0, range(24)),
    ("the world, 114 a second", 114.0 * 86400, range(9, 10)),  # its busiest hour
)


def table(costs: Costs) -> Table:
    """Return what each site wants, and how its day went in the simulation."""
    shown = Table(box=None)
    for heading in (
        "Site",
        "Radiographs a day",
        "Peak /s",
        "Workers",
        "Receivers",
        "PostgreSQL cores",
        "Commits /s",
        "TB a year",
        "Mbit/s",
        "Busy",
        "Wait, 95 %",
        "99.9 %",
    ):
        shown.add_column(heading, justify="left" if heading == "Site" else "right")
    for name, per_day, hours in SITES:
        wanted = plan(name, per_day, costs)
        chance = np.random.default_rng(7)
        fleet = Fleet(hosts=wanted.workers, dies_at=9.5 * HOUR)
        outcome = simulate(arrivals(per_day, chance, hours=hours), fleet, costs, chance)
        shown.add_row(
            name,
            f"{per_day:,.0f}",
            f"{wanted.peak:.3g}",
            str(wanted.workers),
            str(wanted.receivers),
            f"{wanted.database_cores:.2g}",
            f"{wanted.commits:,.0f}",
            f"{wanted.terabytes:,.3g}",
            f"{wanted.megabits:,.0f}",
            f"{outcome.busy:.0%}",
            f"{np.quantile(outcome.waited, 0.95):.2f} s",
            f"{np.quantile(outcome.waited, 0.999):.1f} s",
        )
    return shown


def draw(path: Path, costs: Costs, per_day: float = 200_000.0) -> None:
    """Draw a nation's day: what comes, and how long it waits, with the spare host and without."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only where a plot is wanted

    wanted = plan("a nation", per_day, costs)
    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for hosts, words in (
        (wanted.workers, f"{wanted.workers} workers, as planned"),
        (wanted.workers - 3, f"{wanted.workers - 3} workers"),
    ):
        chance = np.random.default_rng(7)
        arrived = arrivals(per_day, chance)
        outcome = simulate(arrived, Fleet(hosts=hosts, dies_at=9.5 * HOUR), costs, chance)
        minutes = (arrived // 60).astype(int)
        worst = [outcome.waited[minutes == each].max(initial=0.0) for each in range(24 * 60)]
        below.plot(np.arange(24 * 60) / 60, worst, linewidth=0.8, label=words)
        if hosts == wanted.workers:
            rate = np.bincount(minutes, minlength=24 * 60) / 60
            above.plot(np.arange(24 * 60) / 60, rate, linewidth=0.8, color="teal")
    above.set_ylabel("radiographs a second")
    below.set_ylabel("longest wait, seconds")
    below.set_xlabel("hour of the day; a worker dies at 9:30 and is back after ten minutes")
    below.set_yscale("symlog", linthresh=1.0)
    below.axvline(9.5, color="grey", linewidth=0.8, linestyle=":")
    below.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Print the table; draw where that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    Console(width=170).print(table(Costs()))
    if options.plot is not None:
        draw(options.plot, Costs())


if __name__ == "__main__":
    main()
