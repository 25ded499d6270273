"""What a running node says of itself: what is wrong with it, and which hosts it knows."""

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa

from dicom_node.administration.disk import DiskRoom
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem, status_of
from dicom_node.domain.host import Host
from dicom_node.node.disk_watch import DiskWatch
from dicom_node.node.health import RunningParts, running_problems, standing_problems
from dicom_node.node.hosts import Cluster
from dicom_node.node.repositories import Repositories


class SelfReport:
    """Asks the parts of a running node."""

    def __init__(
        self,
        settings: NodeSettings,
        repositories: Repositories,
        *,
        running: RunningParts,
        cluster: Cluster,
        others: Sequence[Callable[[], Iterable[Problem]]],
    ) -> None:
        """Ask nobody yet; ``others`` are parts that say what is wrong with them by themselves."""
        self._settings, self._repositories = settings, repositories
        self._running, self._cluster, self._others = running, cluster, others
        self._disks = DiskWatch(settings)

    def problems(self) -> tuple[Problem, ...]:
        """Say what is wrong with the node, and what to do."""
        return (
            *running_problems(self._running),
            *standing_problems(self._settings, self._repositories, disks=self._disks.problems),
            *self._other_hosts(),
            *(problem for part in self._others for problem in part()),
        )

    def rooms(self) -> tuple[DiskRoom, ...] | None:
        """Return what room there is on the node's disks; None where one does not answer."""
        return self._disks.rooms()

    def status(self) -> str:
        """Return the status of what runs here, which other hosts are told."""
        return status_of(tuple(running_problems(self._running)))

    def hosts(self) -> tuple[Host, ...]:
        """Return the hosts of the database; none while it is away."""
        try:
            return self._cluster.hosts()
        except sa.exc.SQLAlchemyError:
            return ()

    def _other_hosts(self) -> tuple[Problem, ...]:
        try:
            return self._cluster.problems()
        except sa.exc.SQLAlchemyError:  # said of the database already
            return ()
