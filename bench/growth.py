"""Milliseconds of what a node does all day, with a thousand instances in the index and with more.

``python -m bench.growth --sizes 1000 100000 1000000``. Each figure is the median of many calls.
"""

import argparse
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.standing import StandingStore
from dicom_node.persistence.corridor.tables import DELIVERIES, JOBS
from dicom_node.persistence.corridor.traffic import TrafficStore
from dicom_node.persistence.database import make_engine, migrate
from tests.peers.postgresql import postgresql
from tests.unit.builders import EPOCH, an_instance

SIZES = (1000, 100_000)
_PER_STUDY = 2
_BATCH = 1000
_REPEATS = 31
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What is done all day, on one database."""

    engine: sa.Engine
    first: int  # the number of the next study

    def works(self) -> Mapping[str, Callable[[int], object]]:
        """Return each kind of work, done for the n-th time."""
        index, deliveries = StudyIndex(self.engine), DeliveryStore(self.engine)
        traffic, standing = TrafficStore(self.engine), StandingStore(self.engine)
        now = EPOCH + timedelta(days=3650)

        def complete(number: int) -> None:
            study = _study(self.first + number)
            stored = index.claim(study, by="w", at=now)
            assert stored is not None
            index.finish(stored, StudyState.ANALYSED)

        return {
            "receive a study": lambda number: index.record(_instances(self.first + number)),
            "claim it and finish it": complete,
            "studies being received": lambda _: index.receiving(),
            "claims": lambda _: index.claims(),
            "the newest 20 studies (status)": lambda _: index.recent(20),
            "the newest 1000 studies": lambda _: index.recent(1000),
            "the newest instance": lambda _: index.newest(),
            "what stands still (health)": lambda _: standing.unfinished(now),
            "destinations with something to do": lambda _: deliveries.destinations(),
            "what is due for one of them": lambda _: deliveries.due(
                "PACS", now, longest_wait=_WEEK, limit=32
            ),
            "studies by state (metrics)": lambda _: index.counts(),
            "deliveries by state (metrics)": lambda _: deliveries.counts(),
            "the overview's destinations": lambda _: traffic.destinations(now - _WEEK),
        }


def measure(sizes: Sequence[int], *, sqlite: bool = True) -> list[Row]:
    """Fill each database to each size, and work on it."""
    rows: list[Row] = []
    if sqlite:
        rows += _on_sqlite(sizes)
    if shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with postgresql() as server:
            rows += _measured("PostgreSQL", server.database(f"bench_{uuid.uuid4().hex}"), sizes)
    return rows


def _on_sqlite(sizes: Sequence[int]) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return _measured("SQLite", f"sqlite:///{Path(folder) / 'hotbase.sqlite'}", sizes)


def _measured(name: str, url: str, sizes: Sequence[int]) -> list[Row]:
    engine = make_engine(url)
    migrate(engine)
    rows, studies = [], 0
    for size in sizes:
        wanted = size // _PER_STUDY
        fill(engine, studies, wanted)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        works = Day(engine=engine, first=wanted).works()
        rows += [
            Row(
                name=f"{what}, {name}",
                value=median(work),
                unit="ms",
                condition=f"{size:,} instances of {wanted:,} studies",
            )
            for what, work in works.items()
        ]
        studies = wanted + _REPEATS
    engine.dispose()
    return rows


def median(work: Callable[[int], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Do it again and again; return the median in milliseconds."""
    times = []
    for number in range(_REPEATS):
        started = clock()
        work(number)
        times.append((clock() - started) * 1000)
    return float(np.median(times))


def fill(engine: sa.Engine, first: int, last: int) -> None:
    """Index studies that are analysed and delivered."""
    index = StudyIndex(engine)
    for start in range(first, last, _BATCH):
        numbers = range(start, min(start + _BATCH, last))
        index.record([each for number in numbers for each in _instances(number)])
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE studies SET state = 'analysed' WHERE state = 'receiving'"
            )
            connection.execute(sa.insert(JOBS), list(_jobs(numbers)))
            connection.execute(sa.insert(DELIVERIES), list(_deliveries(numbers)))


def _instances(number: int) -> list[ReceivedInstance]:
    study, at = _study(number), EPOCH + timedelta(minutes=number)
    return [
        an_instance(
            f"{study}.{within}",
            study_instance_uid=study,
            series_instance_uid=f"{study}.9",
            path=f"CR1/20260101/{study}/{within}.dcm",
            digest=f"{number:032x}{within:032x}",
            received_at=at,
        )
        for within in range(_PER_STUDY)
    ]


def _study(number: int) -> str:
    return f"1.2.826.{number + 1}"


def _jobs(numbers: range) -> Iterator[dict[str, object]]:
    for number in numbers:
        yield {
            "job_id": f"{number:032x}",
            "study_instance_uid": _study(number),
            "revision": 1,
            "route": "chest",
            "model_name": "m",
            "model_version": "1",
            "weights_digest": "d",
            "sop_instance_uids": [],
            "state": "done",
            "created_at": EPOCH,
            "reason": "",
        }


def _deliveries(numbers: range) -> Iterator[dict[str, object]]:
    for number in numbers:
        yield {
            "delivery_id": f"{number:032x}",
            "job_id": f"{number:032x}",
            "destination": "PACS",
            "state": DeliveryState.DELIVERED,
            "attempts": 1,
            "created_at": EPOCH + timedelta(minutes=number),
            "last_error": "",
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--postgresql-only", action="store_true")
    options = parser.parse_args()
    rows = measure(options.sizes, sqlite=not options.postgresql_only)
    Console(width=160).print(as_table(rows))


if __name__ == "__main__":
    main()
