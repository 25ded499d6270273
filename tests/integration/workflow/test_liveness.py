"""No study stays where it is for good: with a real engine, and a real PostgreSQL that goes away."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from dicom_node.domain.study import StoredStudy, StudyState
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.workflow.analysis.route import Routed, Routing
from dicom_node.workflow.orphans import Orphans
from tests.peers.postgresql import Failure, PostgreSql, postgresql
from tests.peers.process import wait_until
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works
from tests.unit.workflow.test_salvage import Node

STUDIES = [f"1.2.826.0.1.9.{number}" for number in range(1, 7)]
_SECONDS = 120.0


class PanicError(BaseException):
    """What a decoder written in Rust raises: no ``Exception``."""


class Panicking:
    """Routing in which the first tries end in a panic."""

    def __init__(self, routing: Routing, panics: int) -> None:
        self._routing = routing
        self.panics = panics

    def route(self, study: StoredStudy) -> Routed:
        """Panic, or route."""
        if self.panics:
            self.panics -= 1
            raise PanicError
        return self._routing.route(study)

    def broken_off(self, study: StoredStudy, reason: str) -> Routed:
        """Say it as routing does."""
        return self._routing.broken_off(study, reason)


@pytest.fixture
def node(engine: sa.Engine, tmp_path: Path) -> Iterator[Node]:
    made = Node(Works(engine, tmp_path), f"sqlite:///{tmp_path / 'workflows.sqlite'}")
    made.works.receive("1.2.3.1")
    yield made
    made.stop()


@pytest.mark.parametrize(("panics", "state"), [(1, StudyState.ANALYSED), (99, StudyState.FAILED)])
def test_a_study_whose_thread_ended_in_a_panic_is_taken_up_or_ended(
    node: Node, panics: int, state: StudyState
) -> None:
    panicking = Panicking(node.corridor.routing, panics)
    node.corridor = replace(node.corridor, routing=cast("Routing", panicking))
    node.start()
    orphans = Orphans(
        workflows=node.engine, index=node.works.index, giving_up=node.corridor.giving_up
    )
    node.engine.analyse_now(STUDY)

    def is_done() -> bool:
        orphans.sweep()
        time.sleep(0.2)
        return node.works.index.study(STUDY).state is state

    wait_until(is_done, "the study to be done with", _SECONDS)
    assert node.works.reports()  # a result, or why there is none


@pytest.mark.peer
def test_a_database_that_goes_away_in_their_midst_fails_no_study(
    postgres: PostgreSql, tmp_path: Path
) -> None:
    name = f"outage_{uuid.uuid4().hex}"
    url = postgres.database(name)
    engine = make_engine(url)
    migrate(engine)
    node = Node(Works(engine, tmp_path), url)
    for study in STUDIES:
        node.works.receive(f"{study}.1", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.2")
    node.start()
    try:
        for study in STUDIES:
            node.engine.analyse_now(study)
        for _ in range(3):
            _go_away(url.replace(name, "postgres"), name, seconds=1.0)

        def all_done() -> bool:
            try:
                states = {node.works.index.study(study).state for study in STUDIES}
            except sa.exc.OperationalError:
                return False
            return states == {StudyState.ANALYSED}

        wait_until(all_done, "every study to be analysed", _SECONDS)
    finally:
        node.stop()
        engine.dispose()


@pytest.mark.peer
def test_a_database_that_fails_in_whatever_way_fails_no_study(tmp_path: Path) -> None:
    with postgresql() as server:
        url = server.database("failing")
        engine = make_engine(url)
        migrate(engine)
        node = Node(Works(engine, tmp_path), url)
        studies = [f"1.2.826.0.1.8.{number}" for number in range(4 * len(Failure))]
        for study in studies:
            node.works.receive(f"{study}.1", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.2")
        node.start()

        def are_done(begun: list[str]) -> bool:
            try:
                return {node.works.index.study(each).state for each in begun} == {
                    StudyState.ANALYSED
                }
            except sa.exc.OperationalError:
                return False

        try:
            for number, how in enumerate(Failure):
                begun = studies[4 * number : 4 * number + 4]
                for study in begun:
                    node.engine.analyse_now(study)
                server.fail(how)
                wait_until(lambda begun=begun: are_done(begun), f"all done: {how.value}", _SECONDS)
            assert [len(node.works.reports(each)) for each in studies] == [1] * len(studies)
        finally:
            node.stop()
            engine.dispose()


def _go_away(admin_url: str, name: str, *, seconds: float) -> None:
    """Break all connections of a database and take no new ones for a while."""
    url = admin_url.replace("postgresql:", "postgresql+psycopg:")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        time.sleep(seconds)
        connection.execute(sa.text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    admin.dispose()
