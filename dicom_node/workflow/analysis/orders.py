"""Orders for studies whose images name none: asked of a worklist, once for each study."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ai_engine.prediction import Remark, RemarkKind
from dicom_node.domain.imaging_order import ImagingOrder, WorklistSource, found_order
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import shows_images
from dicom_node.domain.subject import Subject
from dicom_node.errors import NodeError

_LOG = logging.getLogger(__name__)
# A worklist that does not answer is not asked again for each study of a backlog.
_LEFT_ALONE = timedelta(minutes=1)


class OrderStore(Protocol):
    """What was found, durable."""

    def asked(self, study_instance_uid: str) -> bool:
        """Whether a worklist has answered for a study."""

    def of_study(self, study_instance_uid: str) -> ImagingOrder | None:
        """Return the order that was found for a study."""

    def keep(self, study_instance_uid: str, order: ImagingOrder | None, *, at: datetime) -> None:
        """Record what a worklist has answered for a study."""


class FindsOrders(Protocol):
    """Finds the orders of studies whose images name none."""

    def find(
        self, study_instance_uid: str, instances: Sequence[ReceivedInstance]
    ) -> ImagingOrder | None:
        """Return the order of a study, asking for it if nobody has."""

    def known(self, study_instance_uid: str) -> ImagingOrder | None:
        """Return the order that was found for a study; nobody is asked."""


class NoOrders:
    """Stands where no worklist is named."""

    def find(
        self, study_instance_uid: str, instances: Sequence[ReceivedInstance]
    ) -> ImagingOrder | None:
        """Find nothing."""
        del study_instance_uid, instances
        return None

    def known(self, study_instance_uid: str) -> ImagingOrder | None:
        """Know nothing."""
        del study_instance_uid
        return None


class Orders:
    """Finds the orders of studies."""

    def __init__(
        self,
        *,
        worklist: str,
        source: WorklistSource,
        store: OrderStore,
        subjects: Callable[[str], Subject],
        knows: Callable[[str], bool],
        clock: Callable[[], datetime],
    ) -> None:
        """Ask ``source``, which is the AE title ``worklist``.

        ``knows`` says of a Study Instance UID whether images of it are here.
        """
        self._worklist = worklist
        self._source = source
        self._store = store
        self._subjects = subjects
        self._knows = knows
        self._clock = clock
        self._not_before: datetime | None = None

    def known(self, study_instance_uid: str) -> ImagingOrder | None:
        """Return the order that was found for a study; nobody is asked."""
        return self._store.of_study(study_instance_uid)

    def find(
        self, study_instance_uid: str, instances: Sequence[ReceivedInstance]
    ) -> ImagingOrder | None:
        """Return the order of a study whose images name none, asking for it if nobody has.

        A worklist that is away holds no result up: the study then has no order, and the next
        analysis of it asks again.
        """
        if self._store.asked(study_instance_uid):
            return self._store.of_study(study_instance_uid)
        subject = self._subjects(study_instance_uid)
        now = self._clock()
        if subject.accession_number or (self._not_before and now < self._not_before):
            return None
        modalities = (each.header.modality or "" for each in instances)
        modality = next(filter(shows_images, modalities), "")
        try:
            order = found_order(self._source, self._worklist, subject, modality, knows=self._knows)
        except NodeError as error:
            self._not_before = now + _LEFT_ALONE
            _LOG.warning("order not asked for study=%s reason=%r", study_instance_uid, str(error))
            return None
        self._store.keep(study_instance_uid, order, at=now)
        _LOG.info("order asked for study=%s found=%s", study_instance_uid, order is not None)
        return order


def order_remark(order: ImagingOrder, sop_instance_uid: str) -> Remark:
    """Say that the order is not the images' own word."""
    procedure = order.procedure.requested_procedure_id
    named = f" and requested procedure {procedure}" if procedure else ""
    return Remark(
        kind=RemarkKind.ORDER_FOUND,
        sop_instance_uid=sop_instance_uid,
        detail=f"The images name no order. Accession number {order.procedure.accession_number}"
        f"{named} are those of the worklist {order.worklist}, found by {order.match.value}.",
    )
