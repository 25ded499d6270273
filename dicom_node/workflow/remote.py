"""Starting workflows that other hosts run: a row in a queue, which whoever works takes up."""

from dataclasses import dataclass

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DebouncerClient, EnqueueOptions, WorkflowHandle

from dicom_node.domain.self_test import StageTime
from dicom_node.workflow.looks import Bell
from dicom_node.workflow.names import ANALYSE, APPLICATION, CONCLUDE, STUDIES, VERDICTS, stage_times
from dicom_node.workflow.outages import Outages
from dicom_node.workflow.step_values import StepValues, refuse_pickles


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Where workflows are kept, which version of the steps this host knows, and who is told."""

    database_url: str
    database_engine: sa.Engine
    version: str
    bell: Bell


class RemoteWorkflows:
    """Starts workflows and asks how long their steps took; runs none."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._settings = settings
        self.outages = Outages()
        self._client: DBOSClient | None = None

    def start(self) -> None:
        """Open the workflow store, made where it is not there yet."""
        refuse_pickles()
        DBOS.migrate(self._settings.database_url)
        self._client = DBOSClient(
            system_database_engine=self._settings.database_engine,
            serializer=StepValues(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )

    def stop(self) -> None:
        """Close it."""
        if self._client is not None:
            self._client.destroy()
        self._settings.bell.stop()
        self._settings.database_engine.dispose()

    def analyse_now(self, study_instance_uid: str) -> str:
        """Have a study analysed; return the workflow that will do it."""
        options = self._options(ANALYSE, STUDIES)
        handle: WorkflowHandle[None] = self._open.enqueue(options, study_instance_uid)
        self._settings.bell.ring()
        return str(handle.get_workflow_id())

    def analyse_when_quiet(self, study_instance_uid: str, seconds: float) -> str:
        """Have a study analysed ``seconds`` after the last call for it."""
        options = self._options(ANALYSE, STUDIES)
        debouncer: DebouncerClient = DebouncerClient(self._open, options)
        handle: WorkflowHandle[None] = debouncer.debounce(
            study_instance_uid, seconds, study_instance_uid
        )
        self._settings.bell.ring(seconds)
        return str(handle.get_workflow_id())

    def conclude_now(self, item_id: str, attempt: int = 1) -> None:
        """Have a verdict made known; asking again with the same ``attempt`` changes nothing."""
        options = self._options(CONCLUDE, VERDICTS)
        options["workflow_id"] = f"review-{item_id}-{attempt}"
        self._open.enqueue(options, item_id)
        self._settings.bell.ring()

    def stages(self, workflow_id: str) -> tuple[StageTime, ...]:
        """Return how long each step of a workflow took, in their order."""
        return stage_times(self._open.list_workflow_steps(workflow_id, load_output=False))

    @property
    def _open(self) -> DBOSClient:
        if self._client is None:
            raise RuntimeError("the workflow store is not open: start first")
        return self._client

    def _options(self, workflow: str, queue: str) -> EnqueueOptions:
        return {
            "workflow_name": workflow,
            "queue_name": queue,
            "app_version": self._settings.version,
        }
