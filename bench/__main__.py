"""``make bench``: every benchmark, a table, and ``bench/results.json``.

What takes longest comes last; each part says when it begins. One that fails is named at the end and
the others are measured all the same.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from bench import (
    corridor,
    evidence,
    experts,
    growth,
    guard,
    inference,
    isolation,
    reception,
    review_queue,
    search,
    startup,
    stow,
    throughput,
    viewing,
)
from bench.rows import Row, as_table, write
from dicom_node.network.libraries import set_up_dicom_libraries

RESULTS = Path(__file__).with_name("results.json")

Part = tuple[str, Callable[[], Sequence[Row]]]


def parts(options: argparse.Namespace, folder: Path) -> Iterator[Part]:
    """Yield what this machine can run."""
    yield "guard", lambda: [each.as_row() for each in guard.measure()]
    yield "evidence", evidence.measure
    yield "inference", inference.measure
    yield "isolation", lambda: isolation.measure(options.studies)
    yield "startup", lambda: startup.measure(options.rounds)
    yield "corridor", lambda: corridor.measure(folder, options.studies)
    yield "throughput", lambda: throughput.measure(folder, rounds=options.rounds)
    yield "reception", lambda: reception.measure_all(rounds=options.rounds)
    yield "review_queue", lambda: review_queue.measure(options.items)
    yield "search", search.measure
    if shutil.which("Orthanc"):
        yield "stow", stow.measure
    yield "growth", lambda: growth.measure(growth.SIZES)
    yield "experts", lambda: experts.measure(options.seconds)
    if shutil.which("chromium"):
        yield "viewing", viewing.measure


def main() -> None:
    """Run what was asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", help="parts to run, such as corridor; all unless given")
    parser.add_argument("--studies", type=int, default=20, help="studies through the corridor")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of reception and startup")
    parser.add_argument(
        "--items", type=int, default=review_queue.ITEMS, help="review items in the worklist"
    )
    parser.add_argument(
        "--seconds", type=float, default=experts.SECONDS, help="experts at the pages at once"
    )
    options = parser.parse_args()
    set_up_dicom_libraries()
    console = Console()
    rows: list[Row] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        known = dict(parts(options, Path(folder)))
        if unknown := set(options.only) - set(known):
            parser.error(f"no such part here: {', '.join(sorted(unknown))}")
        chosen = [name for name in known if name in options.only or not options.only]
        for number, name in enumerate(chosen, start=1):
            console.print(f"{number} of {len(chosen)}: {name}")
            try:
                rows += known[name]()
            except (Exception, SystemExit) as error:  # noqa: BLE001  # hours of others are kept
                failed.append(name)
                console.print(f"{name} failed: {error}")
            # After each: what was measured is kept, however the rest ends.
            write(rows, RESULTS)
    console.print(as_table(rows))
    console.print(f"Written to {RESULTS}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
