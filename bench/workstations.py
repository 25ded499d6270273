"""The worklist for other systems: queries over a million items, and twenty who claim at once.

Half of the workstations speak DIMSE, half UPS-RS. Each finds what is scheduled, claims one of the
first steps, and gives it up again. A step that two were given, or that is lost, is counted.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import httpx
import numpy as np
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from rich.console import Console

from bench.review_queue import fill
from bench.rows import Row, as_table
from dicom_node.configuration.peers import NetworkSettings, WebSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.configuration.work import WorklistSettings
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.node.clock import utc_now
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.attribute_tables import STUDY_ATTRIBUTES
from dicom_node.persistence.corridor.attributes import json_text, study_row
from dicom_node.persistence.review.tables import REVIEW_ITEMS
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS
from dicom_node.query.reading import read_identifier
from dicom_node.ups.codes import UPS_PULL, UPS_PUSH
from dicom_node.web.application import make_application
from dicom_node.web.server import WebServer

ITEMS = 1_000_000
_PAGE, _REPEATS, _BATCH = 50, 8, 10_000
_JSON = "application/dicom+json"
_CLAIMED, _TAKEN = "claimed", "taken by another"


@dataclass
class Ledger:
    """Who holds what, as the workstations were told."""

    lock: Lock = field(default_factory=Lock)
    held: set[str] = field(default_factory=set)
    outcomes: dict[str, int] = field(default_factory=dict)
    twice: int = 0

    def note(self, outcome: str, uid: str) -> None:
        """Take note of an answer to a claim."""
        with self.lock:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            if outcome == _CLAIMED:
                self.twice += uid in self.held
                self.held.add(uid)

    def give_up(self, uid: str) -> None:
        """Take note, before the request is sent, that a step is held no longer."""
        with self.lock:
            self.held.discard(uid)


def measure(items: int = ITEMS, seconds: float = 60.0, workstations: int = 20) -> list[Row]:
    """Fill a database, ask it, then let the workstations at it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _node(Path(folder)) as node:
        repositories, served, web_port = node
        fill(repositories.engine, items)
        _name_patients(repositories.engine, items)
        rows = _queries(served, items)
        return [*rows, *_competition(repositories, served, web_port, seconds, workstations)]


@contextmanager
def _node(folder: Path) -> Iterator[tuple[Repositories, Workstations, int]]:
    titles = [f"WS{number}" for number in range(64)]
    tokens = folder / "tokens"
    tokens.write_text("\n".join(f"{title} {_token(title)}" for title in titles), encoding="utf-8")
    settings = NodeSettings(
        data_dir=folder / "data",
        network=NetworkSettings(host="127.0.0.1"),
        web=WebSettings(port=0),
        worklist=WorklistSettings(enabled=True, port=0, token_file=str(tokens)),
    )
    repositories = Repositories(settings)
    repositories.migrate()
    for title in titles:
        entity = ApplicationEntity(
            title=title, host="127.0.0.1", port=104, roles=frozenset({Role.WORKLIST})
        )
        repositories.ae_titles.put(entity, actor="bench", at=utc_now())
    served = Workstations(settings, repositories)
    application = make_application(
        registry=CollectorRegistry(), problems=tuple, version="bench", machines=served.routers
    )
    web = WebServer(application, host="127.0.0.1", port=0)
    served.start()
    web.start()
    yield repositories, served, web.port
    web.stop()
    served.stop()
    repositories.close()


def _token(title: str) -> str:
    return f"token-of-the-workstation-{title}"


def _name_patients(engine: sa.Engine, items: int) -> None:
    for start in range(0, items, _BATCH):
        rows = [_study_row(number) for number in range(start, min(start + _BATCH, items))]
        with engine.begin() as connection:
            connection.execute(sa.insert(STUDY_ATTRIBUTES), rows)


def _study_row(number: int) -> dict[str, Any]:
    values = {
        "PatientID": f"P{number:07d}",
        "PatientName": f"Family{number % 5000:04d}^Given{number}",
        "AccessionNumber": f"A{number:07d}",
    }
    return study_row(f"2.25.{number}", json_text(values))


def _queries(served: Workstations, items: int) -> list[Row]:
    wanted: dict[str, dict[str, str]] = {
        "what is scheduled": {"ProcedureStepState": "SCHEDULED"},
        "one patient": {"PatientID": f"P{items // 2:07d}"},
        "a family name": {"PatientName": "family0042*", "ProcedureStepState": "SCHEDULED"},
        "one study": {"StudyInstanceUID": f"2.25.{items // 3}"},
        "one day": {"ScheduledProcedureStepStartDateTime": "20260103"},
        "what is completed": {"ProcedureStepState": "COMPLETED"},
    }
    served.steps.keep_locks()
    times: list[float] = []
    slowest = ("", 0.0)
    for name, keys in wanted.items():
        query = _dataset(**{"SOPInstanceUID": "", "PatientName": "", **keys})
        for _ in range(_REPEATS):
            begun = time.perf_counter()
            list(islice(served.steps.find(read_identifier(query)), _PAGE))
            taken = (time.perf_counter() - begun) * 1000
            times.append(taken)
            slowest = max(slowest, (name, taken), key=lambda each: each[1])
    condition = f"SQLite, {items:,} items, first {_PAGE} matches of {len(wanted)} kinds of query"
    return [
        Row(name="UPS query, median", value=float(np.median(times)), unit="ms",
            condition=condition),
        Row(name="UPS query, 95th percentile", value=float(np.percentile(times, 95)), unit="ms",
            condition=condition),
        Row(name="UPS query, slowest", value=slowest[1], unit="ms", condition=slowest[0]),
    ]  # fmt: skip


def _competition(
    repositories: Repositories, served: Workstations, web_port: int, seconds: float, count: int
) -> list[Row]:
    ledger, until = Ledger(), time.monotonic() + seconds
    threads = [
        Thread(
            target=_over_dimse if number % 2 else _over_http,
            args=(f"WS{number}", served.port if number % 2 else web_port, ledger, until),
        )
        for number in range(count)
    ]
    before = _open_items(repositories.engine)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = before - _open_items(repositories.engine)
    locked = sa.select(sa.func.count()).where(
        PROCEDURE_STEPS.c.transaction_uid != "", PROCEDURE_STEPS.c.state == "IN PROGRESS"
    )
    with repositories.engine.connect() as connection:
        still = connection.scalar(locked) or 0
    claims = ledger.outcomes.get(_CLAIMED, 0)
    condition = f"{count} workstations, half DIMSE, half HTTP, {seconds:.0f} s; " + ", ".join(
        f"{name}: {number}" for name, number in sorted(ledger.outcomes.items())
    )
    return [
        Row(name="UPS claims", value=claims / seconds, unit="1/s", condition=condition),
        Row(name="Steps given to two", value=ledger.twice, unit="", condition="must be 0"),
        Row(name="Items lost", value=left + still - len(ledger.held), unit="",
            condition="must be 0"),
    ]  # fmt: skip


def _open_items(engine: sa.Engine) -> int:
    query = sa.select(sa.func.count()).where(REVIEW_ITEMS.c.is_open.is_(sa.true()))
    with engine.connect() as connection:
        return int(connection.scalar(query) or 0)


def _compete(
    ledger: Ledger,
    until: float,
    find: Callable[[], list[str]],
    change: Callable[[str, str, str], str],
) -> None:
    chance = random.Random()  # noqa: S311 - which step to try, nothing secret
    while time.monotonic() < until:
        scheduled = find()
        if not scheduled:
            continue
        uid, key = chance.choice(scheduled), generate_uid(prefix=None)
        outcome = change(uid, "IN PROGRESS", key)
        ledger.note(outcome, uid)
        if outcome == _CLAIMED:
            ledger.give_up(uid)
            ledger.note(f"given up: {change(uid, 'CANCELED', key)}", uid)


def _over_dimse(title: str, port: int, ledger: Ledger, until: float) -> None:
    ae = AE(ae_title=title)
    ae.add_requested_context(UPS_PULL)
    association = ae.associate("127.0.0.1", port, ae_title="AINODE")

    def find() -> list[str]:
        query = _dataset(ProcedureStepState="SCHEDULED", SOPInstanceUID="")
        found: list[str] = []
        for _, match in association.send_c_find(query, UPS_PULL):
            if match is not None:
                found.append(match.SOPInstanceUID)
            if len(found) == _PAGE:
                association.send_c_cancel(1, query_model=UPS_PULL)
        return found[:_PAGE]

    def change(uid: str, state: str, key: str) -> str:
        information = _dataset(ProcedureStepState=state, TransactionUID=key)
        status, _ = association.send_n_action(information, 1, UPS_PUSH, uid, meta_uid=UPS_PULL)
        return {0: _CLAIMED, 0xC302: _TAKEN, 0xC300: "over"}.get(
            status.Status, f"0x{status.Status:04X}"
        )

    _compete(ledger, until, find, change)
    association.release()


def _over_http(title: str, port: int, ledger: Ledger, until: float) -> None:
    base = f"http://127.0.0.1:{port}/dicom-web/workitems"
    headers = {"Authorization": f"Bearer {_token(title)}", "Content-Type": _JSON}
    with httpx.Client(headers=headers, timeout=60) as client:

        def find() -> list[str]:
            wanted = {"ProcedureStepState": "SCHEDULED", "limit": str(_PAGE)}
            answer = client.get(base, params=wanted)
            items = answer.json() if answer.status_code == 200 else []
            return [item["00080018"]["Value"][0] for item in items]

        def change(uid: str, state: str, key: str) -> str:
            information = _dataset(ProcedureStepState=state, TransactionUID=key)
            answer = client.put(f"{base}/{uid}/state", content=information.to_json())
            return {200: _CLAIMED, 409: _TAKEN}.get(answer.status_code, str(answer.status_code))

        _compete(ledger, until, find, change)


def _dataset(**values: str) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.workstations", description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS, help="how many items")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to compete")
    options = parser.parse_args()
    Console().print(as_table(measure(options.items, options.seconds)))


if __name__ == "__main__":
    main()
