"""Hosts on one PostgreSQL tell each other of work: nothing here looks for it by itself in time."""

import os
import resource
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import psycopg
import pytest
import sqlalchemy as sa
from dbos import DBOS

from dicom_node.persistence.bells import WorkBell
from dicom_node.persistence.database import make_engine
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.workflow.analysis.slots import Slots
from dicom_node.workflow.contract import contract_of
from dicom_node.workflow.engine import EngineSettings, Sharing, WorkflowEngine
from dicom_node.workflow.looks import Bell, Looks
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import DurableSteps
from dicom_node.workflow.remote import RemoteSettings, RemoteWorkflows
from tests.peers.postgresql import PostgreSql
from tests.unit.workflow.test_salvage import wait_for

pytestmark = pytest.mark.slow

_NEVER = 600.0  # seconds between two looks of the queue
_CONTRACT = contract_of(Corridor, WorkflowEngine)


class Ward:
    """A corridor that notes which studies came."""

    def __init__(self) -> None:
        self.studies: list[str] = []
        self.slots = Slots(4)

    def analyse(self, study_instance_uid: str, steps: DurableSteps) -> None:
        """Note it."""
        assert steps.workflow_id
        self.studies.append(study_instance_uid)


@pytest.fixture
def url(postgres: PostgreSql) -> str:
    return postgres.database(f"bells_{secrets.token_hex(4)}")


@pytest.fixture
def ward() -> Ward:
    return Ward()


@pytest.fixture
def worker(url: str, ward: Ward) -> Iterator[WorkBell]:
    """A host that works, and its bell."""
    bell = WorkBell(url)
    workflows = WorkflowEngine(
        EngineSettings(
            database_url=url.replace("postgresql:", "postgresql+psycopg:"),
            database_engine=None,
            executor_id="worker",
            keep_workflows=3600.0,
            contract=_CONTRACT,
            sharing=Sharing(
                places=4,
                others_work=lambda: False,
                versions=lambda: [_CONTRACT.version],
                connect={},
                bell=bell,
                poll=_NEVER,
            ),
        ),
        cast("Corridor", ward),
        WorkflowRowStore(url),
    )
    workflows.start()
    yield bell
    workflows.stop(1)


@pytest.fixture
def receiver(url: str, worker: WorkBell) -> Iterator[RemoteWorkflows]:
    """A host that only receives."""
    wait_for(worker.is_heard)
    workflows = RemoteWorkflows(
        RemoteSettings(
            database_url=url.replace("postgresql:", "postgresql+psycopg:"),
            database_engine=make_engine(url),
            version=_CONTRACT.version,
            bell=WorkBell(url),
        )
    )
    workflows.start()
    yield workflows
    workflows.stop()


def break_off_all(url: str) -> None:
    """Break all connections to a database off, as a restart does."""
    engine = make_engine(url)
    activity = sa.table("pg_stat_activity", sa.column("pid"), sa.column("datname"))
    with engine.connect() as connection:
        connection.execute(
            sa.select(sa.func.pg_terminate_backend(activity.c.pid)).where(
                activity.c.datname == sa.func.current_database(),
                activity.c.pid != sa.func.pg_backend_pid(),
            )
        ).all()
    engine.dispose()


def test_what_one_host_queues_another_begins_at_once(receiver: RemoteWorkflows, ward: Ward) -> None:
    receiver.analyse_now("1.2.1")
    wait_for(lambda: ward.studies == ["1.2.1"])
    receiver.analyse_when_quiet("1.2.2", 0.5)
    wait_for(lambda: ward.studies == ["1.2.1", "1.2.2"])


@pytest.fixture
def dbos_listens(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let DBOS wait for messages before its looks are made rare: usually it is not so far."""
    make_rare = Looks.make_rare

    def is_listening() -> bool:
        activity = sa.table("pg_stat_activity", *map(sa.column, ("datname", "query", "state")))
        rows = activity.c
        engine = make_engine(url)
        with engine.connect() as connection:
            found = connection.scalars(
                sa.select(rows.query).where(
                    rows.datname == sa.func.current_database(),
                    rows.query.like("LISTEN dbos_streams%"),
                    rows.state == "idle",
                )
            ).all()
        engine.dispose()
        return bool(found)

    def afterwards(looks: Looks, dbos: DBOS, bell: Bell | None) -> None:
        wait_for(is_listening)
        make_rare(looks, dbos, bell)

    monkeypatch.setattr(Looks, "make_rare", afterwards)


def test_nobody_waits_for_messages_between_workflows(dbos_listens: None, worker: WorkBell) -> None:
    wait_for(worker.is_heard)
    wait_for(lambda: not any("run_notif" in each.name for each in threading.enumerate()))


def test_a_bell_is_heard_again_after_the_database_was_away(postgres: PostgreSql, url: str) -> None:
    rung: list[float] = []
    bell = WorkBell(url)
    bell.listen(rung.append)
    wait_for(bell.is_heard)
    heard = len(rung)
    break_off_all(url)
    # Rings may have been missed: it is told once the connection is lost, and again when it is back.
    wait_for(lambda: len(rung) > heard + 1 and bell.is_heard())
    bell.ring(3.25)
    wait_for(lambda: 3.25 in rung)
    bell.stop()


def test_who_listens_hears_another_connection_where_many_files_are_open(url: str) -> None:
    # What a connection itself sends comes back with its answer through a pooler of transactions,
    # too, which lets nothing else through; and select() takes no descriptor from 1024 on.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    rung: list[float] = []
    bell = WorkBell(url)
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        listener = stack.enter_context(psycopg.connect(url, autocommit=True))
        listener.execute("LISTEN dicom_node_work")
        for _ in range(1100):
            stack.enter_context(Path(os.devnull).open("rb"))
        stack.callback(bell.stop)
        bell.listen(rung.append)
        (first,) = listener.notifies(timeout=60, stop_after=1)
        listening = listener.execute(
            "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND pid != %s",
            (listener.info.backend_pid,),
        ).fetchall()
        wait_for(bell.is_heard)
        bell.ring(3.25)
        wait_for(lambda: 3.25 in rung)
        assert listening
        assert (first.pid,) not in listening


def test_a_bell_that_cannot_be_rung_is_no_error() -> None:
    bell = WorkBell("postgresql://nobody@127.0.0.1:1/nothing")
    bell.ring()
    assert not bell.is_heard()
    bell.stop()
