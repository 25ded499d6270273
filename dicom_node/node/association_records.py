"""What receivers tell, as audit records: one for an association and one for each of its studies."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from dicom_node.audit import events
from dicom_node.audit.events import Peer, StudyPart
from dicom_node.audit.message import THIS_NODE, Action
from dicom_node.audit.trail import Record
from dicom_node.domain.reception import AssociationEnded
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    AssociationRefused,
    InstanceReceived,
    InstancesRetrieved,
    ObjectRefused,
    QueryAnswered,
    ReceptionEvent,
    StepChanged,
    StudyReported,
)

_PATIENT_ID = "00100020"
_HERE = Peer(name=THIS_NODE)


@dataclass(slots=True)
class _Coming:
    """What of a study has come over an association."""

    patient_id: str
    classes: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    """An association: who is at its other end, what came, and what was refused.

    ``requestor`` is who has uploaded, a person or a token; without, it is the caller.
    """

    caller: Peer
    requestor: Peer | None = None
    studies: dict[str, _Coming] = field(default_factory=dict)
    refused: int = 0


class AssociationRecords:
    """Turns what receivers tell into audit records; each association is told by one thread.

    A study's first object over an association is recorded at once, and how many came when the
    association ends: what comes in between costs a count.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._open: dict[str, _Open] = {}

    def handle(self, told: Sequence[ReceptionEvent]) -> None:
        """Take what receivers tell, in its order."""
        for each in told:
            self._take(each)

    def _take(self, event: ReceptionEvent) -> None:
        match event:
            case AssociationOpened():
                self._opened(event)
            case InstanceReceived():
                self._received(event)
            case AssociationClosed():
                self._ended(event.ended)
            case ObjectRefused():
                if (found := self._open.get(event.association_id)) is not None:
                    found.refused += 1
            case AssociationRefused():
                self._record(
                    events.refused_association(
                        Peer(name=event.calling_ae, address=event.peer_address),
                        called=event.called_ae,
                        at=event.at,
                        reason=event.reason or event.refusal.name.lower().replace("_", " "),
                    )
                )
            case QueryAnswered():
                self._record(
                    events.query(
                        Peer(name=event.calling_ae, address=event.peer_address),
                        at=event.at,
                        service=event.sop_class_uid,
                        asked=event.asked,
                        problem=event.problem,
                    )
                )
            case InstancesRetrieved():
                self._retrieved(event)
            case StepChanged() | StudyReported():
                self._record(
                    events.step(
                        Peer(name=event.calling_ae, address=event.peer_address),
                        at=event.at,
                        action=Action(event.action),
                        uid=event.step_uid,
                    )
                )

    def _opened(self, event: AssociationOpened) -> None:
        caller = Peer(name=event.calling_ae, address=event.peer_address)
        actor = Peer(name=event.actor, address=event.peer_address) if event.actor else None
        self._open[event.association_id] = _Open(caller, actor)
        self._record(
            events.association(
                caller, at=event.at, association_id=event.association_id, requestor=actor
            )
        )

    def _received(self, event: InstanceReceived) -> None:
        found = self._open.get(event.association_id)
        if found is None:
            return
        instance = event.instance
        study = found.studies.get(instance.study_instance_uid)
        if study is None:
            study = _Coming(_patient_id(event))
            found.studies[instance.study_instance_uid] = study
            self._record(
                events.transfer(
                    StudyPart(
                        study=instance.study_instance_uid,
                        classes={},
                        patient_id=study.patient_id,
                    ),
                    source=found.caller,
                    destination=_HERE,
                    at=instance.received_at,
                    begins=True,
                    requestor=found.requestor,
                )
            )
        count = study.classes.get(instance.sop_class_uid, 0)
        study.classes[instance.sop_class_uid] = count + 1

    def _ended(self, ended: AssociationEnded) -> None:
        found = self._open.pop(ended.association_id, None)
        if found is None:
            return
        problem = "" if ended.end.orderly else f"the association ended early: {ended.end.value}"
        if found.refused:
            problem = "; ".join(filter(None, (problem, f"{found.refused} objects were refused")))
        for study, coming in found.studies.items():
            self._record(
                events.transfer(
                    StudyPart(study=study, classes=coming.classes, patient_id=coming.patient_id),
                    source=found.caller,
                    destination=_HERE,
                    at=ended.at,
                    stored=True,
                    problem=problem,
                    requestor=found.requestor,
                )
            )

    def _retrieved(self, event: InstancesRetrieved) -> None:
        caller = Peer(name=event.calling_ae, address=event.peer_address)
        is_back = event.destination == event.calling_ae
        destination = caller if is_back else Peer(name=event.destination)
        # Nothing was found, or the request could not be read: it was made all the same.
        for study in event.studies or ("",):
            self._record(
                events.transfer(
                    StudyPart(study=study, classes={}),
                    source=_HERE,
                    destination=destination,
                    at=event.at,
                    requestor=caller,
                    problem=event.problem,
                )
            )


def _patient_id(event: InstanceReceived) -> str:
    attributes = event.instance.attributes
    if attributes is None:
        return ""
    values = json.loads(attributes.study).get(_PATIENT_ID, {}).get("Value", [])
    return str(values[0]) if values and values[0] is not None else ""
