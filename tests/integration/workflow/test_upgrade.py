"""An upgrade with studies in flight: a node is killed, another version of it finishes them all.

The old version is another process with another contract and other ways to write values; the stores
are real, SQLite and PostgreSQL.
"""

import os
import pickle
import signal
import subprocess
import sys
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState, RetryPolicy
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.tables import STUDIES as STUDY_ROWS
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.workflow.step_values import StepValues
from dicom_node.workflow.take_up import Unfinished
from dicom_node.workflow.testing.fakes import FakeModels
from tests.integration.workflow.old_node import (
    DELIVERED,
    INFERRING,
    LONG,
    QUEUED,
    QUIETING,
    RETRYING,
    SENDING,
    STUDIES,
    WAITING_FOR_ITS_SLOT,
    Door,
    make_dispatch,
    make_node,
)
from tests.peers.postgresql import PostgreSql
from tests.peers.process import wait_until
from tests.unit.workflow.test_salvage import Node

_START_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The databases of a node, and its folder."""

    hotbase: str
    workflows: str
    folder: Path

    def workflow_tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row that DBOS keeps, by table."""
        engine = make_engine(self.workflows)
        schema = "dbos" if engine.dialect.name == "postgresql" else None
        metadata = sa.MetaData()
        metadata.reflect(engine, schema=schema)
        with engine.connect() as connection:
            found = {
                table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
                for table in metadata.sorted_tables
            }
        engine.dispose()
        return found

    def spring(self, trap: str) -> None:
        """Put a hostile value in place of every argument and every result."""
        for name, column in (("workflow_input", "inputs"), ("operation_outputs", "output")):
            self._put(name, column, trap)

    def let_delays_pass(self) -> None:
        """Have everything that waits be due."""
        self._put("workflow_status", "delay_until_epoch_ms", 1)

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Return the workflows that have not ended."""
        with WorkflowRowStore(self.workflows) as rows:
            return rows.unfinished(but_of="")

    def _put(self, name: str, column: str, value: object) -> None:
        engine = make_engine(self.workflows)
        schema = "dbos" if engine.dialect.name == "postgresql" else None
        table = sa.table(name, sa.column(column), schema=schema)
        with engine.begin() as connection:
            held = table.c[column].is_not(None)
            connection.execute(sa.update(table).where(held).values({column: value}))
        engine.dispose()


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Two empty databases."""
    if request.param == "sqlite":
        hotbase, workflows = (f"sqlite:///{tmp_path / each}.sqlite" for each in ("hot", "flow"))
    else:
        server: PostgreSql = request.getfixturevalue("postgres")
        hotbase, workflows = (server.database(f"test_{uuid.uuid4().hex}") for _ in range(2))
    engine = make_engine(hotbase)
    migrate(engine)
    engine.dispose()
    return Store(hotbase=hotbase, workflows=workflows, folder=tmp_path)


@pytest.fixture
def new_node(store: Store) -> Iterator[Node]:
    """The version under test, not yet started."""
    hotbase = make_engine(store.hotbase)
    node = make_node(hotbase, store.folder, store.workflows, FakeModels())
    dispatch = make_dispatch(node, Door(store.folder, old=False), RetryPolicy())
    dispatch.start()
    yield node
    dispatch.stop()
    node.stop()
    hotbase.dispose()


def kill_an_old_node(kind: str, store: Store) -> None:
    """Run a node of another version until its studies stand everywhere, and kill it."""
    module = "tests.integration.workflow.old_node"
    command = [sys.executable, "-m", module, kind, store.hotbase, store.workflows, store.folder]
    with (
        (store.folder / "old.log").open("w") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ}
        ) as old,
    ):
        assert old.stdout is not None
        try:
            said = old.stdout.readline().strip()
        finally:
            os.kill(old.pid, signal.SIGKILL)
        assert said == "ready", (store.folder / "old.log").read_text()[-2000:]


def start(node: Node) -> None:
    """Start as the composition root does."""
    node.start()
    node.corridor.completion.start_with(node.engine)
    node.salvage.sweep()
    for study in node.works.index.receiving():
        node.corridor.completion.expect(study.study_instance_uid)


def sweep_until_done(node: Node, store: Store) -> None:
    """Let the clock's sweeps go on until nothing is left to do."""
    node.works.clock.advance(2 * LONG)

    def is_done() -> bool:
        node.salvage.sweep()
        node.corridor.planning.wake("PACS")
        node.corridor.completion.sweep()
        states = {node.works.index.study(each).state for each in STUDIES}
        return (
            states == {StudyState.ANALYSED}
            and {each.state for each in deliveries(node)} == {DeliveryState.DELIVERED}
            and not store.unfinished()
        )

    wait_until(is_done, "every study to be analysed and delivered", _START_SECONDS)


def deliveries(node: Node) -> list[Any]:
    return [
        each
        for study in STUDIES
        for job in node.works.hotbase.jobs(study)
        for each in node.works.deliveries.of_job(job["job_id"])
    ]


def claimed_by(node: Node, study: str) -> str:
    query = sa.select(STUDY_ROWS.c.claimed_by).where(STUDY_ROWS.c.study_instance_uid == study)
    with node.works.engine.connect() as connection:
        return str(connection.scalar(query))


def require_each_result_once(node: Node, store: Store) -> None:
    """One job, one report and one review item of a study; each object sent once."""
    for study in STUDIES:
        (job,) = node.works.hotbase.jobs(study)
        kinds = Counter(each.kind for each in node.works.hotbase.evidence(job["job_id"]))
        assert set(kinds.values()) == {1}
    items = node.works.review_queue.items().items
    assert Counter(each.study_instance_uid for each in items) == dict.fromkeys(STUDIES, 1)
    sent = Counter((store.folder / "sent").read_text().split())
    kept = {
        each.path
        for study in STUDIES
        for job in node.works.hotbase.jobs(study)
        for each in node.works.hotbase.evidence(job["job_id"])
    }
    assert sent == dict.fromkeys(kept, 1)


def trap(sprung: Path) -> str:
    """Return a row's text that makes a file when it is unpickled."""

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (sprung,))

    return b64encode(pickle.dumps(Trap())).decode()


def require_no_pickle(store: Store) -> None:
    """No row of any table says that it is one, or looks like one."""
    for table, rows in store.workflow_tables().items():
        for row in rows:
            assert row.get("serialization") in (None, StepValues().name()), table
            texts = [value for value in row.values() if isinstance(value, str)]
            assert not [each for each in texts if each.startswith(("gAS", "gAR"))], table


@pytest.mark.parametrize(
    ("store", "kind", "goes_on"),
    [
        ("sqlite", "fewer fields", True),
        pytest.param("sqlite", "other names", False, marks=pytest.mark.long),
        pytest.param("sqlite", "other order", False, marks=pytest.mark.long),
        ("sqlite", "pickles", False),
        pytest.param("postgresql", "fewer fields", True, marks=pytest.mark.peer),
        pytest.param("postgresql", "pickles", False, marks=[pytest.mark.peer, pytest.mark.long]),
    ],
    indirect=["store"],
)
def test_the_new_version_finishes_what_a_killed_one_had_begun(
    store: Store, new_node: Node, kind: str, goes_on: bool
) -> None:
    kill_an_old_node(kind, store)
    states = {each: new_node.works.index.study(each).state for each in STUDIES}
    assert [each for each in STUDIES if states[each] is StudyState.COMPLETE] == [
        INFERRING,
        WAITING_FOR_ITS_SLOT,
    ]
    assert {states[DELIVERED], states[SENDING], states[RETRYING]} == {StudyState.ANALYSED}
    stands = Counter(each.status for each in store.unfinished())
    assert stands == {"PENDING": 2, "ENQUEUED": 1, "DELAYED": 1}
    before = {each: claimed_by(new_node, each) for each in (INFERRING, WAITING_FOR_ITS_SLOT)}
    sprung = store.folder / "sprung"
    if kind == "pickles":
        store.spring(trap(sprung))
    start(new_node)
    store.let_delays_pass()
    sweep_until_done(new_node, store)
    require_each_result_once(new_node, store)
    require_no_pickle(store)
    assert not sprung.exists()
    after = {each: claimed_by(new_node, each) for each in before}
    assert all((after[each] == before[each]) is goes_on for each in before)
    # What had been done was not done again.
    assert new_node.works.models.calls == len((INFERRING, QUIETING, WAITING_FOR_ITS_SLOT, QUEUED))
