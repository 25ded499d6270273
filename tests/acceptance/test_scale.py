"""Four hosts share the work; they are cut off, killed and upgraded while studies arrive.

``make scale``; it takes minutes. A short version of the same, with hosts that do less, is
``tests/integration/workflow/test_hosts.py``.
"""

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.host import Host
from dicom_node.domain.study import StudyState
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from tests.acceptance.chaos import Sender, SentStudy, assert_results, assert_stored
from tests.acceptance.running import RunningNode, running_node
from tests.peers.balancer import balancer
from tests.peers.dcmtk import Peer, StoreScp, storescp
from tests.peers.namespaces import NamespaceHost, namespaces
from tests.peers.postgresql import PostgreSql, postgresql
from tests.peers.process import wait_until

_STUDIES = int(os.environ.get("DICOM_NODE_SCALE_STUDIES", "0"))
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not _STUDIES, reason="takes minutes: make scale"),
]
_LARGE_IMAGES = 200  # in one association, which a receiver is killed in the midst of
_LARGE_NUMBER = 1000
_TAKEN_OVER_WITHIN = 30.0
_PATIENCE = 300.0 + 10.0 * _STUDIES
_ROLES = {"r0": "receiver", "r1": "receiver", "w0": "worker", "w1": "worker"}
# What a dead receiver was told to the end is waited for no longer than this.
_MODALITY = (
    *("--role", "modality", "--destination", "PACS"),
    *("--quiet-period", "0", "--patience", "20"),
)
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacs:
    """A PACS that keeps every object as often as it is sent."""

    scp: StoreScp

    def objects(self) -> list[Dataset]:
        """Return its objects, each once."""
        return list({str(each.SOPInstanceUID): each for each in self._all()}.values())

    def repeated(self) -> int:
        """Return how often an object came that was there already."""
        return len(self._all()) - len(self.objects())

    def _all(self) -> list[Dataset]:
        return [dcmread(path, stop_before_pixels=True) for path in self.scp.files()]


@dataclass(slots=True, kw_only=True)
class Site:
    """The hosts and what they share."""

    database: PostgreSql
    machines: dict[str, NamespaceHost]
    hosts: dict[str, RunningNode]
    repositories: Repositories
    rows: WorkflowRowStore
    said: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def say(self, words: str) -> None:
        """Note what happens, and when."""
        self.said.append(f"{time.monotonic() - self.began:6.1f} s  {words}")
        print(self.said[-1], flush=True)

    def wait_until(self, condition: object, what: str, seconds: float = _PATIENCE) -> None:
        assert callable(condition)
        wait_until(condition, what, seconds)

    def host(self, name: str) -> Host:
        return next(each for each in self.repositories.hosts.all() if each.sign.name == name)

    def is_running(self, name: str) -> bool:
        """Whether a host has workflows in hand, by their rows."""
        return self.host(name).sign.executor_id in self.rows.executors()

    def is_relieved(self, name: str) -> bool:
        return self.host(name).is_relieved

    def is_alive(self, name: str) -> bool:
        return self.host(name).silent < self.repositories.settings.hosts.dead_after

    def is_receiving(self, name: str) -> bool:
        """Whether an association of the large study is open on a receiver."""
        with self.repositories.engine.connect() as connection:
            found = connection.exec_driver_sql(
                "SELECT executor_id FROM carried WHERE study_instance_uid LIKE %s",
                (f"%.{5 * _LARGE_NUMBER}",),
            )
            return self.host(name).sign.executor_id in found.scalars().all()


@pytest.mark.timeout(7200)
def test_nothing_is_lost_or_doubled_whatever_becomes_of_hosts(tmp_path: Path) -> None:
    with _site(tmp_path) as site, ExitStack() as stack:
        switch = site.machines["r0"].switch
        pacs = Pacs(scp=stack.enter_context(storescp(tmp_path / "pacs", options=("+xa", "+uf"))))
        entrance = stack.enter_context(
            balancer([(site.machines[name].address, 11112) for name in ("r0", "r1")])
        )
        peer = Peer(ae_title="AINODE", port=entrance.port)
        _administer(site, switch, pacs)
        for name in _ROLES:
            site.hosts[name].start(_PATIENCE)
        site.say(f"{len(_ROLES)} hosts are there")
        studies = Sender(peer, tmp_path / "modality", "CR1", _STUDIES)
        large = Sender(
            peer, tmp_path / "large", "CR1", 1, first=_LARGE_NUMBER, images=_LARGE_IMAGES
        )
        studies.start()
        try:
            _cut_off(site, "w0")
            large.start()
            _kill_receiver(site)
            _restart_database(site)
            _upgrade(site, tmp_path)
            site.wait_until(lambda: studies.is_done() and large.is_done(), "all to be sent")
        finally:
            studies.stop()
            large.stop()
        site.say(f"{len(studies.sent)} studies sent by {studies.attempts} attempts")
        sent = [*studies.sent, *large.sent]
        states = _settled(site, sent)
        site.say(f"all settled and delivered: {dict(states)}")
        assert_stored(site.repositories, sent)
        assert_results(site.repositories, pacs, sent)
        site.say(
            f"lost 0, missing 0, doubled 0; {pacs.repeated()} of "
            f"{len(pacs.objects())} objects came to the PACS once more with the same UID"
        )
        assert states == Counter(
            StudyState.ANALYSED if each.is_chest else StudyState.NOT_ROUTED for each in sent
        )


def _cut_off(site: Site, name: str) -> None:
    """Pull a worker's cable in the midst of a study, and put it back when others have its work."""
    site.wait_until(lambda: site.is_running(name), f"{name} to have a study in hand")
    executor = site.host(name).sign.executor_id
    site.machines[name].cut()
    cut = time.monotonic()
    site.say(f"{name} is cut off in the midst of a study")
    site.wait_until(
        lambda: site.is_relieved(name) and executor not in site.rows.executors(),
        f"{name}'s work to be taken over",
    )
    taken = time.monotonic() - cut
    site.say(f"{name}'s work is taken over, {taken:.1f} s after the cut")
    assert taken < _TAKEN_OVER_WITHIN
    site.machines[name].mend()
    site.wait_until(lambda: site.is_alive(name), f"{name} to be back")
    site.say(f"{name} is back")


def _kill_receiver(site: Site) -> None:
    """Kill whichever receiver has the large association, in its midst."""
    victim: list[str] = []

    def found() -> bool:
        victim[:] = [name for name in ("r0", "r1") if site.is_receiving(name)]
        return bool(victim)

    site.wait_until(found, "the large study to arrive")
    name = victim[0]
    site.hosts[name].kill()
    site.say(f"{name} is killed in the midst of an association")
    site.wait_until(lambda: site.is_relieved(name), f"{name}'s associations to be taken over")
    site.say(f"what {name} was receiving is waited for")
    site.hosts[name].start(_PATIENCE)
    site.say(f"{name} is back")


def _restart_database(site: Site) -> None:
    site.database.life.go()
    site.say("PostgreSQL is away")
    time.sleep(3.0)
    site.database.life.come()
    site.say("PostgreSQL is back")
    for name in _ROLES:
        site.wait_until(lambda name=name: site.is_alive(name), f"{name} to be back")


def _upgrade(site: Site, folder: Path) -> None:
    """Put a version with other steps on one host after the other, workers first."""
    newer = _newer_version(folder / "newer")
    before = site.host("w0").sign.contract
    for name in ("w0", "w1", "r0", "r1"):
        host = site.hosts[name]
        host.stop()
        host.environment["PYTHONPATH"] = str(newer)
        host.start(_PATIENCE)
        site.say(f"{name} is upgraded")
    after = {site.host(name).sign.contract for name in _ROLES}
    assert len(after) == 1
    assert before not in after


def _newer_version(folder: Path) -> Path:
    """Return the path of a version whose steps depend on something else: none of its work fits."""
    shutil.copytree(
        _ROOT / "dicom_node", folder / "dicom_node", ignore=shutil.ignore_patterns("node_modules")
    )
    for package in ("ai_engine", "sr_templates"):
        (folder / package).symlink_to(_ROOT / package)
    pipeline = folder / "dicom_node" / "workflow" / "pipeline.py"
    pipeline.write_text(pipeline.read_text().replace("routed.untold", "routed.untold[:]"))
    return folder


def _settled(site: Site, sent: list[SentStudy]) -> Counter[StudyState]:
    """Wait until every study has its result and all of it is delivered; return how they ended."""
    over = {StudyState.ANALYSED, StudyState.NOT_ROUTED, StudyState.FAILED}
    repositories = site.repositories

    def ended() -> bool:
        counts = repositories.index.counts()
        return set(counts) <= over and sum(counts.values()) == len(sent)

    def delivered() -> bool:
        counts = repositories.deliveries.counts()
        return {state for _, state in counts} == {DeliveryState.DELIVERED}

    site.wait_until(ended, "all studies to settle")
    site.wait_until(delivered, "all results to be delivered")
    return Counter(repositories.index.study(each.study_instance_uid).state for each in sent)


def _administer(site: Site, switch: str, pacs: Pacs) -> None:
    for title, port, options in (
        ("PACS", pacs.scp.peer.port, ("--role", "pacs")),
        ("CR1", 104, _MODALITY),
    ):
        done = site.hosts["r0"].run(
            "ae", "add", title, "--host", switch, "--port", str(port), *options
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    with namespaces(len(_ROLES)) as made, ExitStack() as stack:
        machines = dict(zip(_ROLES, made, strict=True))
        switch = made[0].switch
        database = stack.enter_context(postgresql(network=f"{switch}/24", address=switch))
        url = database.database("site").replace("127.0.0.1", switch)
        hosts = {
            name: stack.enter_context(
                running_node(
                    folder / name,
                    DICOM_NODE_DATABASE__URL=url,
                    DICOM_NODE_DATABASE__WAREHOUSE_URL=url,
                    DICOM_NODE_SHARED_DIR=str(folder / "shared"),
                    DICOM_NODE_HOSTS__ROLE=role,
                    DICOM_NODE_HOSTS__NAME=name,
                    DICOM_NODE_NETWORK__HOST="0.0.0.0",  # noqa: S104 - of its namespace
                    DICOM_NODE_NETWORK__PORT="11112",
                )
            )
            for name, role in _ROLES.items()
        }
        for name, host in hosts.items():
            host.inside = machines[name].command()
        repositories = hosts["r0"].repositories()
        repositories.migrate()
        rows = WorkflowRowStore(url)
        yield Site(
            database=database,
            machines=machines,
            hosts=hosts,
            repositories=repositories,
            rows=rows,
        )
        rows.close()
        repositories.close()
