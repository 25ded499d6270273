"""What one of several processes of ``make fuzz`` does."""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Queue

from dicom_node.persistence.database import make_engine, migrate
from tests.fuzz.running import Tally, fuzz

Told = Queue[int]


def share(folder: Path, batches: Sequence[range], told: Told, until: float) -> Tally:
    """What one process does, with a receiver, a database and archives of its own."""
    logging.disable(logging.CRITICAL)
    folder.mkdir()
    engine = make_engine(f"sqlite:///{folder / 'node.sqlite'}")
    migrate(engine)
    before = 0

    def count(tally: Tally) -> None:
        nonlocal before
        told.put(tally.sent - before)
        before = tally.sent

    def in_time() -> Iterator[range]:
        for each in batches:
            if time.monotonic() > until:
                return
            yield each

    try:
        return fuzz(folder / "node", engine, batches=in_time(), told=count)
    finally:
        engine.dispose()
