"""The storage SCP: verifies, stores and refuses, and says what it did (PS3.4 Annex B)."""

import logging
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE

from dicom_node.domain.callers import CallerRefusedError
from dicom_node.domain.reception import (
    Announcement,
    AssociationEnded,
    InstanceStore,
    StoredObject,
)
from dicom_node.errors import NodeError
from dicom_node.network.access import (
    AccessPolicy,
    AssociationRequest,
    Operation,
    Refusal,
)
from dicom_node.network.command_set import CommandSet
from dicom_node.network.contexts import ContextTable
from dicom_node.network.errors import ReceptionStoppedError
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    AssociationRefused,
    InstanceReceived,
    ObjectRefused,
    ReceptionEvent,
)
from dicom_node.network.logs import fields
from dicom_node.network.received_object import Pieces, ReceivedObject, StoreRequest
from dicom_node.network.receiving_association import ReceivingAssociation
from dicom_node.network.responses import Answer
from dicom_node.network.status import (
    NOT_AUTHORIZED,
    NOT_WHOLE,
    PROCESSING_FAILURE,
    SUCCESS,
    store_status,
)

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Open:
    """An association that was let in, from its request to its end."""

    association_id: str
    request: AssociationRequest
    permitted: frozenset[Operation]
    established: bool = False
    closed: bool = False


class StorageScp:
    """Handles the events of pynetdicom's associations in one receiver process."""

    def __init__(
        self,
        *,
        ae_title: str,
        store: InstanceStore,
        access: AccessPolicy,
        emit: Callable[[ReceptionEvent], None],
        offered: frozenset[Operation] = frozenset(Operation),
        max_object_bytes: int = sys.maxsize,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Answer as ``ae_title`` what is ``offered``, and tell ``emit`` what happens."""
        self._max_object_bytes = max_object_bytes
        self._ae_title = ae_title
        self._store = store
        self._access = access
        self._emit = emit
        self._offered = offered
        self._now = now
        self._contexts = ContextTable()
        self._open: dict[Association, _Open] = {}

    def handlers(self) -> list[tuple[Any, Callable[[Event], Any]]]:
        """Return the event handlers to bind."""
        return [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ESTABLISHED, self._on_established),
            (evt.EVT_RELEASED, self._on_ended),
            (evt.EVT_ABORTED, self._on_ended),
        ]

    def begin(
        self,
        association: ReceivingAssociation,
        command: CommandSet,
        syntax: str,
        pieces: Pieces,
    ) -> ReceivedObject:
        """Return what takes the object that a C-STORE request announces."""
        open_ = self._open.get(association)
        if open_ is None or Operation.STORE not in open_.permitted:
            return ReceivedObject(pieces)
        return ReceivedObject(
            pieces,
            store=self._store,
            announced=self._announced(open_, command, syntax),
            max_bytes=self._max_object_bytes,
        )

    def _announced(self, open_: _Open, command: CommandSet, syntax: str) -> Announcement:
        return Announcement(
            sop_class_uid=command.affected_class,
            sop_instance_uid=command.affected_instance,
            transfer_syntax_uid=syntax,
            calling_ae=open_.request.calling_ae,
            called_ae=open_.request.called_ae,
            received_at=self._now(),
        )

    def on_end(self, association: Association) -> None:
        """Take note that an association's thread ends, and close what ended without an event."""
        self._close(cast("ReceivingAssociation", association))
        self._open.pop(association, None)

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
        try:
            permitted = association.proposal.refusal or self._permitted(request)
        except CallerRefusedError as error:
            # The peer is told what strangers are told; why stands in the log and the audit trail.
            self._reject(association, request, Refusal.CALLING_AE_UNKNOWN, str(error))
            return
        if isinstance(permitted, Refusal):
            self._reject(association, request, permitted)
            return
        takers = _takers(association)
        supported = self._contexts.supported(proposed, permitted & self._offered, takers)
        if not supported and self._contexts.supported(proposed, self._offered, takers):
            self._reject(association, request, Refusal.OPERATION_NOT_PERMITTED)
        elif not association.place.admit(request.calling_ae):
            self._reject(association, request, Refusal.TOO_MANY_ASSOCIATIONS)
        else:
            association.acceptor.supported_contexts = supported
            self._open[association] = _Open(
                association_id=uuid4().hex, request=request, permitted=permitted
            )

    def _permitted(self, request: AssociationRequest) -> frozenset[Operation] | Refusal:
        if request.called_ae != self._ae_title:
            return Refusal.CALLED_AE_UNKNOWN
        try:
            permitted = self._access(request)
        except CallerRefusedError:
            raise
        except NodeError as error:
            logger.error("access.failed %s", fields(error=error))  # noqa: TRY400  # said in full
            return Refusal.ACCESS_UNDECIDED
        except Exception as error:  # noqa: BLE001  # whatever the policy rests on: nobody gets in
            _log_unexpected("access.failed", error)
            return Refusal.ACCESS_UNDECIDED
        return Refusal.CALLING_AE_UNKNOWN if permitted is None else permitted

    def _reject(
        self,
        association: ReceivingAssociation,
        request: AssociationRequest,
        refusal: Refusal,
        reason: str = "",
    ) -> None:
        logger.warning(
            "association.refused %s",
            fields(
                calling_ae=request.calling_ae,
                called_ae=request.called_ae,
                peer=request.peer_address,
                reason=reason or refusal.name.lower(),
            ),
        )
        association.reject(refusal)
        self._tell(
            AssociationRefused(
                calling_ae=request.calling_ae,
                called_ae=request.called_ae,
                peer_address=request.peer_address,
                refusal=refusal,
                at=self._now(),
                reason=reason,
            )
        )

    def _on_established(self, event: Event) -> None:
        open_ = self._open[event.assoc]
        open_.established = True
        logger.info(
            "association.opened %s",
            fields(
                association=open_.association_id,
                calling_ae=open_.request.calling_ae,
                peer=open_.request.peer_address,
                contexts=len(event.assoc.accepted_contexts),
            ),
        )
        self._tell(
            AssociationOpened(
                association_id=open_.association_id,
                calling_ae=open_.request.calling_ae,
                called_ae=open_.request.called_ae,
                peer_address=open_.request.peer_address,
                at=self._now(),
            )
        )

    def store(
        self, association: ReceivingAssociation, request: StoreRequest, syntax: str
    ) -> Answer:
        """Answer 0x0000 only when the object is durable and the main process has been told.

        Statuses: 0x0000; 0xB007 stored, and not whole; 0xA700, 0xA701 out of resources; 0xA900 not
        the announced instance; 0xC001, 0xC002 cannot understand; 0x0110 processing failure
        (PS3.4 Annex B.2.3).
        """
        try:
            open_ = self._open[association]
            announced = self._announced(open_, request.command, syntax)
            return self._answer(open_, request.received, announced)
        except Exception as error:  # noqa: BLE001  # a peer is answered whatever went wrong
            _log_unexpected("instance.failed", error)
            return Answer(PROCESSING_FAILURE, f"unexpected {type(error).__name__}")
        finally:
            request.received.close()

    def _answer(self, open_: _Open, received: ReceivedObject, announced: Announcement) -> Answer:
        if Operation.STORE not in open_.permitted:  # the context is for what C-GET sends
            return Answer(NOT_AUTHORIZED, "this AE title may retrieve, not store")
        try:
            stored = self._take(open_, received, announced)
        except ReceptionStoppedError as error:  # it is durable, but nobody knows of it yet
            return Answer(store_status(error), str(error))
        except NodeError as error:
            return self._refuse(open_, announced, received, store_status(error), str(error))
        except Exception as error:  # noqa: BLE001  # a peer is answered whatever went wrong
            _log_unexpected("instance.failed", error)
            reason = f"unexpected {type(error).__name__}"
            return self._refuse(open_, announced, received, PROCESSING_FAILURE, reason)
        if stored.is_whole:
            return Answer(SUCCESS)
        logger.warning(
            "instance.not_whole %s",
            fields(
                association=open_.association_id,
                calling_ae=announced.calling_ae,
                sop_instance=announced.sop_instance_uid,
            ),
        )
        return Answer(NOT_WHOLE, "stored as it came: it ends within an element")

    def _take(
        self, open_: _Open, received: ReceivedObject, announced: Announcement
    ) -> StoredObject:
        """Store the object and tell the main process, or raise the error that says why not."""
        stored = received.store(announced)
        self._emit(
            InstanceReceived(
                association_id=open_.association_id,
                instance=stored.instance,
                duplicate=stored.duplicate,
            )
        )
        return stored

    def _refuse(
        self,
        open_: _Open,
        announced: Announcement,
        received: ReceivedObject,
        status: int,
        reason: str,
    ) -> Answer:
        kept_as = received.refuse(announced, status=status, reason=reason)
        logger.warning(
            "instance.refused %s",
            fields(
                association=open_.association_id,
                calling_ae=announced.calling_ae,
                sop_instance=announced.sop_instance_uid,
                status=f"0x{status:04X}",
                reason=reason,
                kept_as=kept_as,
            ),
        )
        self._tell(
            ObjectRefused(
                association_id=open_.association_id,
                status=status,
                reason=reason,
                sop_class_uid=announced.sop_class_uid,
                sop_instance_uid=announced.sop_instance_uid,
                kept_as=kept_as,
                at=announced.received_at,
            )
        )
        return Answer(status, reason)

    def _tell(self, event: ReceptionEvent) -> None:
        """Tell the main process what it can do without when it is gone."""
        try:
            self._emit(event)
        except ReceptionStoppedError:
            logger.debug("event.unsent %s", fields(kind=type(event).__name__))

    def _on_ended(self, event: Event) -> None:
        self._close(cast("ReceivingAssociation", event.assoc))

    def _close(self, association: ReceivingAssociation) -> None:
        open_ = self._open.get(association)
        if open_ is None or open_.closed:
            return
        end = association.end
        open_.closed = True
        if not open_.established:
            return
        logger.info(
            "association.closed %s",
            fields(
                association=open_.association_id,
                calling_ae=open_.request.calling_ae,
                reason=end.value,
            ),
        )
        self._tell(
            AssociationClosed(
                ended=AssociationEnded(
                    association_id=open_.association_id,
                    calling_ae=open_.request.calling_ae,
                    end=end,
                    at=self._now(),
                )
            )
        )


def _takers(association: ReceivingAssociation) -> frozenset[str]:
    """Return the SOP Classes of which the requestor offers to be the SCP."""
    roles = association.requestor.role_selection
    return frozenset(str(uid) for uid, role in roles.items() if role.scp_role)


def _log_unexpected(what: str, error: Exception) -> None:
    """Log where an error arose without its message, which may quote a data set."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s %s\n%s", what, fields(error=type(error).__name__), frames)
