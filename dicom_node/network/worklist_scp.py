"""The worklist SCP: Unified Procedure Steps and Modality Worklist (PS3.4 Annexes CC and K).

A thin face: it takes requests apart and puts answers together. What is asked for is decided by
``procedure_steps.service``, which knows nothing of associations.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast
from uuid import uuid4

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)
from pynetdicom import AE, build_context, evt
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import PresentationContext

from dicom_node.domain.callers import CallerRefusedError
from dicom_node.domain.peer_message import Channel
from dicom_node.domain.procedure_step import UpsStatus
from dicom_node.domain.reception import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.errors import NodeError
from dicom_node.network.access import AccessPolicy, AssociationRequest, Operation, Refusal
from dicom_node.network.data_sets import decoded
from dicom_node.network.events import (
    AssociationOpened,
    AssociationRefused,
    Emit,
    ReceptionEvent,
    StepChanged,
)
from dicom_node.network.logs import fields
from dicom_node.network.object_buffer import ObjectLimits
from dicom_node.network.query_scp import Asker, identifier_of, tell_query
from dicom_node.network.reactor import Reactor
from dicom_node.network.receiving_association import ReceivingAssociation
from dicom_node.network.slots import AssociationSlots, SlotCounts, SlotLimits
from dicom_node.network.status import response
from dicom_node.network.tls import TlsFiles, server_context
from dicom_node.network.transport import ReceiverServer, listen
from dicom_node.query.errors import QueryTooWideError, UnusableQueryError
from dicom_node.query.reading import read_identifier
from dicom_node.ups.codes import (
    MODALITY_WORKLIST,
    UPS_PULL,
    UPS_PUSH,
    UPS_QUERY,
    UPS_WATCH,
    VERIFICATION,
)
from dicom_node.ups.errors import REASONS, StepRefusedError
from dicom_node.ups.service import ProcedureSteps
from dicom_node.ups.subscriptions import Receiver

logger = logging.getLogger(__name__)

# What the worklist SCP accepts, and what of it an AE title must be permitted.
WORKLIST_SOP_CLASSES: dict[str, Operation] = {
    VERIFICATION: Operation.ECHO,
    MODALITY_WORKLIST: Operation.WORKLIST,
    UPS_PUSH: Operation.WORKLIST,
    UPS_PULL: Operation.WORKLIST,
    UPS_WATCH: Operation.WORKLIST,
    UPS_QUERY: Operation.WORKLIST,
}
WORKLIST_TRANSFER_SYNTAXES: tuple[str, ...] = (
    str(ExplicitVRLittleEndian),
    str(ImplicitVRLittleEndian),
    str(DeflatedExplicitVRLittleEndian),
    str(ExplicitVRBigEndian),
)
# PS3.4 Tables CC.2.1-1, CC.2.2-1 and CC.2.3-1
_CHANGE_STATE, _REQUEST_CANCEL, _SUBSCRIBE, _UNSUBSCRIBE, _SUSPEND = range(1, 6)
_SUCCESS, _CANCELED, _PENDING = 0x0000, 0xFE00, 0xFF00
_OUT_OF_RESOURCES, _QUERY_MISMATCH, _UNABLE = 0xA700, 0xA900, 0xC001
_LARGEST_REQUEST = 4 * 1024 * 1024

Answer = tuple[Dataset | int, Dataset | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistScpSettings:
    """How the worklist is served; times in seconds."""

    ae_title: str
    host: str
    port: int
    max_associations: int = 64
    max_results: int = 1000
    idle_timeout: float = 300.0
    artim_timeout: float = 30.0
    reactor: Reactor = Reactor.WAITING
    tls: TlsFiles | None = None


def _unsaid(_event: ReceptionEvent) -> None:
    """Tell nobody."""


class WorklistScp:
    """An application entity of its own port, in threads of the main process."""

    def __init__(
        self,
        settings: WorklistScpSettings,
        *,
        steps: ProcedureSteps,
        access: AccessPolicy,
        emit: Emit = _unsaid,
    ) -> None:
        """Serve ``steps`` to those whom ``access`` permits it; tell ``emit`` of it."""
        self._emit = emit
        self._settings = settings
        self._steps = steps
        self._access = access
        limits = SlotLimits.of(settings.max_associations)
        counts = SlotCounts.make(_array, receivers=1, limits=limits)
        self._slots = AssociationSlots(counts, 0, limits)
        self._server: ReceiverServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; known once started."""
        return int(self._server.server_address[1]) if self._server else self._settings.port

    def start(self) -> None:
        """Listen and serve.

        Raises
        ------
        ReceptionError
            The port cannot be used.
        """
        self._server = ReceiverServer(
            listen(self._settings.host, self._settings.port),
            _application_entity(self._settings),
            limits=ObjectLimits(max_bytes=_LARGEST_REQUEST),
            slots=self._slots,
            handlers=self._handlers(),
            tls=server_context(self._settings.tls) if self._settings.tls else None,
            reactor=self._settings.reactor,
        )
        self._thread = threading.Thread(target=self._server.serve, name="worklist", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting and abort what is open: nothing is lost that was answered."""
        if self._server is None:
            return
        self._server.shutdown()
        for association in self._server.active_associations:
            cast("ReceivingAssociation", association).stop()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _handlers(self) -> list[tuple[Any, Callable[[Event], Any]]]:
        return [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_N_CREATE, _answered(self._create)),
            (evt.EVT_N_GET, _answered(self._get)),
            (evt.EVT_N_SET, _answered(self._set)),
            (evt.EVT_N_ACTION, _answered(self._action)),
        ]

    def _on_requested(self, event: Event) -> None:
        """Let the association in, or reject it (PS3.8 Section 9.3.4)."""
        association = cast("ReceivingAssociation", event.assoc)
        primitive = cast("A_ASSOCIATE", association.requestor.primitive)
        request = AssociationRequest(
            calling_ae=association.proposal.calling_ae,
            called_ae=association.proposal.called_ae,
            peer_address=str(association.requestor.address),
            certificate=association.certificate,
        )
        proposed = primitive.presentation_context_definition_list
        reason = ""
        try:
            decided = association.proposal.refusal or self._decided(request, proposed)
        except CallerRefusedError as error:
            decided, reason = Refusal.CALLING_AE_UNKNOWN, str(error)
        if not isinstance(decided, Refusal) and not association.place.admit(request.calling_ae):
            decided = Refusal.TOO_MANY_ASSOCIATIONS
        if not isinstance(decided, Refusal):
            association.acceptor.supported_contexts = decided
            logger.info(
                "worklist.association %s",
                fields(calling_ae=request.calling_ae, peer=request.peer_address),
            )
            self._emit(
                AssociationOpened(
                    association_id=uuid4().hex,
                    calling_ae=request.calling_ae,
                    called_ae=request.called_ae,
                    peer_address=request.peer_address,
                    at=datetime.now(UTC),
                )
            )
            return
        logger.warning(
            "worklist.refused %s",
            fields(
                calling_ae=request.calling_ae,
                called_ae=request.called_ae,
                peer=request.peer_address,
                reason=reason or decided.name.lower(),
            ),
        )
        association.reject(decided)
        self._emit(
            AssociationRefused(
                calling_ae=request.calling_ae,
                called_ae=request.called_ae,
                peer_address=request.peer_address,
                refusal=decided,
                at=datetime.now(UTC),
                reason=reason,
            )
        )

    def _decided(
        self, request: AssociationRequest, proposed: Iterable[PresentationContext]
    ) -> list[PresentationContext] | Refusal:
        if request.called_ae != self._settings.ae_title:
            return Refusal.CALLED_AE_UNKNOWN
        try:
            permitted = self._access(request)
        except CallerRefusedError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever the policy rests on: nobody gets in
            logger.error("access.failed %s", fields(error=type(error).__name__))  # noqa: TRY400
            return Refusal.ACCESS_UNDECIDED
        if permitted is None:
            return Refusal.CALLING_AE_UNKNOWN
        supported = supported_contexts(proposed, permitted)
        if not supported and supported_contexts(proposed, frozenset(Operation)):
            return Refusal.OPERATION_NOT_PERMITTED
        return supported

    def _on_find(self, event: Event) -> Iterator[tuple[Dataset | int, Dataset | None]]:
        """Answer a query.

        Statuses: 0xFF00 for each match; 0xFE00 canceled; 0xA700 more matches than are given, or
        more steps than are looked at; 0xA900 the identifier does not fit; 0xC001 unable to process
        (PS3.4 Sections C.4.1.1.4, CC.2.8.4, K.4.1.1.4).
        """
        modality = str(event.context.abstract_syntax) == MODALITY_WORKLIST
        find = self._steps.find_modality_worklist if modality else self._steps.find
        count, problem = 0, ""
        asker = Asker(event)
        try:
            for match in find(read_identifier(identifier_of(event)), wanted=asker.waits):
                if not asker.waits():
                    break
                if count >= self._settings.max_results:
                    text = f"more than {count} match: narrow the query"
                    yield response(_OUT_OF_RESOURCES, text), None
                    break
                count += 1
                yield _PENDING, match
            if asker.has_canceled:
                yield _CANCELED, None
        except UnusableQueryError as error:
            problem = str(error)
            yield response(_QUERY_MISMATCH, problem), None
        except QueryTooWideError as error:
            problem = str(error)
            yield response(_OUT_OF_RESOURCES, problem), None
        except NodeError as error:
            problem = str(error)
            yield response(_UNABLE, problem), None
        logger.info(
            "worklist.query %s",
            fields(calling_ae=_caller(event), modality_worklist=modality, matches=count),
        )
        tell_query(event, self._emit, problem=problem)

    def _tell(self, event: Event, action: str, uid: str) -> None:
        self._emit(
            StepChanged(
                calling_ae=_caller(event),
                peer_address=str(event.assoc.requestor.address),
                action=action,
                step_uid=uid,
                at=datetime.now(UTC),
            )
        )

    def _create(self, event: Event) -> Answer:
        request = cast("Any", event.request)
        # Without one, the SCP names the new instance (PS3.7 Section 10.1.5.1.4).
        uid = str(request.AffectedSOPInstanceUID or generate_uid(prefix=None))
        dataset = _data_set(event, request.AttributeList)
        created = self._steps.create(uid, dataset, requester=_caller(event))
        self._tell(event, "C", uid)
        if request.AffectedSOPInstanceUID:
            return int(created.status), None
        named = Dataset()
        named.AffectedSOPInstanceUID = uid
        return _SUCCESS, named

    def _get(self, event: Event) -> Answer:
        request = cast("Any", event.request)
        tags, uid = tuple(event.attribute_identifiers), str(request.RequestedSOPInstanceUID)
        found = self._steps.get(uid, tags)
        self._tell(event, "R", uid)
        return _SUCCESS, found

    def _set(self, event: Event) -> Answer:
        request = cast("Any", event.request)
        dataset = _data_set(event, request.ModificationList)
        status = self._steps.update(
            str(request.RequestedSOPInstanceUID),
            dataset,
            transaction_uid=str(dataset.get("TransactionUID") or ""),
            performer=_caller(event),
        )
        self._tell(event, "U", str(request.RequestedSOPInstanceUID))
        return int(status), None

    def _action(self, event: Event) -> Answer:
        request = cast("Any", event.request)
        uid, action = str(request.RequestedSOPInstanceUID), event.action_type
        information = _data_set(event, request.ActionInformation)
        if action == _CHANGE_STATE:
            status = self._steps.change_state(
                uid,
                str(information.get("ProcedureStepState") or ""),
                transaction_uid=str(information.get("TransactionUID") or ""),
                performer=_caller(event),
            )
        elif action == _REQUEST_CANCEL:
            status = self._steps.request_cancel(uid, information, requester=_caller(event))
        elif action in (_SUBSCRIBE, _UNSUBSCRIBE, _SUSPEND):
            status = self._subscription(action, uid, information, _caller(event))
        else:
            raise StepRefusedError(UpsStatus.NO_SUCH_ACTION)
        self._tell(event, "U", uid)
        return int(status), None

    def _subscription(self, action: int, uid: str, information: Dataset, caller: str) -> UpsStatus:
        receiver = Receiver(
            title=str(information.get("ReceivingAE") or caller).strip(), channel=Channel.DIMSE
        )
        if action == _SUBSCRIBE:
            self._steps.subscribe(uid, receiver, information)
        elif action == _UNSUBSCRIBE:
            self._steps.unsubscribe(uid, receiver)
        else:
            self._steps.suspend(uid, receiver)
        return UpsStatus.SUCCESS


def _array(_type_code: str, length: int) -> list[int]:
    """Return counts for this process alone."""
    return [0] * length


def supported_contexts(
    proposed: Iterable[PresentationContext], operations: frozenset[Operation]
) -> list[PresentationContext]:
    """Return what to accept of a proposal."""
    wanted = dict.fromkeys(str(context.abstract_syntax) for context in proposed)
    return [
        build_context(uid, list(WORKLIST_TRANSFER_SYNTAXES))
        for uid in wanted
        if WORKLIST_SOP_CLASSES.get(uid) in operations
    ]


def _answered(handle: Callable[[Event], Answer]) -> Callable[[Event], Answer]:
    """Return a handler that answers a refusal with its status, and any error with some status."""

    def handler(event: Event) -> Answer:
        try:
            return handle(event)
        except StepRefusedError as error:
            status, text = int(error.status), str(error)
        except NodeError as error:
            status, text = int(UpsStatus.PROCESSING_FAILURE), str(error)
        except Exception as error:  # noqa: BLE001  # a peer is answered whatever went wrong
            logger.error("worklist.failed %s", fields(error=type(error).__name__))  # noqa: TRY400
            status, text = int(UpsStatus.PROCESSING_FAILURE), REASONS[UpsStatus.PROCESSING_FAILURE]
        logger.info(
            "worklist.request_refused %s",
            fields(calling_ae=_caller(event), status=f"0x{status:04X}", reason=text),
        )
        return response(status, text), None

    return handler


def _data_set(event: Event, encoded: BytesIO | None) -> Dataset:
    """Return the data set of a request; one that has none lacks all attributes.

    Raises
    ------
    IncompleteDataSetError
        It is cut off, or none.
    """
    return Dataset() if encoded is None else decoded(encoded, UID(event.context.transfer_syntax))


def _caller(event: Event) -> str:
    return str(event.assoc.requestor.ae_title).strip()


def _application_entity(settings: WorklistScpSettings) -> AE:
    ae = AE(ae_title=settings.ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.network_timeout = settings.idle_timeout
    ae.acse_timeout = settings.artim_timeout
    ae.dimse_timeout = settings.idle_timeout
    ae.maximum_associations = sys.maxsize  # counted by slots, before pynetdicom looks at its own
    return ae
