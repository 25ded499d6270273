"""What peers do over DICOM is in the trail: each association, transfer, query and refusal."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ComputedRadiographyImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from dicom_node.audit.codes import PATIENT_NUMBER
from dicom_node.audit.events import studies_of
from dicom_node.audit.markup import written
from dicom_node.audit.message import AuditMessage, AuditSource, Outcome
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Role
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.instruments import Instruments
from dicom_node.network.access import StaticAccess
from dicom_node.network.events import AssociationRefused, InstancesRetrieved, QueryAnswered
from dicom_node.node.association_records import AssociationRecords
from dicom_node.node.couriers import courier_parts
from dicom_node.node.holdings import query_source
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.delivery.courier import Courier
from sr_templates.evidence_kind import EvidenceKind
from tests.peers import node
from tests.peers.objects import announcement, encoded, make_dataset, write_part10
from tests.peers.raw_scu import rejection
from tests.peers.scp import answering_scp
from tests.schema import give_schemas
from tests.unit.audit.schema import breaches
from tests.unit.builders import EPOCH, an_entity, an_instance
from tests.unit.persistence.test_hotbase import JOB

STUDIES = ("1.2.840.7.1", "1.2.840.7.2")
BOTH = OPERATIONS_OF_ROLE[Role.QUERY] | OPERATIONS_OF_ROLE[Role.MODALITY]


@dataclass(slots=True, kw_only=True)
class Site:
    """A node's receivers, and what becomes of what they tell."""

    reception: node.Reception
    repositories: Repositories
    taken: int = 0
    recorded: list[AuditMessage] = field(default_factory=list)

    def said(self) -> list[str]:
        """What was recorded since the last time, in a line each."""
        events = self.reception.recorder.events[self.taken :]
        self.taken += len(events)
        messages: list[AuditMessage] = []
        AssociationRecords(messages.append).handle(events)
        self.recorded = messages
        return [line(each) for each in messages]


def line(message: AuditMessage) -> str:
    assert breaches(written(message, AuditSource(source_id="AINODE"))) == []
    ends = [each.user_id or "node" for each in message.participants]
    counts = [each.instances for about in message.objects for each in about.classes]
    return " ".join(
        [
            message.event.meaning,
            " > ".join(ends),
            *(f"of {study}" for study in studies_of(message)),
            *([f"{sum(counts)} objects"] if counts else []),
            *([f"({message.description})"] if message.outcome is not Outcome.SUCCESS else []),
        ]
    )


def objects() -> Iterator[Dataset]:
    for number, study in enumerate(STUDIES, start=1):
        for image in range(1, 4):
            made = make_dataset(
                10 * number + image,
                SOPClassUID=ComputedRadiographyImageStorage,
                PatientID=f"P{number}",
                StudyInstanceUID=study,
                SeriesInstanceUID=f"{study}.1",
            )
            made.ensure_file_meta()
            made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            yield made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = NodeSettings.model_validate({"data_dir": tmp_path_factory.mktemp("node")})
    repositories = Repositories(settings)
    give_schemas(repositories)
    running = node.reception(
        settings.archive_dir,
        access=functools.partial(StaticAccess, {"BOTH": BOTH}),
        queries=functools.partial(query_source, settings.model_dump()),
    )
    with running as reception:
        yield Site(reception=reception, repositories=repositories)
    repositories.close()


@contextmanager
def association(
    site: Site, *contexts: Any, calling: str = "BOTH", **options: Any
) -> Iterator[Association]:
    made = AE(ae_title=calling).associate(
        "127.0.0.1",
        site.reception.peer.port,
        [build_context(each, ExplicitVRLittleEndian) for each in contexts],
        ae_title="AINODE",
        **options,
    )
    yield made
    if made.is_established:
        made.release()


def closed(site: Site, before: int) -> None:
    site.reception.closed(before + 1)


@pytest.fixture
def ended(site: Site) -> int:
    """How many associations had ended before the test."""
    site.said()
    return len(site.reception.recorder.of(node.AssociationClosed))


def test_what_is_stored_is_recorded_by_study_and_not_by_object(site: Site, ended: int) -> None:
    with association(site, ComputedRadiographyImageStorage) as sending:
        for dataset in objects():
            assert sending.send_c_store(dataset).Status == 0x0000
    closed(site, ended)
    assert site.said() == [
        "Network Entry BOTH > node",
        *(f"Begin Transferring DICOM Instances BOTH > node of {each}" for each in STUDIES),
        *(f"DICOM Instances Transferred BOTH > node of {each} 3 objects" for each in STUDIES),
    ]
    assert site.recorded[0].participants[0].address == "127.0.0.1"
    patients = [
        each.object_id
        for message in site.recorded[3:]
        for each in message.objects
        if each.id_type == PATIENT_NUMBER
    ]
    assert patients == ["P1", "P2"]


def test_a_transfer_that_breaks_off_or_is_refused_is_recorded_as_that(
    site: Site, ended: int
) -> None:
    with association(site, ComputedRadiographyImageStorage) as sending:
        first, second = list(objects())[:2]
        assert sending.send_c_store(first).Status == 0x0000
        del second.StudyInstanceUID
        assert sending.send_c_store(second).Status != 0x0000
        sending.abort()
    closed(site, ended)
    assert site.said()[-1] == (
        f"DICOM Instances Transferred BOTH > node of {STUDIES[0]} 1 objects "
        "(the association ended early: aborted; 1 objects were refused)"
    )


def test_whoever_is_refused_is_a_security_alert(site: Site, ended: int) -> None:
    asked = [(str(Verification), ExplicitVRLittleEndian)]
    assert rejection(site.reception.peer, "STRANGER", asked) is not None
    site.reception.recorder.wait_for(AssociationRefused)
    assert site.said() == ["Security Alert node > STRANGER (calling ae unknown)"]
    assert site.recorded[0].types[0].meaning == "Node Authentication"
    assert ended >= 0


def test_queries_and_retrievals_are_recorded(site: Site, ended: int) -> None:
    for dataset in objects():
        stored = site.reception.archive.store(encoded(dataset), announcement(dataset))
        site.repositories.index.record([stored.instance])
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = STUDIES[1]
    find = StudyRootQueryRetrieveInformationModelFind
    get = StudyRootQueryRetrieveInformationModelGet
    move = StudyRootQueryRetrieveInformationModelMove
    with answering_scp(syntaxes=[ExplicitVRLittleEndian]) as there:
        entity = an_entity("ANSWERS", host="127.0.0.1", port=there.peer.port)
        site.repositories.ae_titles.put(entity, actor="t", at=EPOCH)
        with association(
            site,
            find,
            get,
            move,
            ComputedRadiographyImageStorage,
            ext_neg=[build_role(ComputedRadiographyImageStorage, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, lambda _event: 0x0000)],
        ) as asking:
            asked = list(asking.send_c_find(identifier, find))
            assert len(asked) == 2
            assert [each.Status for each, _ in asking.send_c_get(identifier, get)][-1] == 0x0000
            moved = list(asking.send_c_move(identifier, "ANSWERS", move))
            assert moved[-1][0].Status == 0x0000
            assert list(asking.send_c_move(identifier, "NOBODY", move))[-1][0].Status == 0xA801
        assert len(there.received) == 3
    closed(site, ended)
    site.reception.recorder.wait_for(QueryAnswered)
    site.reception.recorder.wait_for(InstancesRetrieved, 3)
    assert site.said() == [
        "Network Entry BOTH > node",
        "Query BOTH > node",
        f"DICOM Instances Transferred node > BOTH > BOTH of {STUDIES[1]}",
        f"DICOM Instances Transferred node > ANSWERS > BOTH of {STUDIES[1]}",
        f"DICOM Instances Transferred node > NOBODY > BOTH of {STUDIES[1]} "
        "(the move destination is not administered)",
    ]
    assert STUDIES[1] in (site.recorded[1].objects[0].query or "")


def test_results_that_are_delivered_or_not_are_recorded(site: Site) -> None:
    repositories = site.repositories
    dataset = next(objects())
    repositories.evidence.open()
    write_part10(repositories.evidence.root / "result.dcm", dataset)
    repositories.index.record([an_instance("1.1")])
    repositories.hotbase.add_job(JOB, at=EPOCH)
    repositories.hotbase.keep_evidence(
        [
            EvidenceObject(
                sop_instance_uid=str(dataset.SOPInstanceUID),
                sop_class_uid=str(dataset.SOPClassUID),
                series_instance_uid=str(dataset.SeriesInstanceUID),
                kind=EvidenceKind.SR,
                job_id=JOB.job_id,
                path="result.dcm",
            )
        ]
    )
    recorded: list[AuditMessage] = []
    parts = courier_parts(
        repositories.settings,
        repositories,
        Instruments(CollectorRegistry(), version="test"),
        record=recorded.append,
    )
    with answering_scp([0xA700, 0x0000], syntaxes=[ExplicitVRLittleEndian]) as there:
        port = there.peer.port
        repositories.ae_titles.put(
            an_entity("PACS", host="127.0.0.1", port=port, roles=frozenset({Role.PACS})),
            actor="t",
            at=EPOCH,
        )
        repositories.deliveries.plan(JOB.job_id, "PACS", at=EPOCH)
        Courier("PACS", parts).round()
    said = [line(each) for each in recorded]
    assert said[0].startswith(
        f"DICOM Instances Transferred node > PACS of {JOB.study_instance_uid} "
        "(PACS did not store 1 of 1 objects:"
    )
