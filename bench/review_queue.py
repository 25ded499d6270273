"""Milliseconds for a page of the worklist, with a million items in the Hotbase.

Every order, alone and with each filter, from the first page and from pages deep in the list. SQLite
works in this process and is measured in processor time, so that whatever else the machine does
tells on none; PostgreSQL by the clock.
"""

import argparse
import itertools
import json
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.domain.device import Device
from dicom_node.domain.review.queue import ItemFilter, Page, Sort
from dicom_node.domain.review.review import (
    Priority,
    Reviewer,
    ReviewerRole,
    ReviewItem,
    ReviewState,
)
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.persistence.review.rows import item_row
from dicom_node.persistence.review.tables import REVIEW_ITEMS
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.peers.postgresql import postgresql

ITEMS = 1_000_000
LIMITS = {"SQLite": 100.0, "PostgreSQL": 50.0}
_START = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 10_000
_COUNTED = 1000
_DEVICES = tuple(
    Device(calling_ae=f"CR{number % 7}", manufacturer="Bench", serial_number=str(number))
    for number in range(40)
)
_LABELS = ("", "", "", "opacity", "effusion", "nodule", "pneumothorax")
_PARTS = ("CHEST",) * 50 + ("KNEE",)
_READER = Reviewer(
    user_name="bench", person_name="Bench", organisation="", role=ReviewerRole.VERIFIER
)


def measure(items: int = ITEMS, *, each: bool = False) -> list[Row]:
    """Fill each database once, and ask it for pages; ``each`` adds a row for each combination."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = _measured("SQLite", f"sqlite:///{Path(folder) / 'hotbase.sqlite'}", items, each=each)
    if shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with postgresql() as server:
            rows += _measured(
                "PostgreSQL", server.database(f"bench_{uuid.uuid4().hex}"), items, each=each
            )
    return rows


def _measured(name: str, url: str, items: int, *, each: bool) -> list[Row]:
    clock = time.process_time if name == "SQLite" else time.perf_counter
    engine = make_engine(url)
    migrate(engine)
    fill(engine, items)
    review_queue = HotbaseReviewQueue(
        engine, images=lambda _: (), clock=lambda: _START, lease=timedelta(minutes=15)
    )
    taken: dict[str, list[float]] = {}
    for wanted, sort in itertools.product(_filters(), Sort):
        page = Page()
        for _ in range(8):
            started = clock()
            found = review_queue.items(wanted, sort, page)
            what = f"{sort.value} {_words(wanted)}"
            taken.setdefault(what, []).append((clock() - started) * 1000)
            if not found.next:
                break
            page = Page(after=found.next)
    started = clock()
    review_queue.next_for(_READER)
    following = (clock() - started) * 1000
    started = clock()
    review_queue.counts()
    counting = (clock() - started) * 1000
    started = clock()
    review_queue.counts(_COUNTED)
    counting_some = (clock() - started) * 1000
    engine.dispose()
    times = list(itertools.chain.from_iterable(taken.values()))
    worst = max(taken, key=lambda what: max(taken[what]))
    measured = "processor time" if name == "SQLite" else "by the clock"
    condition = (
        f"{name}, {measured}, {items:,} items, {len(times)} pages of 50, all orders and filters"
    )
    limit = f"limit {LIMITS[name]:.0f} ms"
    return [
        Row(
            name="Worklist page, median",
            value=float(np.median(times)),
            unit="ms",
            condition=condition,
        ),
        Row(
            name="Worklist page, 95th percentile",
            value=float(np.percentile(times, 95)),
            unit="ms",
            condition=f"{condition}; {limit}",
        ),
        Row(name="Worklist page, slowest", value=max(taken[worst]), unit="ms", condition=worst),
        Row(name="Next item for a reader", value=following, unit="ms", condition=name),
        Row(name="Counts of all states, whole", value=counting, unit="ms", condition=name),
        Row(
            name="Counts of all states, as the page asks",
            value=counting_some,
            unit="ms",
            condition=f"{name}, at most {_COUNTED} of each",
        ),
        *(
            Row(
                name="Worklist page, slowest of its kind",
                value=max(found),
                unit="ms",
                condition=f"{name}, {what}, {len(found)} pages",
            )
            for what, found in taken.items()
            if each
        ),
    ]


def _filters() -> tuple[ItemFilter, ...]:
    return (
        ItemFilter(),
        ItemFilter(device_id=_DEVICES[3].device_id),
        ItemFilter(modality="CR"),
        ItemFilter(modality="CT"),
        ItemFilter(body_part="KNEE"),
        ItemFilter(label="pneumothorax"),
        ItemFilter(route="chest-radiograph"),
        ItemFilter(priority=Priority.HIGH),
        ItemFilter(received_from=_START + timedelta(days=200)),
        ItemFilter(states=frozenset({ReviewState.DECIDED})),
        ItemFilter(states=frozenset({ReviewState.ADJUDICATING})),
        ItemFilter(states=frozenset({ReviewState.CLAIMED}), holder="reader-3"),
        ItemFilter(device_id=_DEVICES[3].device_id, label="opacity"),
    )


def _words(wanted: ItemFilter) -> str:
    plain = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name in ItemFilter.__dataclass_fields__
        if (value := getattr(wanted, name)) != getattr(ItemFilter(), name)
    }
    return json.dumps(plain, default=str)


def fill(engine: sa.Engine, items: int) -> None:
    made = _items(items)
    while batch := [item_row(each) for each in itertools.islice(made, _BATCH)]:
        with engine.begin() as connection:
            connection.execute(sa.insert(REVIEW_ITEMS), batch)
    if engine.dialect.name == "postgresql":  # its autovacuum would do so by and by
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _items(count: int) -> Iterator[ReviewItem]:
    """Half of them open, a hundredth claimed or disputed, as after some months of work."""
    chance = random.Random(5)  # noqa: S311 - reproducible, not secret
    plain = fake_details().item
    for number in range(count):
        state = chance.choices(tuple(ReviewState), weights=(500, 6, 4, 450, 40))[0]
        received = _START + timedelta(seconds=30 * number)
        label = chance.choice(_LABELS)
        yield replace(
            plain,
            item_id=f"{chance.getrandbits(128):032x}",
            study_instance_uid=f"2.25.{number}",
            device=chance.choice(_DEVICES),
            modality="CT" if number % 500 == 0 else chance.choice(("CR", "DX")),
            body_part=chance.choice(_PARTS),
            received_at=received,
            created_at=received,
            priority=Priority.HIGH
            if number % 100 == 0
            else (Priority.MEDIUM if label else Priority.LOW),
            uncertainty=chance.random(),
            leading_label=label,
            state=state,
            holder=f"reader-{number % 20}" if state is ReviewState.CLAIMED else "",
            claimed_until=_START if state is ReviewState.CLAIMED else None,
            decided_at=received if state is ReviewState.DECIDED else None,
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.review_queue", description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS, help="how many items")
    parser.add_argument("--each", action="store_true", help="every order and filter by itself")
    options = parser.parse_args()
    Console().print(as_table(measure(options.items, each=options.each)))


if __name__ == "__main__":
    main()
