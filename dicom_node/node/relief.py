"""Relief: what a dead host left is taken over by the living.

Done again after each sign of life for as long as a host is dead, and each part of it may be done
twice: whatever breaks off in between, as when the database restarts, is done next time.
"""

import logging
import shutil
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, timedelta

from dicom_node.archive import layout
from dicom_node.archive.reading import iter_objects
from dicom_node.archive.storage import StorageArchive
from dicom_node.domain.host import Host
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import AssociationEnd
from dicom_node.errors import NotFoundError
from dicom_node.node.hosts import Cluster
from dicom_node.persistence.corridor.carried import Carried, SharedAssociations
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.hosts import HostStore
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.engine import WorkflowEngine
from dicom_node.workflow.take_up import WorkflowRows

_LOG = logging.getLogger(__name__)
_GONE_AFTER = 86400.0  # seconds


class Relief:
    """Takes over what dead hosts left; used by the host that leads."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        store: HostStore,
        silent: float,
        workflows: WorkflowEngine,
        rows: WorkflowRows,
        are_running: Callable[[Collection[str]], frozenset[str]],
        left: "LeftAssociations",
        archives: Iterable[StorageArchive],
        reconcile: Callable[[Iterable[ReceivedInstance]], None],
        release_commitments: Callable[[], object],
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._silent = silent
        self._workflows = workflows
        self._rows = rows
        self._are_running = are_running
        self._left = left
        self._received, *others = archives
        self._archives = (self._received, *others)
        self._reconcile = reconcile
        self._release_commitments = release_commitments

    def take_over(self) -> None:
        """Take over the work of hosts that are dead by now."""
        hosts = self._cluster.hosts()
        dead = {each.sign.executor_id for each in hosts if self._cluster.is_dead(each)}
        self._workflows.take_over(dead | self._unknown({each.sign.executor_id for each in hosts}))
        self._left.take_over(dead)
        self._forget(each for each in hosts if each.is_relieved)

    def index(self) -> None:
        """Index what dead hosts may have stored last: that may take minutes, and is done once."""
        for each in self._cluster.hosts():
            if self._cluster.is_dead(each) and not each.is_relieved:
                self._relieve(each)

    def _unknown(self, known: Collection[str]) -> frozenset[str]:
        """Return who has left work and gives no signs of life, nor ever did, nor runs.

        A host that has stopped, or one of a version that gives none.
        """
        others = self._rows.executors() - frozenset(known)
        return others - self._are_running(others) if others else others

    def _relieve(self, host: Host) -> None:
        """Read what a host may have stored last; it is relieved once all of that is indexed."""
        name = host.sign.executor_id
        _LOG.warning("host is dead name=%s silent=%.0f", host.sign.name, host.silent)
        if host.sign.role.receives or host.sign.role.shows:
            # Acknowledged, and perhaps not indexed. A day back: folders are named by days.
            last = datetime.now(UTC) - timedelta(seconds=host.silent)
            self._reconcile(iter_objects(self._received, _day_before(last)))
            self._release_commitments()
        self._store.relieve(name, silent=self._silent)

    def _forget(self, hosts: Iterable[Host]) -> None:
        """Clean up after hosts that have been away for so long that they are gone.

        Not sooner: one that is cut off from the database alone goes on writing what it receives.
        """
        gone = [each.sign.executor_id for each in hosts if each.silent > _GONE_AFTER]
        for name in gone:
            for archive in self._archives:
                shutil.rmtree(archive.root / layout.INCOMING / name, ignore_errors=True)
        if gone:
            self._store.forget(gone)


class LeftAssociations:
    """Associations whose host is dead, or forgot them: their transfers broke off."""

    def __init__(
        self, associations: SharedAssociations, *, index: StudyIndex, completion: Completion
    ) -> None:
        self._associations = associations
        self._index = index
        self._completion = completion

    def take_over(self, executor_ids: Collection[str]) -> None:
        """Wait for the retries of senders whose associations dead hosts held."""
        if executor_ids:
            self._broke_off(self._associations.left_by(executor_ids))

    def settle(self) -> None:
        """Do the same for what an earlier run of this host, or an outage, has left."""
        self._broke_off(self._associations.settle())

    def _broke_off(self, left: Iterable[Carried]) -> None:
        for each in left:
            study = each.study_instance_uid
            end = AssociationEnd.RECEIVER_LOST
            _LOG.warning("transfer interrupted study=%s how=%s", study, end.value)
            try:
                self._index.interrupted(study, end, sender=each.calling_ae)
                self._completion.expect(study)
            except NotFoundError:
                _LOG.warning("nothing of it is indexed study=%s", study)


def _day_before(moment: datetime) -> date:
    return (moment - timedelta(days=1)).date()
