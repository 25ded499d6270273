"""Which audit message each kind of event is (PS3.15 Section A.5.3): one function for each kind."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_node.audit import codes
from dicom_node.audit.codes import Code
from dicom_node.audit.message import (
    THIS_NODE,
    Action,
    AuditMessage,
    AuditObject,
    ClassCount,
    Detail,
    ObjectRole,
    ObjectType,
    Outcome,
    Participant,
)
from dicom_node.domain.audit import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An application entity or machine at the other end, and where it is."""

    name: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPart:
    """How many objects of which SOP Classes of a study, and whose it is where that is known."""

    study: str
    classes: Mapping[str, int]
    patient_id: str = ""


def application(*, started: bool, by: str, at: datetime, version: str) -> AuditMessage:
    """Tell that the node started or stopped (A.5.3.1)."""
    return AuditMessage(
        event=codes.APPLICATION_ACTIVITY,
        types=(codes.APPLICATION_START if started else codes.APPLICATION_STOP,),
        action=Action.EXECUTE,
        at=at,
        participants=(
            Participant(
                user_id=THIS_NODE,
                alternative_id=f"dicom-node {version}",
                is_requestor=False,
                roles=(codes.APPLICATION,),
            ),
            Participant(user_id=by, is_requestor=True, roles=(codes.APPLICATION_LAUNCHER,)),
        ),
    )


def authentication(
    user: str, *, at: datetime, address: str, leaves: bool = False, refused: str = ""
) -> AuditMessage:
    """Tell that somebody signed in or out, or was refused (A.5.3.11)."""
    return AuditMessage(
        event=codes.USER_AUTHENTICATION,
        types=(codes.LOGOUT if leaves else codes.LOGIN,),
        action=Action.EXECUTE,
        at=at,
        outcome=Outcome.MINOR_FAILURE if refused else Outcome.SUCCESS,
        description=refused,
        participants=(
            Participant(user_id=user, is_requestor=True, address=address),
            Participant(user_id=THIS_NODE, is_requestor=False),
        ),
    )


def association(
    caller: Peer, *, at: datetime, association_id: str, requestor: Peer | None = None
) -> AuditMessage:
    """Tell that a peer's association was accepted (A.5.3.8), or an upload of a ``requestor``."""
    others = () if requestor is None else (_peer(requestor, is_requestor=True),)
    return AuditMessage(
        event=codes.NETWORK_ENTRY,
        types=(codes.ATTACH,),
        action=Action.EXECUTE,
        at=at,
        participants=(
            _peer(caller, is_requestor=not others),
            Participant(user_id=THIS_NODE, is_requestor=False),
            *others,
        ),
        objects=(_node(caller.name, details={"association": association_id}),),
    )


def refused_association(caller: Peer, *, called: str, at: datetime, reason: str) -> AuditMessage:
    """Tell that a peer was refused (A.5.3.10, Security Alert)."""
    return _alert(
        codes.NODE_AUTHENTICATION,
        _peer(caller, is_requestor=True),
        _node(caller.name, details={"called": called, "reason": reason}),
        at=at,
        reason=reason,
    )


def refused_service(
    user: str, *, address: str, at: datetime, what: str, reason: str
) -> AuditMessage:
    """Tell that somebody was refused a page or service (A.5.3.10, Security Alert)."""
    return _alert(
        codes.RESTRICTED_FUNCTION,
        Participant(user_id=user, is_requestor=True, address=address),
        AuditObject(object_id=what, id_type=codes.URI, name=what),
        at=at,
        reason=reason,
    )


def transfer(
    part: StudyPart,
    *,
    source: Peer,
    destination: Peer,
    at: datetime,
    begins: bool = False,
    requestor: Peer | None = None,
    problem: str = "",
    stored: bool = False,
) -> AuditMessage:
    """Tell that objects of a study begin to be, or were, transferred (A.5.3.3 and A.5.3.7).

    ``stored`` says that the node keeps them. Without a ``requestor`` the source is.
    """
    others = () if requestor is None else (_peer(requestor, is_requestor=True),)
    return AuditMessage(
        event=codes.BEGIN_TRANSFERRING if begins else codes.INSTANCES_TRANSFERRED,
        action=Action.EXECUTE if begins else Action.CREATE if stored else Action.READ,
        at=at,
        outcome=Outcome.MINOR_FAILURE if problem else Outcome.SUCCESS,
        description=problem,
        participants=(
            _peer(source, is_requestor=not others, role=codes.SOURCE),
            _peer(destination, is_requestor=False, role=codes.DESTINATION),
            *others,
        ),
        objects=_study(part),
    )


def accessed(part: StudyPart, *, user: str, address: str, at: datetime, how: str) -> AuditMessage:
    """Tell that somebody saw a study or got images of it (A.5.3.5)."""
    return AuditMessage(
        event=codes.INSTANCES_ACCESSED,
        action=Action.READ,
        at=at,
        participants=(Participant(user_id=user, is_requestor=True, address=address),),
        objects=_study(part, details={"how": how}),
    )


def verdict(part: StudyPart, *, user: str, address: str, at: datetime, item: str) -> AuditMessage:
    """Tell that somebody decided about a result (A.5.3.5: instances are updated)."""
    return AuditMessage(
        event=codes.INSTANCES_ACCESSED,
        action=Action.UPDATE,
        at=at,
        participants=(Participant(user_id=user, is_requestor=True, address=address),),
        objects=_study(part, details={"how": "verdict", "item": item}),
    )


def reopening(
    part: StudyPart, *, user: str, address: str, at: datetime, item: str, why: str
) -> AuditMessage:
    """Tell that somebody took a verdict back, and why (A.5.3.5: instances are updated)."""
    return AuditMessage(
        event=codes.INSTANCES_ACCESSED,
        action=Action.UPDATE,
        at=at,
        participants=(Participant(user_id=user, is_requestor=True, address=address),),
        objects=_study(part, details={"how": "verdict taken back", "item": item, "why": why}),
    )


def query(
    asking: Peer, *, at: datetime, service: str, asked: str, problem: str = ""
) -> AuditMessage:
    """Tell that somebody asked what the node holds (A.5.3.9); ``service`` is a UID or a path."""
    is_uid = service[:1].isdigit()
    return AuditMessage(
        event=codes.QUERY,
        action=Action.EXECUTE,
        at=at,
        outcome=Outcome.MINOR_FAILURE if problem else Outcome.SUCCESS,
        description=problem,
        participants=(
            _peer(asking, is_requestor=True, role=codes.SOURCE),
            Participant(user_id=THIS_NODE, is_requestor=False, roles=(codes.DESTINATION,)),
        ),
        objects=(
            AuditObject(
                object_id=service,
                id_type=codes.SOP_CLASS_UID if is_uid else codes.URI,
                role=ObjectRole.QUERY,
                query=asked,
            ),
        ),
    )


def step(
    performer: Peer, *, at: datetime, action: Action, uid: str, study: str = ""
) -> AuditMessage:
    """Tell that somebody changed a procedure step (A.5.3.13, Procedure Record)."""
    return AuditMessage(
        event=codes.PROCEDURE_RECORD,
        action=action,
        at=at,
        participants=(
            _peer(performer, is_requestor=True),
            Participant(user_id=THIS_NODE, is_requestor=False),
        ),
        objects=_study(StudyPart(study=study or uid, classes={}), details={"step": uid}),
    )


def export(
    parts: Iterable[str], *, user: str, at: datetime, where: str, anonymized: bool, form: str
) -> AuditMessage:
    """Tell that data left the node's hands (A.5.3.4)."""
    return AuditMessage(
        event=codes.EXPORT,
        action=Action.READ,
        at=at,
        participants=(Participant(user_id=user, is_requestor=True, roles=(codes.SOURCE,)),),
        objects=(
            AuditObject(
                object_id=where,
                id_type=codes.URI,
                name=form,
                anonymized=anonymized,
                details=tuple(Detail(kind="study", value=each) for each in parts),
            ),
        ),
    )


def deletion(study: str, *, user: str, at: datetime, why: str) -> AuditMessage:
    """Tell that everything of a study was erased (A.5.3.6)."""
    return AuditMessage(
        event=codes.STUDY_DELETED,
        action=Action.DELETE,
        at=at,
        participants=(Participant(user_id=user, is_requestor=True),),
        objects=_study(StudyPart(study=study, classes={}), details={"why": why}),
    )


def act(
    what: str, *, user: str, at: datetime, subject: str, details: Mapping[str, str] | None = None
) -> AuditMessage:
    """Tell that somebody did what few may: a backup, a restore, another try (A.5.3.10)."""
    return AuditMessage(
        event=codes.SECURITY_ALERT,
        types=(codes.RESTRICTED_FUNCTION,),
        action=Action.EXECUTE,
        at=at,
        description=what,
        participants=(Participant(user_id=user, is_requestor=True),),
        objects=(
            AuditObject(
                object_id=subject or what,
                id_type=codes.URI,
                role=ObjectRole.JOB,
                name=what,
                details=_details(details or {}),
            ),
        ),
    )


def log_used(user: str, *, at: datetime, address: str, where: str) -> AuditMessage:
    """Tell that somebody read the trail (A.5.3.2)."""
    return AuditMessage(
        event=codes.AUDIT_LOG_USED,
        action=Action.READ,
        at=at,
        participants=(Participant(user_id=user, is_requestor=True, address=address),),
        objects=(
            AuditObject(
                object_id=where,
                id_type=codes.URI,
                role=ObjectRole.SECURITY_RESOURCE,
                name="Security Audit Log",
            ),
        ),
    )


def recording_lost(count: int, *, at: datetime) -> AuditMessage:
    """Tell that records could not be written and are lost (A.5.3.10)."""
    return AuditMessage(
        event=codes.SECURITY_ALERT,
        types=(codes.RECORDING_STOPPED,),
        action=Action.EXECUTE,
        at=at,
        outcome=Outcome.SERIOUS_FAILURE,
        description=f"{count} records could not be written, and are lost",
        participants=(Participant(user_id=THIS_NODE, is_requestor=False),),
        objects=(_node(THIS_NODE),),
    )


# What was administered, by the beginning of the action's name; the rest is software's.
_SECURITY: tuple[tuple[str, Code], ...] = (
    ("user password", codes.USER_ATTRIBUTES_CHANGED),
    ("user ", codes.ROLES_CHANGED),
    ("token ", codes.USER_ATTRIBUTES_CHANGED),
    ("ae ", codes.NETWORK_CONFIGURATION),
)
# What was done with studies, and changes no configuration.
_ACTS = ("study rerun", "study resend", "delivery retry", "evidence retry")


def changed(change: Change) -> AuditMessage:
    """Tell what was administered: who, what, and what it was before and after (A.5.3.10)."""
    if change.action == "study erased":
        why = str(change.detail.get("why", "")) if isinstance(change.detail, dict) else ""
        return deletion(change.subject, user=change.actor, at=change.at, why=why)
    details = {"action": change.action, "after": _json(change.detail)}
    if change.before is not None:
        details["before"] = _json(change.before)
    if change.action in _ACTS:
        return act(
            change.action, user=change.actor, at=change.at, subject=change.subject, details=details
        )
    found = (code for start, code in _SECURITY if change.action.startswith(start))
    code = next(found, codes.SOFTWARE_CONFIGURATION)
    is_person = code in (codes.ROLES_CHANGED, codes.USER_ATTRIBUTES_CHANGED)
    return AuditMessage(
        event=codes.SECURITY_ALERT,
        types=(code,),
        action=Action.EXECUTE,
        at=change.at,
        description=f"{change.action}: {change.subject}",
        participants=(Participant(user_id=change.actor, is_requestor=True),),
        objects=(
            AuditObject(
                object_id=change.subject,
                id_type=_kind_of(code),
                type=ObjectType.PERSON if is_person else ObjectType.SYSTEM,
                role=ObjectRole.SECURITY_USER if is_person else ObjectRole.MASTER_FILE,
                name=change.action,
                details=_details(details),
            ),
        ),
    )


def _alert(
    kind: Code, refused: Participant, about: AuditObject, *, at: datetime, reason: str
) -> AuditMessage:
    return AuditMessage(
        event=codes.SECURITY_ALERT,
        types=(kind,),
        action=Action.EXECUTE,
        at=at,
        outcome=Outcome.MINOR_FAILURE,
        description=reason,
        participants=(Participant(user_id=THIS_NODE, is_requestor=False), refused),
        objects=(about,),
    )


def _kind_of(code: Code) -> Code:
    if code is codes.NETWORK_CONFIGURATION:
        return codes.NODE_ID
    return codes.URI if code is codes.SOFTWARE_CONFIGURATION else codes.USER_IDENTIFIER


def _peer(peer: Peer, *, is_requestor: bool, role: Code | None = None) -> Participant:
    return Participant(
        user_id=peer.name,
        is_requestor=is_requestor,
        address=peer.address,
        roles=(role,) if role is not None else (),
    )


def _node(name: str, *, details: Mapping[str, str] | None = None) -> AuditObject:
    return AuditObject(
        object_id=name, id_type=codes.NODE_ID, name=name, details=_details(details or {})
    )


def _study(part: StudyPart, *, details: Mapping[str, str] | None = None) -> tuple[AuditObject, ...]:
    if not part.study:
        return ()
    study = AuditObject(
        object_id=part.study,
        id_type=codes.STUDY_UID,
        role=ObjectRole.REPORT,
        details=_details(details or {}),
        classes=tuple(
            ClassCount(sop_class_uid=uid, instances=count)
            for uid, count in sorted(part.classes.items())
        ),
    )
    if not part.patient_id:
        return (study,)
    return study, AuditObject(
        object_id=part.patient_id,
        id_type=codes.PATIENT_NUMBER,
        type=ObjectType.PERSON,
        role=ObjectRole.PATIENT,
    )


def _details(values: Mapping[str, str]) -> tuple[Detail, ...]:
    return tuple(Detail(kind=kind, value=value) for kind, value in values.items() if value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def studies_of(message: AuditMessage) -> Sequence[str]:
    """Return the Study Instance UIDs that a message is about."""
    about = [each.object_id for each in message.objects if each.id_type == codes.STUDY_UID]
    listed = [
        detail.value
        for each in message.objects
        for detail in each.details
        if detail.kind == "study"
    ]
    return about + listed
