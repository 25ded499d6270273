"""Twenty experts at once on the worklist's pages for a minute: none decides twice, none is lost.

Each expert has a session over HTTP, in other processes than the pages. They read as the page lets
them (claim the next one, agree, get the next one with the answer) and also as they should not: they
take rows that others are after, decide what they do not hold, and sign twice. What they were told
is then compared with what the database holds.
"""

import argparse
import random
import re
import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import httpx
import numpy as np
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.domain.review import ReviewState
from dicom_node.domain.user import User, UserRole
from dicom_node.pages import make_pages
from dicom_node.passwords import hashed
from dicom_node.persistence.review_rows import finding_row, item_row
from dicom_node.persistence.review_tables import (
    REVIEW_FINDINGS,
    REVIEW_ITEMS,
    REVIEW_READINGS,
)
from dicom_node.persistence.worklist import HotbaseWorklist
from dicom_node.settings import DatabaseSettings, NodeSettings, WebSettings
from dicom_node.stores import Stores, utc_now
from dicom_node.web.application import make_application
from dicom_node.web.server import WebServer
from dicom_node.workflow.review_fakes import fake_details
from tests.peers.postgresql import postgresql

SECONDS, EXPERTS = 60.0, 20
_ITEMS_A_SECOND = 200  # more than can be decided
_PROCESSES, _BATCH = 2, 2000
_LEASE = timedelta(minutes=15)
_PASSWORD = "a bench in the dark"  # noqa: S105 - opens nothing but this bench
_SHARE_OF_ROWS, _SHARE_OF_WRONGS = 0.5, 0.1
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_CLAIMABLE = re.compile(r'action="/worklist/items/([0-9a-f]{32})/claim"')
_SHOWN = re.compile(r'id="panel"[^>]* data-item="([0-9a-f]{32})" data-mine="(\d)"')


@dataclass(slots=True)
class Tally:
    """What experts were told: who signed which items, and how often they were refused."""

    signed: list[tuple[str, str]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    verdict_ms: list[float] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in what others were told."""
        self.signed += other.signed
        self.answers += other.answers
        self.verdict_ms += other.verdict_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What experts were told, beside what the database holds afterwards."""

    tally: Tally
    decided: int
    twice: int  # signed twice by one person, decided twice, or read more often than wanted
    lost: int  # verdicts that somebody was told are signed, and are not there, or the reverse
    left: int  # items that still wait


def compete(
    folder: Path, *, url: str = "", seconds: float = SECONDS, experts: int = EXPERTS
) -> Outcome:
    """Let experts at a new worklist at ``url``, or in SQLite in ``folder``."""
    with _node(folder, url, experts, int(seconds * _ITEMS_A_SECOND)) as (stores, told, address):
        names = [_name(number) for number in range(experts)]
        with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as processes:
            tallies = processes.map(
                _read_together,
                [address] * _PROCESSES,
                [names[start::_PROCESSES] for start in range(_PROCESSES)],
                [seconds] * _PROCESSES,
            )
            tally = Tally()
            for each in tallies:
                tally.add(each)
        return _compared(stores, told, tally)


def measure(seconds: float = SECONDS, experts: int = EXPERTS) -> list[Row]:
    """Let experts at each database."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = _rows("SQLite", compete(Path(folder), seconds=seconds, experts=experts), seconds)
    if shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, postgresql() as server:
            url = server.database(f"bench_{uuid.uuid4().hex}")
            found = compete(Path(folder), url=url, seconds=seconds, experts=experts)
            rows += _rows("PostgreSQL", found, seconds)
    return rows


def _rows(name: str, found: Outcome, seconds: float) -> list[Row]:
    said = ", ".join(f"{what}: {count}" for what, count in sorted(found.tally.answers.items()))
    return [
        Row(
            name="Verdicts of experts at once",
            value=len(found.tally.signed) / seconds,
            unit="1/s",
            condition=f"{name}, {seconds:.0f} s, {found.decided} items decided; {said}",
        ),
        Row(
            name="Verdict and the next study's panel, 95th percentile",
            value=float(np.percentile(found.tally.verdict_ms, 95)),
            unit="ms",
            condition=f"{name}, median {np.median(found.tally.verdict_ms):.0f} ms",
        ),
        Row(name="Items decided twice", value=found.twice, unit="", condition=f"{name}; must be 0"),
        Row(name="Verdicts lost", value=found.lost, unit="", condition=f"{name}; must be 0"),
    ]


def _name(number: int) -> str:
    return f"expert{number}"


@contextmanager
def _node(
    folder: Path, url: str, experts: int, items: int
) -> Iterator[tuple[Stores, list[str], str]]:
    """Serve the pages over a worklist of ``items``; every other one wants two readers."""
    settings = NodeSettings(
        data_dir=folder, database=DatabaseSettings(url=url), web=WebSettings(port=0)
    )
    stores = Stores(settings)
    stores.migrate()
    password = hashed(_PASSWORD)
    for number in range(experts):
        user = User(
            name=_name(number),
            title=f"Bench^{number}",
            organization="Bench",
            roles=frozenset({UserRole.EXPERT}),
        )
        stores.users.add(user, password, actor="bench", at=utc_now())
    _fill(stores, items)
    told: list[str] = []
    worklist = HotbaseWorklist(
        stores.engine, images=lambda _: (), clock=utc_now, lease=_LEASE, on_decided=told.append
    )
    application = make_application(
        registry=CollectorRegistry(),
        problems=tuple,
        version="bench",
        pages=make_pages(settings, stores, worklist, version="bench"),
    )
    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    yield stores, told, f"http://127.0.0.1:{server.port}"
    server.stop()
    stores.close()


def _fill(stores: Stores, items: int) -> None:
    for start in range(1, items + 1, _BATCH):
        numbers = range(start, min(start + _BATCH, items + 1))
        made = [fake_details(number, readers=1 + number % 2) for number in numbers]
        findings = [
            finding_row(each.item.item_id, at, finding)
            for each in made
            for at, finding in enumerate(each.findings)
        ]
        with stores.engine.begin() as connection:
            connection.execute(sa.insert(REVIEW_ITEMS), [item_row(each.item) for each in made])
            connection.execute(sa.insert(REVIEW_FINDINGS), findings)


def _compared(stores: Stores, told: Sequence[str], tally: Tally) -> Outcome:
    readings = sa.select(REVIEW_READINGS.c.item_id, REVIEW_READINGS.c.reader)
    items = sa.select(
        REVIEW_ITEMS.c.item_id,
        REVIEW_ITEMS.c.state,
        REVIEW_ITEMS.c.readers,
        REVIEW_ITEMS.c.readings,
    )
    with stores.engine.connect() as connection:
        held = Counter((item, reader) for item, reader in connection.execute(readings))
        rows = list(connection.execute(items))
    signed = Counter(tally.signed)
    of_item = Counter(item for item, _ in held.elements())
    decided = {row.item_id for row in rows if row.state == ReviewState.DECIDED}
    complete = {row.item_id for row in rows if row.readings == row.readers}
    return Outcome(
        tally=tally,
        decided=len(decided),
        twice=sum((signed - Counter(set(signed))).values())
        + sum((Counter(told) - Counter(set(told))).values())
        + sum(of_item[row.item_id] > row.readers for row in rows),
        lost=sum((signed - held).values())
        + sum((held - signed).values())
        + len(decided ^ set(told))
        + len(decided ^ complete)
        + sum(of_item[row.item_id] != row.readings for row in rows),
        left=len(rows) - len(decided),
    )


def _read_together(address: str, names: Sequence[str], seconds: float) -> Tally:
    """Be several experts, each in a thread; the time begins when all have signed in."""
    together = Tally()
    with ThreadPoolExecutor(len(names)) as threads:
        experts = list(threads.map(_Expert, [address] * len(names), names))
        until = time.monotonic() + seconds
        for each in [threads.submit(expert.read, until) for expert in experts]:
            together.add(each.result())
    return together


class _Expert:
    """One person's browser."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self.tally = Tally()
        self._chance = random.Random(name)  # noqa: S311 - which row to take, nothing secret
        self._client = httpx.Client(
            base_url=address, timeout=60, headers={"Accept": "text/html"}, follow_redirects=True
        )
        form = {"name": name, "password": _PASSWORD, "csrf_token": self._token()}
        self._client.post("/sign-in", data=form)
        self._client.headers["X-CSRF-Token"] = self._token()
        self._client.headers["HX-Request"] = "true"
        self._client.follow_redirects = False

    def read(self, until: float) -> Tally:
        """Read until the time is over or nothing is left."""
        shown = ""
        while time.monotonic() < until:
            shown = shown or self._claim()
            if not shown:
                break
            shown = self._sign(shown)
        self._client.close()
        return self.tally

    def _token(self) -> str:
        page = self._client.get("/")
        found = _TOKEN.search(page.text)
        if found is None:
            raise RuntimeError(f"{self.name} cannot sign in: {page.status_code}")
        return found[1]

    def _claim(self) -> str:
        """Claim the next item, or a row that others may be after; empty when none is left."""
        rows = _CLAIMABLE.findall(self._client.get("/worklist").text)
        if rows and self._chance.random() < _SHARE_OF_ROWS:
            row: str = self._chance.choice(rows)
            answer = self._client.post(f"/worklist/items/{row}/claim", params={"open": "1"})
            self._note("claim", answer)
            if answer.is_success:
                return self._opened(row)
        answer = self._client.post("/worklist/next")
        return self._opened(answer.headers.get("Location", "").partition("/items/")[2])

    def _opened(self, item: str) -> str:
        if item:
            self._client.get(f"/worklist/items/{item}").raise_for_status()
        return item

    def _sign(self, item: str) -> str:
        """Agree with an item; return the one that the answer shows."""
        if self._chance.random() < _SHARE_OF_WRONGS:
            # Of another item, which nobody, another expert or this one before may have signed.
            other = self._chance.choice(self.tally.signed)[0] if self.tally.signed else item
            if other != item:
                self._note("wrong verdict", self._verdict(other))
        started = time.perf_counter()
        answer = self._verdict(item)
        self._note("verdict", answer)
        if not answer.is_success:
            return ""
        self.tally.verdict_ms.append((time.perf_counter() - started) * 1000)
        self.tally.signed.append((item, self.name))
        if self._chance.random() < _SHARE_OF_WRONGS:
            self._note("second signature", self._verdict(item))
        found = _SHOWN.search(answer.text)
        return found[1] if found is not None and found[2] == "1" else ""

    def _verdict(self, item: str) -> httpx.Response:
        return self._client.post(f"/worklist/items/{item}/verdict", data={"overall": "agree"})

    def _note(self, what: str, answer: httpx.Response) -> None:
        taken = "taken" if answer.is_success else f"refused ({answer.status_code})"
        self.tally.answers[f"{what} {taken}"] += 1


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.experts", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long")
    parser.add_argument("--experts", type=int, default=EXPERTS, help="how many")
    options = parser.parse_args()
    Console().print(as_table(measure(options.seconds, options.experts)))


if __name__ == "__main__":
    main()
