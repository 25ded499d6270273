"""Brings what the receiver processes report to the corridor's reception."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import AssociationEnded
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    InstanceReceived,
    ReceptionEvent,
    StudyReported,
)
from dicom_node.workflow.analysis.receive import Associations, Reception

_LOG = logging.getLogger(__name__)
_NOTICED = 0.5  # seconds


class ReceptionDesk:
    """Takes batches of events; called by one thread of the receiver pool.

    When the database cannot be written, nothing is lost: what was received is in the archive.
    The desk remembers that the index lags behind, and ``catch_up`` mends it from the files.
    """

    def __init__(
        self,
        *,
        reception: Reception,
        associations: Associations,
        stored: Callable[[], Iterable[ReceivedInstance]],
        skew: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Take events; ``skew`` is by how many seconds this host's clock is ahead of the others'.

        Where it is, times of reception are put right: quiet periods are measured elsewhere.
        """
        self._reception = reception
        self._associations = associations
        self._stored = stored
        self._skew = skew
        self._lags = False
        self._unended: deque[AssociationEnded] = deque()

    def handle(self, events: Sequence[ReceptionEvent]) -> None:
        """Index what was received, then check the studies of associations that ended."""
        for event in events:
            if isinstance(event, AssociationOpened):
                self._associations.opened(event.association_id, event.calling_ae)
        brought = [
            (event.association_id, self._put_right(event.instance))
            for event in events
            if isinstance(event, InstanceReceived)
        ]
        closed = [event.ended for event in events if isinstance(event, AssociationClosed)]
        try:
            self._reception.received(brought)
            if self._lags:  # what they brought may not be indexed yet
                self._unended.extend(closed)
            else:
                self._reception.ended(closed)
            for event in events:
                if isinstance(event, StudyReported):
                    self._reception.reported(event.study_instance_uids)
        except sa.exc.SQLAlchemyError:
            self._lags = True
            # Their studies would be taken for carried, and a transfer that broke off for a whole.
            self._unended.extend(closed)
            _LOG.exception("index not written objects=%d; they will be indexed later", len(brought))

    def _put_right(self, instance: ReceivedInstance) -> ReceivedInstance:
        skew = self._skew()
        if abs(skew) < _NOTICED:
            return instance
        return replace(instance, received_at=instance.received_at - timedelta(seconds=skew))

    def lags(self) -> bool:
        """Whether the archive may hold what the index does not."""
        return self._lags

    def catch_up(self) -> None:
        """Index what the archive holds and the index does not, where there may be such objects."""
        if self._lags:
            self._reconcile(self._stored)

    def catch_up_with(self, missed: Iterable[ReceivedInstance]) -> None:
        """Index those of these objects that the index lacks."""
        self._reconcile(lambda: missed)

    def take_in(self, missed: Iterable[ReceivedInstance]) -> None:
        """Index those of these objects that the index lacks, for who asks again where it fails.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            The index cannot be written.
        """
        self._reception.reconcile(missed)

    def _reconcile(self, missed: Callable[[], Iterable[ReceivedInstance]]) -> None:
        self._lags = False
        unended = [self._unended.popleft() for _ in range(len(self._unended))]
        try:
            self._reception.reconcile(missed())
            self._reception.ended(unended)
        except sa.exc.SQLAlchemyError:
            self._lags = True
            self._unended.extendleft(reversed(unended))
            _LOG.exception("index still cannot be written; trying again at the next sweep")
