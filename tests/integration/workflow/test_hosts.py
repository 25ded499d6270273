"""Hosts that die, are cut off or lose their database: each study is analysed once, by somebody.

Two hosts in network namespaces, with processes, rows and cables as they are; the third is the test
itself, which receives. ``make scale`` does the same with whole nodes.
"""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.reception import AssociationEnd, AssociationEnded
from dicom_node.domain.study import StudyState
from dicom_node.node.engine_settings import remote_settings
from dicom_node.persistence.corridor.carried import SharedAssociations
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.workflow.analysis.receive import Reception
from dicom_node.workflow.remote import RemoteWorkflows
from tests.integration.workflow.a_host import EFFECTS, HELD, Parts, make_parts
from tests.peers.namespaces import NamespaceHost, namespaces
from tests.peers.postgresql import PostgreSql, postgresql
from tests.peers.process import wait_until
from tests.unit.builders import EPOCH, an_entity, an_instance

pytestmark = [pytest.mark.peer, pytest.mark.slow]

# Quicker than hosts are in a hospital, in the same proportions.
_HOSTS = {"beat": 0.5, "dead_after": 2.0}
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A database, two machines, and the host that receives."""

    database: PostgreSql
    machines: tuple[NamespaceHost, ...]
    url: str
    folder: Path
    receiver: Parts
    reception: Reception

    def settings(self, name: str, role: str, address: str) -> dict[str, Any]:
        return _settings(self.folder, self.url.replace("127.0.0.1", address), name, role)

    def receive(self, numbers: range) -> list[str]:
        """Receive studies, each over an association of its own."""
        studies = [f"1.2.3.{number}" for number in numbers]
        for study in studies:
            instance = an_instance(f"{study}.1", study_instance_uid=study)
            self.reception.received([(study, instance)])
            self.reception.ended([_released(study)])
        return studies

    def effects(self) -> list[tuple[str, str, str]]:
        """Return which steps were begun, of which study and on which host."""
        query = sa.select(EFFECTS.c.study, EFFECTS.c.step, EFFECTS.c.host).order_by(EFFECTS.c.id)
        with self.receiver.repositories.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def is_working(self, name: str) -> bool:
        """Whether a host is in the midst of a study: it has begun one that has not ended."""
        running = sa.text(
            "SELECT count(*) FROM dbos.workflow_status WHERE status = 'PENDING' "
            "AND executor_id = :name"
        )
        with self.receiver.repositories.engine.connect() as connection:
            in_hand = connection.scalar(running, {"name": name})
        return bool(in_hand) and any(host == name for _, _, host in self.effects())

    def are_analysed(self, studies: list[str]) -> bool:
        index = self.receiver.repositories.index
        return all(index.study(each).state is StudyState.ANALYSED for each in studies)

    def ended(self) -> Counter[str]:
        """Return how the workflows of studies ended, by their rows."""
        with self.receiver.repositories.engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT status FROM dbos.workflow_status"))
            return Counter(row.status for row in rows)


@contextmanager
def working(site: Site, number: int) -> Iterator[subprocess.Popen[str]]:
    """Run a host on one of the machines."""
    machine = site.machines[number]
    settings = site.settings(f"w{number}", "worker", machine.switch)
    command = [sys.executable, "-m", "tests.integration.workflow.a_host", json.dumps(settings)]
    with (
        (site.folder / f"w{number}.log").open("a") as log,
        subprocess.Popen(
            [*machine.command(), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "works\n", (site.folder / f"w{number}.log").read_text()
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with namespaces(2) as machines:
        switch = machines[0].switch
        with postgresql(network=f"{switch}/24", address=switch) as database:
            url = database.database("site")
            engine = make_engine(url)
            migrate(engine)
            EFFECTS.create(engine)
            engine.dispose()
            values = _settings(tmp_path, url, "r0", "receiver")
            settings = NodeSettings.model_validate(values)
            parts = make_parts(settings)
            parts.repositories.ae_titles.put(
                an_entity("CR1", quiet_period=0.0), actor="test", at=EPOCH
            )
            workflows = RemoteWorkflows(remote_settings(settings))
            workflows.start()
            parts.completion.start_with(workflows)
            parts.cluster.start()
            yield Site(
                database=database,
                machines=machines,
                url=url,
                folder=tmp_path,
                receiver=parts,
                reception=Reception(
                    index=parts.repositories.index,
                    associations=parts.sharing.associations,
                    completion=parts.completion,
                ),
            )
            parts.cluster.stop()
            workflows.stop()
            parts.repositories.close()


@pytest.mark.long
def test_each_study_is_analysed_once_whatever_becomes_of_hosts_and_database(site: Site) -> None:
    with working(site, 0) as first, working(site, 1):
        held = site.folder / "w0" / HELD
        held.parent.mkdir(exist_ok=True)
        held.touch()
        studies = site.receive(range(4))
        # Cut off in the midst of a study, and mended when others have its work.
        wait_until(lambda: site.is_working("w0"), "w0 to work", _PATIENCE)
        site.machines[0].cut()
        wait_until(lambda: site.are_analysed(studies), "w1 to take over", _PATIENCE)
        site.machines[0].mend()
        held.unlink()
        wait_until(lambda: _is_alive(site, "w0"), "w0 to be back", _PATIENCE)
        # The database restarts while both work, and one is killed while it is away.
        held.touch()
        studies += site.receive(range(4, 8))
        wait_until(lambda: site.is_working("w0"), "w0 to work again", _PATIENCE)
        site.database.life.go()
        first.send_signal(signal.SIGKILL)
        site.database.life.come()
        wait_until(lambda: site.are_analysed(studies), "all to be analysed", _PATIENCE)
        # A study is done a moment before the row of its workflow says so.
        wait_until(lambda: set(site.ended()) == {"SUCCESS"}, "all workflows to end", _PATIENCE)
    records = [site.receiver.repositories.index.study(each) for each in studies]
    assert [each.revision for each in records] == [1] * len(studies), "each was claimed once"
    assert site.ended() == {"SUCCESS": len(studies)}, "each by one workflow, and nothing is left"
    by_study = Counter((study, step) for study, step, _ in site.effects())
    assert set(by_study) == {(study, step) for study in studies for step in ("first", "second")}
    assert max(by_study.values()) > 1, "a step that nobody saw the end of was begun anew"


def test_the_transfer_of_a_dead_receiver_is_waited_for_as_one_that_broke_off(site: Site) -> None:
    dead = SharedAssociations(site.receiver.repositories.engine, "r9")
    dead.opened("a", "CR1")
    dead.carried([("a", "1.2.3.1")])
    index = site.receiver.repositories.index
    index.record([an_instance("1.2.3.1.1", study_instance_uid="1.2.3.1")])
    _beat_once(site, "r9")
    with working(site, 0):
        wait_until(lambda: _is_relieved(site, "r9"), "the leader to relieve r9", _PATIENCE)
        wait_until(
            lambda: index.study("1.2.3.1").interruption is AssociationEnd.RECEIVER_LOST,
            "its transfer to be told from a whole one",
            _PATIENCE,
        )
    assert not dead.carries("1.2.3.1")


def _is_relieved(site: Site, name: str) -> bool:
    hosts = site.receiver.cluster.hosts()
    return any(each.sign.executor_id == name and each.is_relieved for each in hosts)


def _settings(folder: Path, url: str, name: str, role: str) -> dict[str, Any]:
    return {
        "data_dir": str(folder / name),
        "shared_dir": str(folder / "shared"),
        "database": {"url": url, "warehouse_url": url},
        "workflow": {"executor_id": name, "parallel_studies": 1},
        "hosts": {**_HOSTS, "role": role},
    }


def _released(association_id: str) -> AssociationEnded:
    return AssociationEnded(
        association_id=association_id, calling_ae="CR1", end=AssociationEnd.RELEASED, at=EPOCH
    )


def _is_alive(site: Site, name: str) -> bool:
    cluster = site.receiver.cluster
    return any(
        each.sign.executor_id == name and not cluster.is_dead(each) for each in cluster.hosts()
    )


def _beat_once(site: Site, name: str) -> None:
    settings = NodeSettings.model_validate(site.settings(name, "receiver", "127.0.0.1"))
    parts = make_parts(settings)
    parts.cluster.beat()
    parts.repositories.close()
