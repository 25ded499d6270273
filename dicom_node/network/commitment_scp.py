"""Storage commitment in a receiver: requests of modalities, and results of destinations.

A request is durable before it is answered. Its result goes over the same association where the peer
leaves that open, and otherwise, or after a restart, over one that the node opens to the peer
(PS3.4 Section J.3.3): the main process does so for every request that is not settled here.
"""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pydicom.uid import UID
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.presentation import PresentationContext

from dicom_node.domain.commitment import (
    CommitmentRequest,
    DuplicateTransactionError,
    FailureReason,
    OpenRequest,
    UnknownTransactionError,
)
from dicom_node.network.commitment_data import (
    COMPLETE,
    FAILURES_EXIST,
    MOST_REFERENCES,
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_COMMITMENT,
    encoded_information,
    read_request,
    read_result,
    written_result,
)
from dicom_node.network.errors import UnusableCommitmentError
from dicom_node.network.logs import fields
from dicom_node.network.receiving_association import ReceivingAssociation
from dicom_node.network.sources import CommitmentSource, OnceMade, SourceOfCommitments
from dicom_node.network.status import (
    INVALID_ARGUMENT,
    NO_SUCH_ACTION,
    NO_SUCH_EVENT,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
    response,
)

logger = logging.getLogger(__name__)

# Whoever wants the result over the same association leaves it open for longer than this; many
# release it at once, and must not find a message there when they do.
GRACE_SECONDS = 0.5
_AT_ONCE = 4
# What N-ACTION is answered with (PS3.7 Section 10.1.4.1.10; 0x0131 of PS3.3 Section C.14.1.1).
ACTION_STATUS: Mapping[int, str] = MappingProxyType(
    {
        SUCCESS: "The request is recorded: its result will be told",
        PROCESSING_FAILURE: "It cannot be read, or not recorded for now",
        NO_SUCH_INSTANCE: "Not the well-known SOP Instance",
        INVALID_ARGUMENT: "No Transaction UID, no instances, or an item without its UIDs",
        NO_SUCH_ACTION: "An action type other than 1",
        int(FailureReason.DUPLICATE_TRANSACTION): "The Transaction UID was used before",
        RESOURCE_LIMITATION: f"More than {MOST_REFERENCES} instances at once",
    }
)
# What N-EVENT-REPORT is answered with (PS3.7 Section 10.1.1.1.8).
EVENT_STATUS: Mapping[int, str] = MappingProxyType(
    {
        SUCCESS: "The result is recorded",
        PROCESSING_FAILURE: "It cannot be read, or not recorded for now",
        NO_SUCH_EVENT: "An event type other than 1 and 2",
        INVALID_ARGUMENT: "A transaction that the node has not begun",
        RESOURCE_LIMITATION: f"More than {MOST_REFERENCES} instances at once",
    }
)
Request = Any  # N_ACTION or N_EVENT_REPORT: pynetdicom's primitives have no common type


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A request that is durable, with the association that it came over."""

    open_request: OpenRequest
    association: ReceivingAssociation
    context_id: int
    syntax: UID


class CommitmentScp:
    """Serves the Storage Commitment Push Model in one receiver process."""

    def __init__(self, source: SourceOfCommitments) -> None:
        """Record in what ``source`` gives; it is made when somebody asks first."""
        self._source = OnceMade(source)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="commitment")

    def serve(
        self, association: ReceivingAssociation, message: Request, context: PresentationContext
    ) -> None:
        """Answer one message; ``ACTION_STATUS`` and ``EVENT_STATUS`` say with what."""
        is_request = isinstance(message, N_ACTION)
        taken: _Taken | None = None
        status, words = SUCCESS, ""
        try:
            if is_request:
                taken = self._take_request(association, message, context)
            else:
                self._take_result(association, message, context)
        except UnusableCommitmentError as error:
            status, words = error.status, str(error)
        except DuplicateTransactionError as error:
            status, words = int(FailureReason.DUPLICATE_TRANSACTION), str(error)
        except UnknownTransactionError as error:
            status, words = INVALID_ARGUMENT, str(error)
        except Exception as error:  # noqa: BLE001  # a peer is answered whatever went wrong
            logger.error("commitment.failed %s", fields(error=type(error).__name__))  # noqa: TRY400
            status, words = PROCESSING_FAILURE, "it cannot be recorded now: ask again"
        if status != SUCCESS:
            logger.warning(
                "commitment.refused %s",
                fields(
                    calling_ae=association.proposal.calling_ae,
                    status=f"0x{status:04X}",
                    reason=words,
                ),
            )
        _answer(association, message, context, status, words)
        if taken is not None:
            try:
                self._threads.submit(self._settle, taken)
            except RuntimeError as error:  # no thread is left: the main process tells it
                logger.warning("commitment.left %s", fields(reason=str(error)))

    def _take_request(
        self, association: ReceivingAssociation, message: Request, context: PresentationContext
    ) -> _Taken:
        if str(message.RequestedSOPInstanceUID) != PUSH_MODEL_INSTANCE:
            raise UnusableCommitmentError(NO_SUCH_INSTANCE, "not the well-known SOP Instance")
        if message.ActionTypeID != REQUEST_COMMITMENT:
            raise UnusableCommitmentError(NO_SUCH_ACTION, "the only action is 1")
        syntax = context.transfer_syntax[0]
        request = read_request(message.ActionInformation, syntax)
        requestor, now = association.proposal.calling_ae, datetime.now(UTC)
        self._source().book.record(request, requestor=requestor, at=now)
        logger.info(
            "commitment.requested %s",
            fields(
                calling_ae=requestor,
                transaction=request.transaction_uid,
                instances=len(request.references),
            ),
        )
        return _Taken(
            open_request=OpenRequest(request=request, requestor=requestor, received_at=now),
            association=association,
            context_id=context.context_id or 0,
            syntax=syntax,
        )

    def _take_result(
        self, association: ReceivingAssociation, message: Request, context: PresentationContext
    ) -> None:
        if message.EventTypeID not in (COMPLETE, FAILURES_EXIST):
            raise UnusableCommitmentError(NO_SUCH_EVENT, "events are 1 and 2")
        result = read_result(message.EventInformation, context.transfer_syntax[0])
        destination = self._source().answers.answer(result, at=datetime.now(UTC))
        logger.info(
            "commitment.answered %s",
            fields(
                calling_ae=association.proposal.calling_ae,
                destination=destination,
                transaction=result.transaction_uid,
                committed=len(result.committed),
                failed=len(result.failed),
            ),
        )

    def _settle(self, taken: _Taken) -> None:
        """Tell the result over the association that asked, or leave it to the main process."""
        request = taken.open_request.request
        try:
            self._tell(self._source(), taken)
        except Exception as error:  # noqa: BLE001  # the row stays: the main process tells it
            logger.error(  # noqa: TRY400
                "commitment.unsettled %s",
                fields(transaction=request.transaction_uid, error=type(error).__name__),
            )

    def _tell(self, source: CommitmentSource, taken: _Taken) -> None:
        request, begun = taken.open_request.request, time.monotonic()
        result = source.check(taken.open_request)
        taken.association.over.wait(max(0.0, begun + GRACE_SECONDS - time.monotonic()))
        if taken.association.is_leaving:
            source.book.release(request.transaction_uid)
            return
        event_type, information = written_result(result)
        report = N_EVENT_REPORT()
        report.MessageID = taken.association.spare_message_id()
        report.AffectedSOPClassUID = PUSH_MODEL
        report.AffectedSOPInstanceUID = PUSH_MODEL_INSTANCE
        report.EventTypeID = event_type
        report.EventInformation = encoded_information(information, taken.syntax)
        status = taken.association.ask(report, taken.context_id)
        if status != SUCCESS:
            self._leave(source, request, status)
            return
        failed = len(result.failed)
        source.book.told(request.transaction_uid, failed=failed, at=datetime.now(UTC))
        logger.info(
            "commitment.told %s",
            fields(
                calling_ae=taken.open_request.requestor,
                transaction=request.transaction_uid,
                committed=len(result.committed),
                failed=failed,
            ),
        )

    def _leave(
        self, source: CommitmentSource, request: CommitmentRequest, status: int | None
    ) -> None:
        source.book.release(request.transaction_uid)
        said = "nothing" if status is None else f"0x{status:04X}"
        logger.info(
            "commitment.unanswered %s",
            fields(transaction=request.transaction_uid, status=said),
        )


def _answer(
    association: ReceivingAssociation,
    message: Request,
    context: PresentationContext,
    status: int,
    words: str,
) -> None:
    answer: Any = N_ACTION() if isinstance(message, N_ACTION) else N_EVENT_REPORT()
    answer.MessageIDBeingRespondedTo = message.MessageID
    answer.AffectedSOPClassUID = PUSH_MODEL
    answer.AffectedSOPInstanceUID = PUSH_MODEL_INSTANCE
    if isinstance(message, N_ACTION):
        answer.ActionTypeID = message.ActionTypeID
    else:
        answer.EventTypeID = message.EventTypeID
    answer.Status = status
    if words:
        answer.ErrorComment = response(status, words).ErrorComment
    association.dimse.send_msg(answer, context.context_id or 0)
