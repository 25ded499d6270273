"""What receivers tell the main process: frozen, picklable.

Who the patient is travels in ``ReceivedInstance.attributes`` alone, which no ``repr`` shows.
"""

from dataclasses import dataclass
from datetime import datetime

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import AssociationEnded
from dicom_node.network.access import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationOpened:
    """An association was accepted."""

    association_id: str
    calling_ae: str
    called_ae: str
    peer_address: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRefused:
    """An association was rejected."""

    calling_ae: str
    called_ae: str
    peer_address: str
    refusal: Refusal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReceived:
    """An instance is durable in the archive; its sender is about to be told so.

    ``duplicate`` when the same bytes lay there before. The event may come again for an instance
    that is sent again.
    """

    association_id: str
    instance: ReceivedInstance
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRefused:
    """A C-STORE was answered with a failure; ``kept_as`` is relative to the archive's root."""

    association_id: str
    status: int
    reason: str
    sop_class_uid: str
    sop_instance_uid: str
    kept_as: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationClosed:
    """An association ended; nothing more comes from it."""

    ended: AssociationEnded


ReceptionEvent = (
    AssociationOpened | AssociationRefused | InstanceReceived | ObjectRefused | AssociationClosed
)
