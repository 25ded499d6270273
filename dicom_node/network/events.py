"""What receivers tell the main process: frozen, picklable.

Who the patient is travels in ``ReceivedInstance.attributes`` alone, which no ``repr`` shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import AssociationEnded
from dicom_node.network.access import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationOpened:
    """An association was accepted; ``actor`` is the person or token of an upload."""

    association_id: str
    calling_ae: str
    called_ae: str
    peer_address: str
    at: datetime
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRefused:
    """An association was rejected; ``reason`` says more than the peer is told."""

    calling_ae: str
    called_ae: str
    peer_address: str
    refusal: Refusal
    at: datetime
    reason: str = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswered:
    """A query was answered; ``asked`` is its identifier in the DICOM JSON Model."""

    calling_ae: str
    peer_address: str
    sop_class_uid: str
    asked: str = field(repr=False)
    problem: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancesRetrieved:
    """A C-MOVE or C-GET was answered; ``studies`` counts what was to be sent of each.

    ``destination`` is where it went: the caller itself for C-GET.
    """

    calling_ae: str
    peer_address: str
    destination: str
    studies: Mapping[str, int]
    completed: int
    problem: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanged:
    """A procedure step was made or changed; ``action`` is an EventActionCode (PS3.15 A.5.1)."""

    calling_ae: str
    peer_address: str
    action: str
    step_uid: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyReported:
    """A modality told of a step that it performs, or an archive of what it has; it is recorded.

    ``action`` is an EventActionCode (PS3.15 A.5.1).
    """

    calling_ae: str
    peer_address: str
    action: str
    step_uid: str
    study_instance_uids: tuple[str, ...]
    at: datetime


ReceptionEvent = (
    AssociationOpened
    | AssociationRefused
    | InstanceReceived
    | ObjectRefused
    | AssociationClosed
    | QueryAnswered
    | InstancesRetrieved
    | StepChanged
    | StudyReported
)
Emit = Callable[[ReceptionEvent], None]
