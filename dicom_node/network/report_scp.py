"""What modalities and archives report in a receiver: performed steps, and available instances.

A report is durable before it is answered; the main process is told of the studies that it is about.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom import evt
from pynetdicom.events import Event

from dicom_node.domain.performed_step import (
    DuplicateStepError,
    PerformedStep,
    StepIsOverError,
    UnknownStepError,
)
from dicom_node.network.errors import ReceptionStoppedError, UnusableReportError
from dicom_node.network.events import Emit, StudyReported
from dicom_node.network.logs import fields
from dicom_node.network.performed_data import (
    AVAILABILITY,
    LARGEST_BYTES,
    MOST_INSTANCES,
    availability,
    begun_step,
    changed_step,
    decoded,
)
from dicom_node.network.sources import OnceMade, SourceOfReports
from dicom_node.network.status import (
    DUPLICATE_SOP_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
    response,
)

logger = logging.getLogger(__name__)

Answer = tuple[Dataset | int, Dataset | None]

# What N-CREATE and N-SET are answered with (PS3.4 Sections F.7.2 and R.3.2, PS3.7 Annex C.5).
REPORT_STATUS: Mapping[int, str] = MappingProxyType(
    {
        SUCCESS: "The report is recorded",
        INVALID_ATTRIBUTE_VALUE: "A state or UID that is none; a step that does not begin "
        "IN PROGRESS",
        PROCESSING_FAILURE: "It cannot be read, or not recorded for now; with Error ID 0xA710: the "
        "step is completed or discontinued",
        DUPLICATE_SOP_INSTANCE: "There is a step of that UID",
        NO_SUCH_INSTANCE: "Nobody has begun a step of that UID",
        MISSING_ATTRIBUTE: "An attribute is missing that the node must know",
        MISSING_ATTRIBUTE_VALUE: "Such an attribute has no value",
        RESOURCE_LIMITATION: f"More than {LARGEST_BYTES >> 20} MiB, or {MOST_INSTANCES} instances",
    }
)
_IS_OVER = 0xA710  # PS3.4 Table F.7.2-2: may no longer be updated


class ReportScp:
    """Takes performed steps (MPPS) and notifications of availability in one receiver process."""

    def __init__(
        self,
        source: SourceOfReports,
        *,
        emit: Emit,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Record in what ``source`` gives; it is made when somebody reports first."""
        self._source = OnceMade(source)
        self._emit = emit
        self._now = now

    def handlers(self) -> list[tuple[Any, Callable[[Event], Any]]]:
        """Return the event handlers to bind."""
        return [
            (evt.EVT_N_CREATE, self._answered(self._create)),
            (evt.EVT_N_SET, self._answered(self._set)),
        ]

    def _create(self, event: Event) -> Answer:
        request: Any = event.request
        # Without one, the SCP names the new instance (PS3.7 Section 10.1.5.1.4).
        uid = str(request.AffectedSOPInstanceUID or generate_uid(prefix=None))
        attributes = decoded(request.AttributeList, UID(event.context.transfer_syntax))
        caller, now = _caller(event), self._now()
        if str(event.context.abstract_syntax) == AVAILABILITY:
            told = availability(uid, attributes, reporter=caller)
            self._source().available(told, at=now)
            self._tell(event, "C", uid, (told.study_instance_uid,), "available")
        else:
            step = begun_step(uid, attributes, reporter=caller)
            self._source().begin(step, at=now)
            self._tell(event, "C", uid, step.studies, step.state.value.lower())
        named = Dataset()
        named.AffectedSOPInstanceUID = uid
        return SUCCESS, None if request.AffectedSOPInstanceUID else named

    def _set(self, event: Event) -> Answer:
        request: Any = event.request
        uid = str(request.RequestedSOPInstanceUID)
        changes = decoded(request.ModificationList, UID(event.context.transfer_syntax))
        step: PerformedStep = changed_step(self._source().step(uid), changes)
        self._source().change(step, at=self._now())
        self._tell(event, "U", uid, step.studies, step.state.value.lower())
        return SUCCESS, None

    def _answered(self, handle: Callable[[Event], Answer]) -> Callable[[Event], Answer]:
        """Return a handler that answers whatever goes wrong with a status."""

        def handler(event: Event) -> Answer:
            try:
                return handle(event)
            except UnusableReportError as error:
                answer = response(error.status, str(error))
            except DuplicateStepError as error:
                answer = response(DUPLICATE_SOP_INSTANCE, str(error))
            except UnknownStepError as error:
                answer = response(NO_SUCH_INSTANCE, str(error))
            except StepIsOverError as error:
                answer = response(PROCESSING_FAILURE, str(error))
                answer.ErrorID = _IS_OVER
            except Exception as error:  # noqa: BLE001  # a peer is answered whatever went wrong
                logger.error("report.failed %s", fields(error=type(error).__name__))  # noqa: TRY400
                words = "it cannot be recorded now: report it again"
                answer = response(PROCESSING_FAILURE, words)
            logger.warning(
                "report.refused %s",
                fields(
                    calling_ae=_caller(event),
                    status=f"0x{answer.Status:04X}",
                    reason=answer.ErrorComment,
                ),
            )
            return answer, None

        return handler

    def _tell(
        self, event: Event, action: str, uid: str, studies: tuple[str, ...], what: str
    ) -> None:
        caller = _caller(event)
        logger.info(
            "report.taken %s", fields(calling_ae=caller, step=uid, studies=len(studies), what=what)
        )
        with suppress(ReceptionStoppedError):  # it is recorded: the node looks when it starts
            self._emit(
                StudyReported(
                    calling_ae=caller,
                    peer_address=str(event.assoc.requestor.address),
                    action=action,
                    step_uid=uid,
                    study_instance_uids=studies,
                    at=self._now(),
                )
            )


def _caller(event: Event) -> str:
    return str(event.assoc.requestor.ae_title).strip()
