"""Audit messages: each kind keeps the schema of the Standard, and is read as it was written."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.audit import events
from dicom_node.audit.codes import PATIENT_NUMBER, STUDY_UID
from dicom_node.audit.events import Peer, StudyPart
from dicom_node.audit.markup import read, written
from dicom_node.audit.message import (
    THIS_NODE,
    Action,
    AuditMessage,
    AuditSource,
    ObjectType,
)
from dicom_node.domain.audit import Change
from tests.unit.audit.schema import breaches

AT = datetime(2026, 3, 1, 7, 8, 9, 123000, tzinfo=UTC)
SOURCE = AuditSource(source_id="AINODE", site="Radiology")
CR1 = Peer(name="CR1", address="10.0.0.7")
STUDY = StudyPart(study="1.2.3", classes={"1.2.840.10008.5.1.4.1.1.1.1": 2}, patient_id="P 17")
HERE = {"user": "ada", "address": "fe80::1", "at": AT}


def change(action: str, subject: str, detail: object, before: object = None) -> AuditMessage:
    return events.changed(
        Change(at=AT, actor="otto", action=action, subject=subject, detail=detail, before=before)
    )


MESSAGES = {
    "start": events.application(started=True, by="root", at=AT, version="0.1.0"),
    "stop": events.application(started=False, by="root", at=AT, version="0.1.0"),
    "signed in": events.authentication(**HERE),
    "refused": events.authentication(**HERE, refused="name or password wrong"),
    "signed out": events.authentication(**HERE, leaves=True),
    "association": events.association(CR1, at=AT, association_id="17"),
    "no association": events.refused_association(CR1, called="X", at=AT, reason="unknown"),
    "no page": events.refused_service(**HERE, what="GET /people", reason="needs admin"),
    "begins": events.transfer(STUDY, source=CR1, destination=Peer(name=""), at=AT, begins=True),
    "received": events.transfer(STUDY, source=CR1, destination=Peer(name=""), at=AT, stored=True),
    "moved": events.transfer(
        STUDY, source=Peer(name=""), destination=CR1, at=AT, requestor=CR1, problem="1 failed"
    ),
    "seen": events.accessed(STUDY, **HERE, how="page"),
    "verdict": events.verdict(STUDY, **HERE, item="i1"),
    "verdict taken back": events.reopening(STUDY, **HERE, item="i1", why="the wrong side"),
    "C-FIND": events.query(CR1, at=AT, service="1.2.840.10008.5.1.4.1.2.2.1", asked="{}"),
    "QIDO": events.query(CR1, at=AT, service="/dicom-web/studies", asked="PatientName=Ä*"),
    "step": events.step(CR1, at=AT, action=Action.UPDATE, uid="1.2.9"),
    "export": events.export(
        ["1.2.3", "1.2.4"], user="root", at=AT, where="/out", anonymized=True, form="nih"
    ),
    "erased": change("study erased", "1.2.3", {"files": 2, "why": "asked for"}),
    "backup": events.act("backup", user="root", at=AT, subject="/backup"),
    "trail read": events.log_used(**HERE, where="/audit"),
    "lost": events.recording_lost(3, at=AT),
    "AE title": change("ae put", "CR1", {"port": 104}, {"port": 105}),
    "AE title removed": change("ae remove", "CR1", {}, {"port": 105}),
    "person": change("user change", "ada", ["admin"], ["expert"]),
    "password": change("user password", "ada", []),
    "token": change("token add", "ada", {"name": "pacs", "scopes": ["status"]}),
    "route": change("route change", "chest", {"name": "chest"}),
    "promotion": change("model promote", "chest", {"version": "2"}, {"version": "1"}),
    "rerun": change("study rerun", "1.2.3", {"count": 1}),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_kind_of_message_keeps_the_schema(kind: str) -> None:
    assert breaches(written(MESSAGES[kind], SOURCE)) == []


def test_the_schema_refuses_what_it_should() -> None:
    message = written(MESSAGES["received"], SOURCE)
    for wrong in (
        message.replace('EventActionCode="C"', 'EventActionCode="X"'),
        message.replace("AuditSourceID", "SourceID"),
        message.replace("<ParticipantObjectName />", ""),
        message.replace('UID="1.2.840', 'UID="a.2.840'),
        message.replace('EventDateTime="2026-03-01T', 'EventDateTime="2026-03-01 '),
    ):
        assert wrong != message
        assert breaches(wrong) != []


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_is_read_as_it_was_written(kind: str) -> None:
    message = MESSAGES[kind]
    found = read(written(message, SOURCE))
    assert (found.event, found.types, found.action, found.at) == (
        message.event,
        message.types,
        message.action,
        message.at,
    )
    assert found.outcome == message.outcome
    assert [each.details for each in found.objects] == [each.details for each in message.objects]
    assert [each.query for each in found.objects] == [each.query for each in message.objects]
    assert [each.user_id for each in found.participants] == [
        each.user_id if each.user_id != THIS_NODE else "AINODE" for each in message.participants
    ]


def test_a_transfer_names_both_ends_the_study_and_the_patient_id_but_no_name() -> None:
    found = read(written(MESSAGES["received"], SOURCE))
    assert [(each.user_id, each.address, each.roles[0].value) for each in found.participants] == [
        ("CR1", "10.0.0.7", "110153"),
        ("AINODE", "", "110152"),
    ]
    assert [(each.id_type, each.object_id, each.type) for each in found.objects] == [
        (STUDY_UID, "1.2.3", ObjectType.SYSTEM),
        (PATIENT_NUMBER, "P 17", ObjectType.PERSON),
    ]
    assert found.objects[0].classes[0].instances == 2


def test_a_change_says_what_it_was_before_and_after() -> None:
    found = read(written(MESSAGES["AE title"], SOURCE)).objects[0]
    said = {each.kind: each.value for each in found.details}
    assert said == {"action": "ae put", "after": '{"port": 104}', "before": '{"port": 105}'}


@pytest.mark.slow
@given(st.text(), st.text())
def test_whatever_a_peer_calls_itself_the_message_keeps_the_schema(name: str, asked: str) -> None:
    peer = Peer(name=name, address=name)
    message = written(events.query(peer, at=AT, service=f"/{name}", asked=asked), SOURCE)
    assert "\n" not in message
    assert breaches(message) == []
    assert read(message).objects[0].query == asked
