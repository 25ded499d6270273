"""``make bench``: every benchmark, a table, and ``bench/results.json``."""

import argparse
import shutil
import tempfile
from pathlib import Path

from rich.console import Console

from bench import corridor, evidence, experts, inference, reception, review_queue, search, viewing
from bench.rows import as_table, write
from dicom_node.network.libraries import set_up_dicom_libraries

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Run what the machine can run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--studies", type=int, default=20, help="studies through the corridor")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the reception")
    parser.add_argument(
        "--items", type=int, default=review_queue.ITEMS, help="review items in the worklist"
    )
    parser.add_argument(
        "--seconds", type=float, default=experts.SECONDS, help="experts at the pages at once"
    )
    options = parser.parse_args()
    set_up_dicom_libraries()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = [
            *evidence.measure(),
            *inference.measure(),
            *corridor.measure(Path(folder), options.studies),
            *reception.measure_all(rounds=options.rounds),
            *review_queue.measure(options.items),
            *search.measure(),
            *experts.measure(options.seconds),
            *(viewing.measure() if shutil.which("chromium") else ()),
        ]
    console.print(as_table(rows))
    write(rows, RESULTS)
    console.print(f"Written to {RESULTS}")


if __name__ == "__main__":
    main()
