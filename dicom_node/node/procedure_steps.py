"""Puts the DICOM worklist together: steps on the Hotbase, their SCP, and UPS-RS."""

from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter

from dicom_node.audit.trail import Record, unrecorded
from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.callers import TokenCallers, read_tokens
from dicom_node.dicomweb.notifications import Notifier, notifications_router
from dicom_node.dicomweb.workitems import WorkitemLimits, WorkitemRequest, workitems_router
from dicom_node.domain.application_entity import Operation
from dicom_node.domain.peer_message import Channel, PeerMessage
from dicom_node.domain.user import Permission
from dicom_node.domain.wanted_study import WantedStudy
from dicom_node.network.events import QueryAnswered, ReceptionEvent, StepChanged
from dicom_node.network.reactor import Reactor
from dicom_node.network.worklist_scp import WorklistScp, WorklistScpSettings
from dicom_node.node.access import database_access
from dicom_node.node.administration import make_people
from dicom_node.node.association_records import AssociationRecords
from dicom_node.node.clock import utc_now
from dicom_node.node.part_settings import tls_files
from dicom_node.node.repositories import Repositories
from dicom_node.node.wanting import next_revision
from dicom_node.persistence.ups.procedure_steps import HotbaseSteps
from dicom_node.ups.codes import UPS_QUERY
from dicom_node.ups.events import StepEvents
from dicom_node.ups.presentation import Station
from dicom_node.ups.service import ProcedureSteps
from dicom_node.ups.subscriptions import Receiver


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
        address = settings.notifications.address
        station = Station(
            ae_title=settings.network.ae_title,
            worklist_label=settings.worklist.label,
            wado_rs_url=f"{address}/dicom-web" if address else "",
        )
        self._events = StepEvents(
            store=self._store,
            book=repositories.subscriptions,
            outbox=repositories.messages,
            station=station,
            knows=self._knows,
            clock=utc_now,
            wake=self._wake,
        )
        self.steps = ProcedureSteps(
            store=self._store,
            review_queue=review_queue,
            analyses=_Analyses(repositories, archive=settings.retrieval.archive),
            station=station,
            clock=utc_now,
            lock_time=timedelta(hours=settings.worklist.lock_hours),
            events=self._events,
        )
        self._scp = WorklistScp(
            _scp_settings(settings),
            steps=self.steps,
            access=database_access(settings.hotbase_url, settings.network.ae_title),
            emit=self._tell,
        )
        self._people = make_people(repositories.users, repositories.tokens)
        self._notifier = Notifier()
        self._routers = self._make_routers()

    @property
    def port(self) -> int:
        """The port of the worklist."""
        return self._scp.port

    @property
    def routers(self) -> tuple[APIRouter, ...]:
        """What the HTTP side serves: UPS-RS, where the worklist is on or a file names tokens."""
        return self._routers

    def start(self) -> None:
        """Listen, where that is switched on.

        Raises
        ------
        ReceptionError
            The port cannot be used.
        """
        if self._settings.enabled:
            self._scp.start()
        self.announce()

    def announce(self) -> None:
        """Tell who has subscribed to all steps that the node is there again."""
        if self._settings.enabled or self._routers:
            self._events.restarted()

    def stop(self) -> None:
        """Stop listening."""
        self._scp.stop()

    def sweep(self) -> None:
        """Hold what performers have locked.

        Workstations send no heartbeats: their claims are extended here, before they expire.
        """
        if self._settings.enabled or self._routers:
            self.steps.keep_locks()

    def _make_routers(self) -> tuple[APIRouter, ...]:
        file = self._settings.token_file
        if not file and not self._settings.enabled:
            return ()
        titles = read_tokens(Path(file)) if file else {}
        caller = TokenCallers(titles, self._permitted, machines=self._machine)
        return (
            workitems_router(
                self.steps,
                caller=caller,
                tell=self._tell_request,
                limits=WorkitemLimits(max_results=self._settings.max_results),
            ),
            notifications_router(
                caller=caller, notifier=self._notifier, inbox=_WebInbox(self._repositories)
            ),
        )

    def _wake(self, receiver: Receiver) -> None:
        if receiver.channel is Channel.WEB:
            self._notifier.wake(receiver.title)

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

    def _knows(self, receiver: Receiver) -> bool:
        """Whether a receiver of events is administered, and can be told."""
        entity = self._repositories.ae_titles.find(receiver.title)
        if entity is None or Operation.WORKLIST not in entity.permitted:
            return False
        return receiver.channel is Channel.WEB or not entity.url

    def _machine(self, token: str) -> str | None:
        """Return the AE title of a token for reviewing that was issued for one."""
        bearer = self._people.bearer(token)
        if bearer is None or Permission.REVIEW not in bearer.permissions:
            return None
        return bearer.token.ae_title or None

    def _permitted(self, title: str) -> frozenset[Operation] | None:
        entity = self._repositories.ae_titles.find(title)
        return entity.permitted if entity is not None else None


class _WebInbox:
    """What waits for those who listen over WebSockets."""

    def __init__(self, repositories: Repositories) -> None:
        self._messages = repositories.messages

    def waiting(self, title: str) -> tuple[PeerMessage, ...]:
        """Return some of what was not sent yet, in its order."""
        return self._messages.due(utc_now(), channel=Channel.WEB, receiver=title, limit=100)

    def sent(self, message: PeerMessage) -> None:
        """Take note that a message was sent."""
        self._messages.taken([message.number], at=utc_now())


class _Analyses:
    """Opens studies again; the node's sweep starts their analysis."""

    def __init__(self, repositories: Repositories, *, archive: str) -> None:
        self._repositories = repositories
        self._archive = archive

    def ask(self, study_instance_uid: str, *, requester: str) -> int | None:
        """Open a study for another analysis; have one fetched that only the archive has whole."""
        index = self._repositories.index
        revision = index.reopen(study_instance_uid, with_priors=not self._archive)
        if revision is not None or not self._archive:
            return revision
        wanted = WantedStudy(
            study_instance_uid=study_instance_uid, archive=self._archive, sender=requester
        )
        self._repositories.wanted.want(wanted, at=utc_now())
        return next_revision(self._repositories, study_instance_uid)


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
