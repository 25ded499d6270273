"""``make fuzz``: spoiled objects by the thousand, and what became of them."""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dicom_node.persistence.database import make_engine, migrate
from tests.fuzz.running import Tally, fuzz


def main() -> int:
    """Run it; the exit status is 1 where something escaped or was not told."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="how many objects")
    parser.add_argument("--seed", type=int, default=0, help="of the first one")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    console = Console()
    begun = time.monotonic()
    columns = (TextColumn("spoiled objects"), BarColumn(), MofNCompleteColumn())
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
    ):
        bar = progress.add_task("", total=asked.count)
        engine = make_engine(f"sqlite:///{Path(folder) / 'node.sqlite'}")
        migrate(engine)

        def told(tally: Tally) -> None:
            progress.update(bar, completed=tally.sent)

        tally = fuzz(
            Path(folder) / "node", engine, count=asked.count, first_seed=asked.seed, told=told
        )
        engine.dispose()
    _print(console, tally, time.monotonic() - begun)
    return 1 if tally.escapes or tally.untold else 0


def _print(console: Console, tally: Tally, seconds: float) -> None:
    table = Table(title=f"{tally.sent} spoiled objects, {seconds:.0f} s")
    table.add_column("what became of them")
    table.add_column("objects", justify="right")
    for status, count in sorted(tally.statuses.items()):
        table.add_row(f"answered with 0x{status:04X}", str(count))
    for state, count in sorted(tally.states.items()):
        table.add_row(f"study {state}", str(count))
    table.add_row("escaped: an error that nobody foresaw", str(len(tally.escapes)))
    table.add_row("no report, neither a result nor a reason", str(len(tally.untold)))
    table.add_row("longest analysis", f"{tally.slowest[0]:.1f} s ({tally.slowest[1]})")
    table.add_row("most memory of the process", f"{tally.peak_mebibytes} MiB")
    console.print(table)
    for line in (*tally.escapes, *tally.untold)[:50]:
        console.print(line, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
