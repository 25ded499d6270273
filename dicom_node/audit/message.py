"""One audit message as a value (PS3.15 Section A.5.1)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicom_node.audit.codes import Code


class Action(StrEnum):
    """EventActionCode."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(StrEnum):
    """EventOutcomeIndicator."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"


class ObjectType(StrEnum):
    """ParticipantObjectTypeCode."""

    PERSON = "1"
    SYSTEM = "2"


class ObjectRole(StrEnum):
    """ParticipantObjectTypeCodeRole."""

    PATIENT = "1"
    REPORT = "3"
    MASTER_FILE = "5"
    USER = "6"
    SECURITY_USER = "11"
    SECURITY_RESOURCE = "13"
    JOB = "20"
    QUERY = "24"


THIS_NODE = ""
"""Stands for the node itself: whoever writes a message down knows its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Who took part: a person or a process, where, and in which role."""

    user_id: str
    is_requestor: bool
    name: str = ""
    alternative_id: str = ""
    address: str = ""
    roles: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One further fact about an object; travels as base64."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How many objects of a SOP Class."""

    sop_class_uid: str
    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditObject:
    """What it was about. It has a name or a query, never both."""

    object_id: str
    id_type: Code
    type: ObjectType = ObjectType.SYSTEM
    role: ObjectRole | None = None
    name: str = ""
    query: str | None = None
    details: tuple[Detail, ...] = ()
    classes: tuple[ClassCount, ...] = ()
    anonymized: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditMessage:
    """What happened, who took part, and what it was about."""

    event: Code
    action: Action
    at: datetime
    participants: tuple[Participant, ...]
    objects: tuple[AuditObject, ...] = ()
    types: tuple[Code, ...] = ()
    outcome: Outcome = Outcome.SUCCESS
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSource:
    """Who writes the trail: its name, and that of the hospital or department around it."""

    source_id: str
    site: str = ""
