"""Instance Availability Notification (PS3.4 Annex R): who asked for it is told of each result.

A result is available once its destination has it, and has shown so where it has to.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from dicom_node.domain.peer_message import Delivered, MessageKind, PeerMessage
from dicom_node.domain.performed_step import AnnouncedInstance

# What was delivered longer ago than this is no news, whoever wants to be told from now on.
_NEWS = timedelta(hours=1)
_NAMESPACE = uuid.UUID("5b0c3b2e-6a0e-4c0e-8f39-6f1f6a7a9b11")


class DeliveredBook(Protocol):
    """What was delivered, and who has been told of it."""

    def add(self, messages: Sequence[PeerMessage]) -> None:
        """Keep new messages."""

    def untold_deliveries(
        self, receivers: Sequence[str], *, since: datetime, limit: int = 100
    ) -> tuple[Delivered, ...]:
        """Return what destinations were given ``since``, and some of ``receivers`` not told."""

    def told(self, about: str, *, since: datetime) -> frozenset[str]:
        """Return who has been told of something ``since``, or is about to be."""


class AvailabilityNews:
    """Writes a notification of each delivery to each AE title that wants to be informed."""

    def __init__(
        self,
        *,
        book: DeliveredBook,
        receivers: Callable[[], Sequence[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._book = book
        self._receivers = receivers
        self._clock = clock

    def sweep(self) -> None:
        """Write what is to be told; sending it is another's work."""
        receivers = self._receivers()
        if not receivers:
            return
        now = self._clock()
        for each in self._book.untold_deliveries(receivers, since=now - _NEWS):
            told = self._book.told(each.delivery_id, since=each.delivered_at)
            self._book.add(
                [_message(each, receiver, now) for receiver in receivers if receiver not in told]
            )


def notification(delivered: Delivered) -> Dataset:
    """Return what is told of a delivery (PS3.4 Table R.3.2-1)."""
    dataset = Dataset()
    dataset.ReferencedPerformedProcedureStepSequence = Items()
    dataset.StudyInstanceUID = delivered.study_instance_uid
    ordered = sorted(delivered.instances, key=_series)
    dataset.ReferencedSeriesSequence = Items(
        [_of_series(uid, list(group)) for uid, group in groupby(ordered, key=_series)]
    )
    return dataset


def _message(delivered: Delivered, receiver: str, now: datetime) -> PeerMessage:
    moment = f"{delivered.delivery_id} {delivered.delivered_at.isoformat()} {receiver}"
    return PeerMessage(
        receiver=receiver,
        kind=MessageKind.AVAILABILITY,
        # Sent twice after a lost answer, it is one notification still.
        sop_instance_uid=f"2.25.{uuid.uuid5(_NAMESPACE, moment).int}",
        attributes=notification(delivered).to_json_dict(),
        study_instance_uid=delivered.study_instance_uid,
        about=delivered.delivery_id,
        made_at=now,
    )


def _series(instance: AnnouncedInstance) -> str:
    return instance.series_instance_uid


def _of_series(uid: str, instances: Sequence[AnnouncedInstance]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = uid
    item.ReferencedSOPSequence = Items([_of_instance(each) for each in instances])
    return item


def _of_instance(instance: AnnouncedInstance) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = instance.sop_class_uid
    item.ReferencedSOPInstanceUID = instance.sop_instance_uid
    item.InstanceAvailability = "ONLINE"
    item.RetrieveAETitle = instance.retrieve_ae
    return item
