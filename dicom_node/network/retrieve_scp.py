"""The retrieve SCP: C-MOVE and C-GET of what the node holds (PS3.4 Sections C.4.2 and C.4.3)."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.presentation import PresentationContext

from dicom_node.errors import NodeError
from dicom_node.network.data_sets import decoded
from dicom_node.network.errors import (
    AssociationError,
    IncompleteDataSetError,
    ReceptionStoppedError,
)
from dicom_node.network.events import Emit, InstancesRetrieved
from dicom_node.network.logs import fields
from dicom_node.network.query_classes import GET_MODELS, MOVE_MODELS
from dicom_node.network.receiving_association import ReceivingAssociation
from dicom_node.network.sources import SourceOfQueries
from dicom_node.network.status import (
    CANCELED,
    DESTINATION_UNKNOWN,
    QUERY_MISMATCH,
    SUBOPERATIONS_FAILED,
    SUBOPERATIONS_IMPOSSIBLE,
    SUCCESS,
    UNABLE,
    response,
)
from dicom_node.network.suboperations import (
    MoveOriginator,
    Suboperation,
    encoded,
    moved,
    returned,
)
from dicom_node.query.catalogue import ArchivedObject
from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.information_model import read_retrieve
from dicom_node.query.reading import UNREADABLE

logger = logging.getLogger(__name__)

_PENDING = 0xFF00
_MOST_OPERATIONS = 0xFFFF  # the numbers of a response are US
Request = Any  # C_MOVE or C_GET: pynetdicom's primitives have no common type


class RetrievalRefusedError(NodeError):
    """A retrieval cannot be begun; ``status`` says why to the peer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True, kw_only=True)
class _Progress:
    """How many sub-operations came out in which way; ``untried`` ones have failed as well."""

    remaining: int
    untried: int = 0
    completed: int = 0
    warning: int = 0
    failed: list[str] = field(default_factory=list)

    def take(self, operation: Suboperation) -> None:
        """Count one that is over."""
        self.remaining -= 1
        if operation.completed:
            self.completed += 1
        elif operation.warned:
            self.warning += 1
        else:
            self.failed.append(operation.sop_instance_uid)

    @property
    def status(self) -> int:
        """The final status, where nothing stopped the retrieval."""
        if not self.failed and not self.warning:
            return SUCCESS
        lost_all = self.failed and not self.completed and not self.warning
        return SUBOPERATIONS_IMPOSSIBLE if lost_all else SUBOPERATIONS_FAILED


class RetrieveScp:
    """Serves C-MOVE and C-GET in one receiver process."""

    def __init__(self, source: SourceOfQueries, *, ae_title: str, emit: Emit) -> None:
        """Send what ``source`` holds, as ``ae_title``; tell ``emit`` of it."""
        self._emit = emit
        self._source = source
        self._ae_title = ae_title

    def serve(
        self, association: ReceivingAssociation, message: Request, context: PresentationContext
    ) -> None:
        """Answer one request.

        Statuses: 0xFF00 after each object; 0x0000 all stored; 0xB000 some failed or had warnings,
        0xA702 all failed or the destination cannot be reached; 0xFE00 canceled; 0xA801 the
        destination is not known; 0xA900 the identifier does not fit; 0xC001 unable to process.
        """
        association.dimse.cancel_req.clear()
        answers = _Answers(association, message, context)
        progress = _Progress(remaining=0)
        studies: Counter[str] = Counter()
        try:
            found = self._found(message, context)
            studies.update(each.study_instance_uid for each in found)
            progress.remaining = len(found)
            answers.follow(self._operations(found, message, association), progress)
        except RetrievalRefusedError as error:
            answers.end(progress, error.status, str(error))
        except UnusableQueryError as error:
            answers.end(progress, QUERY_MISMATCH, str(error))
        except AssociationError as error:
            answers.end(progress, SUBOPERATIONS_IMPOSSIBLE, str(error))
        except NodeError as error:
            answers.end(progress, UNABLE, str(error))
        except Exception as error:  # noqa: BLE001  # a peer is answered whatever went wrong
            logger.error("retrieval.failed %s", fields(error=type(error).__name__))  # noqa: TRY400
            answers.end(progress, UNABLE, "internal error: see the node's log")
        logger.info(
            "retrieval.answered %s",
            fields(
                calling_ae=association.proposal.calling_ae,
                completed=progress.completed,
                warning=progress.warning,
                failed=len(progress.failed) + progress.untried,
                problem=answers.problem,
            ),
        )
        self._tell(association, message, studies, progress, answers.problem)

    def _tell(
        self,
        association: ReceivingAssociation,
        message: Request,
        studies: Mapping[str, int],
        progress: _Progress,
        problem: str,
    ) -> None:
        caller = association.proposal.calling_ae
        moves = isinstance(message, C_MOVE)
        left = progress.remaining + progress.untried + len(progress.failed)
        with suppress(ReceptionStoppedError):
            self._emit(
                InstancesRetrieved(
                    calling_ae=caller,
                    peer_address=str(association.requestor.address),
                    destination=str(message.MoveDestination or "").strip() if moves else caller,
                    studies=dict(studies),
                    completed=progress.completed + progress.warning,
                    problem=problem or (f"{left} objects did not get there" if left else ""),
                    at=datetime.now(UTC),
                )
            )

    def _found(self, message: Request, context: PresentationContext) -> list[ArchivedObject]:
        models = MOVE_MODELS if isinstance(message, C_MOVE) else GET_MODELS
        model = models.get(str(context.abstract_syntax))
        if model is None:
            raise RetrievalRefusedError(QUERY_MISMATCH, "the SOP class has no such operation")
        request = read_retrieve(_identifier(message, context), model)
        found = list(islice(self._source().holdings.objects(request), _MOST_OPERATIONS + 1))
        if len(found) > _MOST_OPERATIONS:
            raise RetrievalRefusedError(UNABLE, f"more than {_MOST_OPERATIONS} objects match")
        return found

    def _operations(
        self,
        objects: Sequence[ArchivedObject],
        message: Request,
        association: ReceivingAssociation,
    ) -> Iterator[Suboperation]:
        message_id = int(message.MessageID or 0)
        if not isinstance(message, C_MOVE):
            priority = int(message.Priority or 0)
            return returned(objects, association, message_id=message_id, priority=priority)
        source = self._source()
        title = str(message.MoveDestination or "").strip()
        if title == self._ae_title or source.is_node(title):
            raise RetrievalRefusedError(
                DESTINATION_UNKNOWN, "the move destination is this node, which has the objects"
            )
        destination = source.destination(title)
        if destination is None:
            raise RetrievalRefusedError(
                DESTINATION_UNKNOWN, "the move destination is not administered"
            )
        return moved(
            objects,
            destination,
            calling_ae=self._ae_title,
            timeouts=source.timeouts,
            originator=MoveOriginator(
                ae_title=association.proposal.calling_ae, message_id=message_id
            ),
        )


class _Answers:
    """The responses to one request."""

    def __init__(
        self, association: ReceivingAssociation, message: Request, context: PresentationContext
    ) -> None:
        self._association = association
        self._message = message
        self._context = context
        self._message_id = int(message.MessageID or 0)
        self.problem = ""

    def follow(self, operations: Iterator[Suboperation], progress: _Progress) -> None:
        """Answer after each object and at the end, unless nobody is left to answer."""
        while progress.remaining:
            if self._message_id in self._association.dimse.cancel_req:
                self.end(progress, CANCELED, "")
                return
            progress.take(next(operations))
            if self._association.has_gone or self._association.has_asked_to_leave:
                self.problem = "the association ended"
                return
            if progress.remaining:
                self._send(progress, _PENDING, "")
        self.end(progress, progress.status, "")

    def end(self, progress: _Progress, status: int, comment: str) -> None:
        """Give the final response."""
        if status not in (SUCCESS, SUBOPERATIONS_FAILED, CANCELED) and progress.remaining:
            # Sub-operations that were never tried have failed (Section C.4.2.1.6).
            progress.untried, progress.remaining = progress.remaining, 0
        self.problem = comment
        self._send(progress, status, comment)

    def _send(self, progress: _Progress, status: int, comment: str) -> None:
        answer: Any = C_MOVE() if isinstance(self._message, C_MOVE) else C_GET()
        answer.MessageIDBeingRespondedTo = self._message_id
        answer.AffectedSOPClassUID = self._message.AffectedSOPClassUID
        answer.Status = status
        if comment:
            answer.ErrorComment = response(status, comment).ErrorComment
        if status in (_PENDING, CANCELED):
            answer.NumberOfRemainingSuboperations = progress.remaining
        answer.NumberOfCompletedSuboperations = progress.completed
        answer.NumberOfFailedSuboperations = len(progress.failed) + progress.untried
        answer.NumberOfWarningSuboperations = progress.warning
        if status not in (_PENDING, SUCCESS) and progress.failed:
            answer.Identifier = BytesIO(self._failed(progress))
        self._association.dimse.send_msg(answer, self._context.context_id or 0)

    def _failed(self, progress: _Progress) -> bytes:
        identifier = Dataset()
        identifier.FailedSOPInstanceUIDList = progress.failed
        return encoded(identifier, self._context.transfer_syntax[0])


def _identifier(message: Request, context: PresentationContext) -> Dataset:
    syntax = context.transfer_syntax[0]
    if message.Identifier is None:
        raise UnusableQueryError("the request has no identifier")
    try:
        return decoded(message.Identifier, syntax)
    except (IncompleteDataSetError, *UNREADABLE) as error:
        raise UnusableQueryError("the identifier cannot be read") from error
