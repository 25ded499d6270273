"""Audit messages as XML, as the schema of PS3.15 Section A.5.1 wants them, and back."""

import base64
import binascii
import ipaddress
from datetime import datetime
from xml.etree import ElementTree as ET

from dicom_node.audit.codes import Code
from dicom_node.audit.message import (
    Action,
    AuditMessage,
    AuditObject,
    AuditSource,
    ClassCount,
    Detail,
    ObjectRole,
    ObjectType,
    Outcome,
    Participant,
)

# Section A.5.1.2.1: an application server
_SOURCE_TYPE = "4"
# NetworkAccessPointTypeCode
_MACHINE, _IP = "1", "2"


def written(message: AuditMessage, source: AuditSource) -> str:
    """Return a message as XML on one line."""
    root = ET.Element("AuditMessage")
    _event(root, message)
    for each in message.participants:
        _participant(root, each, source)
    named = {"AuditEnterpriseSiteID": source.site} if source.site else {}
    where = ET.SubElement(
        root, "AuditSourceIdentification", {**named, "AuditSourceID": _token(source.source_id)}
    )
    ET.SubElement(where, "AuditSourceTypeCode", {"csd-code": _SOURCE_TYPE})
    for about in message.objects:
        _object(root, about, source)
    return ET.tostring(root, encoding="unicode")


def read(text: str) -> AuditMessage:
    """Return the message of an XML text that this module has written.

    Raises
    ------
    ValueError
        The text is something else.
    """
    try:
        return _message(ET.fromstring(text))  # noqa: S314 - the node's own lines, without entities
    except (ET.ParseError, KeyError, AttributeError, binascii.Error) as error:
        raise ValueError("this is no audit message") from error


def _event(root: ET.Element, message: AuditMessage) -> None:
    event = ET.SubElement(
        root,
        "EventIdentification",
        {
            "EventActionCode": message.action.value,
            "EventDateTime": message.at.isoformat(timespec="milliseconds"),
            "EventOutcomeIndicator": message.outcome.value,
        },
    )
    _coded(event, "EventID", message.event)
    for code in message.types:
        _coded(event, "EventTypeCode", code)
    if message.description:
        ET.SubElement(event, "EventOutcomeDescription").text = _clean(message.description)


def _participant(root: ET.Element, who: Participant, source: AuditSource) -> None:
    values = {"UserID": _clean(who.user_id or source.source_id)}
    if who.alternative_id:
        values["AlternativeUserID"] = _clean(who.alternative_id)
    if who.name:
        values["UserName"] = _clean(who.name)
    values["UserIsRequestor"] = "true" if who.is_requestor else "false"
    if who.address:
        values["NetworkAccessPointID"] = _token(who.address)
        values["NetworkAccessPointTypeCode"] = _IP if _is_ip(who.address) else _MACHINE
    element = ET.SubElement(root, "ActiveParticipant", values)
    for code in who.roles:
        _coded(element, "RoleIDCode", code)


def _object(root: ET.Element, about: AuditObject, source: AuditSource) -> None:
    values = {
        "ParticipantObjectID": _token(about.object_id or source.source_id),
        "ParticipantObjectTypeCode": about.type.value,
    }
    if about.role is not None:
        values["ParticipantObjectTypeCodeRole"] = about.role.value
    element = ET.SubElement(root, "ParticipantObjectIdentification", values)
    _coded(element, "ParticipantObjectIDTypeCode", about.id_type)
    if about.query is not None:
        ET.SubElement(element, "ParticipantObjectQuery").text = _base64(about.query)
    else:
        ET.SubElement(element, "ParticipantObjectName").text = _token(about.name)
    for detail in about.details:
        ET.SubElement(
            element,
            "ParticipantObjectDetail",
            {"type": _token(detail.kind), "value": _base64(detail.value)},
        )
    if about.classes or about.anonymized is not None:
        described = ET.SubElement(element, "ParticipantObjectDescription")
        for each in about.classes:
            count = {"UID": each.sop_class_uid, "NumberOfInstances": str(each.instances)}
            ET.SubElement(described, "SOPClass", count)
        if about.anonymized is not None:
            ET.SubElement(described, "Anonymized").text = str(about.anonymized).lower()


def _coded(parent: ET.Element, name: str, code: Code) -> None:
    values = {
        "csd-code": code.value,
        "codeSystemName": code.system,
        "originalText": code.meaning,
    }
    ET.SubElement(parent, name, values)


def _message(root: ET.Element) -> AuditMessage:
    event = _one(root, "EventIdentification")
    return AuditMessage(
        event=_code(_one(event, "EventID")),
        types=tuple(map(_code, event.findall("EventTypeCode"))),
        action=Action(event.attrib["EventActionCode"]),
        at=datetime.fromisoformat(event.attrib["EventDateTime"]),
        outcome=Outcome(event.attrib["EventOutcomeIndicator"]),
        description=event.findtext("EventOutcomeDescription", ""),
        participants=tuple(map(_read_participant, root.findall("ActiveParticipant"))),
        objects=tuple(map(_read_object, root.findall("ParticipantObjectIdentification"))),
    )


def _read_participant(element: ET.Element) -> Participant:
    found = element.attrib
    return Participant(
        user_id=found["UserID"],
        is_requestor=found["UserIsRequestor"] == "true",
        name=found.get("UserName", ""),
        alternative_id=found.get("AlternativeUserID", ""),
        address=found.get("NetworkAccessPointID", ""),
        roles=tuple(map(_code, element.findall("RoleIDCode"))),
    )


def _read_object(element: ET.Element) -> AuditObject:
    found = element.attrib
    role = found.get("ParticipantObjectTypeCodeRole")
    query = element.findtext("ParticipantObjectQuery")
    anonymized = element.findtext("ParticipantObjectDescription/Anonymized")
    return AuditObject(
        object_id=found["ParticipantObjectID"],
        id_type=_code(_one(element, "ParticipantObjectIDTypeCode")),
        type=ObjectType(found["ParticipantObjectTypeCode"]),
        role=ObjectRole(role) if role else None,
        name=element.findtext("ParticipantObjectName", ""),
        query=_text(query) if query is not None else None,
        details=tuple(
            Detail(kind=each.attrib["type"], value=_text(each.attrib["value"]))
            for each in element.findall("ParticipantObjectDetail")
        ),
        classes=tuple(
            ClassCount(
                sop_class_uid=each.attrib["UID"], instances=int(each.attrib["NumberOfInstances"])
            )
            for each in element.findall("ParticipantObjectDescription/SOPClass")
        ),
        anonymized=anonymized == "true" if anonymized is not None else None,
    )


def _one(element: ET.Element, name: str) -> ET.Element:
    found = element.find(name)
    if found is None:
        raise KeyError(name)
    return found


def _code(element: ET.Element) -> Code:
    found = element.attrib
    return Code(found["csd-code"], found["originalText"], found["codeSystemName"])


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode("ascii")


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "surrogatepass")


def _clean(text: str) -> str:
    """Return ``text`` without the characters that XML 1.0 cannot hold, which peers may send."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _token(text: str) -> str:
    """Return ``text`` as an xsd:token: without spaces at its ends and double ones within."""
    return " ".join(_clean(text).split())


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
