"""The work of a host that works: its workflows, and what becomes of workflows that nobody runs."""

import functools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.node.engine_settings import engine_settings
from dicom_node.node.hosts import Cluster
from dicom_node.node.relief import LeftAssociations, Relief
from dicom_node.node.repositories import Repositories
from dicom_node.node.roles import shares
from dicom_node.persistence.corridor.carried import ExpectedRows, SharedAssociations
from dicom_node.persistence.sole import running_executors
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.workflow.analysis.complete import ExpectedHere
from dicom_node.workflow.analysis.receive import OpenAssociations
from dicom_node.workflow.analysis.salvage import Salvage
from dicom_node.workflow.engine import WorkflowEngine
from dicom_node.workflow.orphans import Orphans
from dicom_node.workflow.pipeline import Corridor


class Work:
    """Workflows, between ``start`` and ``stop``."""

    def __init__(
        self,
        settings: NodeSettings,
        cluster: Cluster,
        repositories: Repositories,
        corridor: Corridor,
        *,
        stage: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        """Put the parts together; ``stage`` measures each step."""
        self._settings = settings
        self._cluster = cluster
        self._repositories = repositories
        self._rows = WorkflowRowStore(settings.workflow_url)
        self.workflows = WorkflowEngine(
            engine_settings(settings, cluster), corridor, self._rows, stage=stage
        )
        self._orphans = Orphans(
            workflows=self.workflows, index=repositories.index, giving_up=corridor.giving_up
        )
        self._salvage = Salvage(
            index=repositories.index,
            completion=corridor.completion,
            giving_up=corridor.giving_up,
            workflows=self.workflows,
        )

    def start(self) -> None:
        """Open the workflow store and go on with what this host, if it is the only one, left.

        What nobody goes on with is repaired by the sweeps: it may want a worker, to tell a PACS why
        a study was given up, and workers are started last.
        """
        self.workflows.start()
        if not shares(self._settings):
            # Whatever name it had: nobody else has this folder.
            self.workflows.take_over(self._rows.executors() - {self._cluster.executor_id})

    def sweep(self) -> None:
        """Take up what threads of this host have left."""
        self._orphans.sweep()

    def is_under_way(self) -> bool:
        """Whether any workflow runs, is queued or waits."""
        return self._rows.any_unfinished()

    def salvage(self) -> None:
        """Repair the studies whose workflows are dead; for all hosts."""
        self._salvage.sweep()

    def relief(
        self, left: LeftAssociations, reconcile: Callable[[Iterable[ReceivedInstance]], None]
    ) -> tuple[Callable[[], None], ...]:
        """Return what looks after other hosts; ``reconcile`` indexes what they may have stored.

        It raises where it cannot: what is not indexed now is asked for again.
        """
        repositories = self._repositories
        relief = Relief(
            cluster=self._cluster,
            store=repositories.hosts,
            silent=self._settings.hosts.dead_after,
            workflows=self.workflows,
            rows=self._rows,
            are_running=functools.partial(running_executors, self._settings.workflow_url),
            left=left,
            archives=(repositories.received, repositories.evidence),
            reconcile=reconcile,
            release_commitments=repositories.commitment_requests.release_all,
        )
        return relief.take_over, relief.index


class Sharing:
    """What hosts tell each other of their associations; a single host keeps it to itself."""

    def __init__(
        self,
        cluster: Cluster,
        repositories: Repositories,
        alive: Callable[[list[str]], frozenset[str]],
    ) -> None:
        """Keep it where hosts share a database; ``alive`` says which workflows run or wait."""
        self.shared: SharedAssociations | None = None
        self.expected: ExpectedRows | ExpectedHere = ExpectedHere()
        self.associations: SharedAssociations | OpenAssociations = OpenAssociations()
        if shares(repositories.settings):
            self.shared = SharedAssociations(repositories.engine, cluster.executor_id)
            self.associations = self.shared
            self.expected = ExpectedRows(
                repositories.engine, alive=lambda workflows: alive(list(workflows))
            )
