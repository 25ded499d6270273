"""``make fuzz``: spoiled objects by the thousand, and what became of them."""

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.running import BATCH, Tally
from tests.fuzz.share import Told, share


def main() -> int:
    """Run it; the exit status is 1 where something escaped or was not told."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many objects")
    parser.add_argument("--seed", type=int, default=0, help="of the first one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--minutes", type=float, default=0, help="begin nothing new after these")
    asked = parser.parse_args()
    console, begun = Console(), time.monotonic()
    until = begun + 60 * asked.minutes if asked.minutes else float("inf")
    batches = [
        range(first, min(first + BATCH, asked.seed + asked.count))
        for first in range(asked.seed, asked.seed + asked.count, BATCH)
    ]
    shares = [part for at in range(asked.jobs) if (part := batches[at :: asked.jobs])]
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        spawn.Manager() as manager,
        ProcessPoolExecutor(len(shares), mp_context=spawn) as pool,
    ):
        told: Told = manager.Queue()
        with _shown(console, asked.count, told):
            running: list[Future[Tally]] = [
                pool.submit(share, Path(folder) / str(at), part, told, until)
                for at, part in enumerate(shares)
            ]
            tally = Tally()
            for each in running:
                tally.add(each.result())
    _print(console, tally, time.monotonic() - begun)
    return 1 if tally.escapes or tally.untold else 0


@contextmanager
def _shown(console: Console, count: int, told: Told) -> Iterator[None]:
    """Show how far it is, for as long as it goes on."""
    columns = (TextColumn("spoiled objects"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("", total=count)

        def follow() -> None:
            while more := told.get():
                progress.advance(bar, more)

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            told.put(0)
            follower.join()


def _print(console: Console, tally: Tally, seconds: float) -> None:
    table = Table(
        title=f"{tally.sent} spoiled objects, {seconds:.0f} s ({tally.seconds:.0f} s of processor)"
    )
    table.add_column("what became of them")
    table.add_column("count", justify="right")
    for status, count in sorted(tally.statuses.items()):
        table.add_row(f"answered with 0x{status:04X}", str(count))
    table.add_row("chests, for the shipped models", str(tally.chests))
    table.add_row("images decoded and taken by a model", str(tally.decoded))
    for state, count in sorted(tally.states.items()):
        table.add_row(f"study {state}", str(count))
    for kind, count in sorted(tally.evidence.items()):
        table.add_row(f"evidence made: {kind}", str(count))
    table.add_row("escaped: an error that nobody foresaw", str(len(tally.escapes)))
    table.add_row("no report, neither a result nor a reason", str(len(tally.untold)))
    table.add_row("most memory of a process", f"{tally.peak_mebibytes} MiB")
    console.print(table)
    slowest, who = tally.slowest
    console.print(f"longest analysis: {slowest:.1f} s, {who}", highlight=False)
    for line in (*tally.escapes, *tally.untold)[:50]:
        console.print(line, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
