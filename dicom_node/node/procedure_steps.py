"""Puts the DICOM worklist together: steps on the Hotbase, their SCP, and UPS-RS."""

from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter

from dicom_node.audit.trail import Record, unrecorded
from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.callers import TokenCallers, read_tokens
from dicom_node.dicomweb.workitems import WorkitemLimits, WorkitemRequest, workitems_router
from dicom_node.domain.application_entity import Operation
from dicom_node.network.events import QueryAnswered, ReceptionEvent, StepChanged
from dicom_node.network.reactor import Reactor
from dicom_node.network.worklist_scp import WorklistScp, WorklistScpSettings
from dicom_node.node.access import database_access
from dicom_node.node.association_records import AssociationRecords
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import tls_files
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.ups.procedure_steps import HotbaseSteps
from dicom_node.ups.codes import UPS_QUERY
from dicom_node.ups.presentation import Station
from dicom_node.ups.service import ProcedureSteps


class Workstations:
    """The worklist as workstations, PACS and other worklists see it."""

    def __init__(
        self,
        settings: NodeSettings,
        repositories: Repositories,
        *,
        record: Record = unrecorded,
    ) -> None:
        """Build everything; nothing runs yet.

        Raises
        ------
        ConfigurationError
            When the token file cannot be used.
        """
        self._settings = settings.worklist
        self._records = AssociationRecords(record)
        self._repositories = repositories
        review_queue = repositories.review_queue()
        self._store = HotbaseSteps(
            repositories.engine,
            review_queue=review_queue,
            clock=utc_now,
        )
        self.steps = ProcedureSteps(
            store=self._store,
            review_queue=review_queue,
            analyses=_Analyses(repositories),
            station=Station(
                ae_title=settings.network.ae_title, worklist_label=settings.worklist.label
            ),
            clock=utc_now,
            lock_time=timedelta(hours=settings.worklist.lock_hours),
        )
        self._scp = WorklistScp(
            _scp_settings(settings),
            steps=self.steps,
            access=database_access(settings.hotbase_url, settings.network.ae_title),
            emit=self._tell,
        )
        self._router = self._make_router()

    @property
    def port(self) -> int:
        """The port of the worklist."""
        return self._scp.port

    @property
    def routers(self) -> tuple[APIRouter, ...]:
        """What the HTTP side serves: UPS-RS where anybody has a token."""
        return (self._router,) if self._router is not None else ()

    def start(self) -> None:
        """Listen, where that is switched on.

        Raises
        ------
        ReceptionError
            The port cannot be used.
        """
        if self._settings.enabled:
            self._scp.start()

    def stop(self) -> None:
        """Stop listening."""
        self._scp.stop()

    def sweep(self) -> None:
        """Hold what performers have locked.

        Workstations send no heartbeats: their claims are extended here, before they expire.
        """
        if self._settings.enabled or self._router is not None:
            self.steps.keep_locks()

    def _make_router(self) -> APIRouter | None:
        if not self._settings.token_file:
            return None
        return workitems_router(
            self.steps,
            caller=TokenCallers(read_tokens(Path(self._settings.token_file)), self._permitted),
            tell=self._tell_request,
            limits=WorkitemLimits(max_results=self._settings.max_results),
        )

    def _tell(self, event: ReceptionEvent) -> None:
        self._records.handle([event])

    def _tell_request(self, request: WorkitemRequest) -> None:
        if request.action is None:
            self._tell(
                QueryAnswered(
                    calling_ae=request.by,
                    peer_address=request.address,
                    sop_class_uid=UPS_QUERY,
                    asked=request.asked,
                    problem=request.problem,
                    at=utc_now(),
                )
            )
        elif not request.problem:
            self._tell(
                StepChanged(
                    calling_ae=request.by,
                    peer_address=request.address,
                    action=request.action,
                    step_uid=request.uid,
                    at=utc_now(),
                )
            )

    def _permitted(self, title: str) -> frozenset[Operation] | None:
        entity = self._repositories.ae_titles.find(title)
        return entity.permitted if entity is not None else None


class _Analyses:
    """Opens studies again; the node's sweep starts their analysis."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    def ask(self, study_instance_uid: str) -> int | None:
        """Open a study for another analysis."""
        return self._repositories.index.reopen(study_instance_uid)


def _scp_settings(settings: NodeSettings) -> WorklistScpSettings:
    worklist = settings.worklist
    return WorklistScpSettings(
        ae_title=settings.network.ae_title,
        host=settings.network.host,
        port=worklist.port,
        max_associations=worklist.max_associations,
        max_results=worklist.max_results,
        idle_timeout=worklist.idle_timeout,
        reactor=Reactor(settings.network.reactor),
        tls=tls_files(settings) if settings.tls.worklist else None,
    )
