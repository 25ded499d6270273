"""Images that a transfer lacks come from the archive that has them."""

import functools
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom.dataset import Dataset

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import FoundSeries
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.retrieval import ListedInstance, Purpose
from dicom_node.domain.study import StudyRecord
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.errors import AssociationError
from dicom_node.network.retrieve_scu import ArchiveScu
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.retrievals import RetrievalStore
from dicom_node.workflow.analysis.repair import Repaired, Repairing
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from tests.peers.objects import RECEIVED_AT, announcement, encoded, make_dataset, write_part10
from tests.peers.orthanc import Orthanc
from tests.peers.scp import answering_scp
from tests.unit.builders import EPOCH
from tests.unit.sr_templates_ct.builders import STUDY as CT_STUDY
from tests.unit.sr_templates_ct.builders import a_study
from tests.unit.workflow.test_ct_corridor import receive, seen, works
from tests.unit.workflow.test_pipeline import Works

STUDY, SERIES = "1.2.826.0.1.3680043.3.500", "1.2.826.0.1.3680043.3.500.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SLICES, HELD = 12, 5
TIMEOUTS = ScuTimeouts(connection=5.0, acse=30.0, dimse=30.0, network=30.0)


__all__ = ["seen", "works"]  # fixtures


@dataclass(slots=True)
class Expecting:
    """Notes which studies would be analysed again."""

    expected: list[str] = field(default_factory=list)

    def expect(self, study_instance_uid: str) -> None:
        """Note one."""
        self.expected.append(study_instance_uid)


@dataclass(slots=True)
class Desk:
    """A node's index and archive, with the beginning of a CT series."""

    engine: sa.Engine
    index: StudyIndex
    received: StorageArchive
    expecting: Expecting = field(default_factory=Expecting)

    def candidates(self) -> Sequence[StudyRecord]:
        return self.index.lacking("slices are missing", since=RECEIVED_AT - timedelta(days=1))

    def repairing(self, archive: object) -> Repairing:
        return Repairing(
            index=self.index,
            candidates=self.candidates,
            archive=archive,  # type: ignore[arg-type]
            completion=self.expecting,  # type: ignore[arg-type]
            retrievals=RetrievalStore(self.engine),
            title="ORTHANC",
            clock=lambda: RECEIVED_AT,
        )


def slices() -> Iterator[Dataset]:
    for number in range(1, SLICES + 1):
        yield make_dataset(
            5000 + number,
            SOPClassUID=CT_IMAGE,
            Modality="CT",
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=SERIES,
            PatientID="CT1",
            PatientName="Repair^Test",
            InstanceNumber=number,
        )


@pytest.fixture
def desk(engine: sa.Engine, tmp_path: Path) -> Desk:
    received = StorageArchive(ArchiveSettings(root=tmp_path / "received", durable=False))
    received.open()
    index = StudyIndex(engine)
    held = list(slices())[:HELD]
    index.record(
        [
            received.store(encoded(each), announcement(each, calling_ae="CT1")).instance
            for each in held
        ]
    )
    index.interrupted(STUDY, AssociationEnd.ABORTED, sender="CT1")
    return Desk(engine=engine, index=index, received=received)


def archive_of(desk: Desk, destination: Destination) -> ArchiveScu:
    return ArchiveScu(
        lambda: destination,
        calling_ae="AINODE",
        timeouts=TIMEOUTS,
        store=desk.received,
        now=lambda: RECEIVED_AT,
    )


@pytest.mark.peer
def test_slices_that_did_not_arrive_come_from_orthanc(
    desk: Desk, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    for number, each in enumerate(slices()):
        plain_orthanc.upload(write_part10(tmp_path / f"{number}.dcm", each))
    peer = plain_orthanc.peer
    to = Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port)
    repairing = desk.repairing(archive_of(desk, to))
    missing = SLICES - HELD
    (repaired,) = repairing.sweep()
    assert repaired == Repaired(study_instance_uid=STUDY, missing=missing, fetched=missing)
    instances = desk.index.instances(STUDY)
    assert {each.sop_instance_uid for each in instances} == {
        str(each.SOPInstanceUID) for each in slices()
    }
    fetched = [each for each in instances if each.calling_ae == peer.ae_title]
    assert len(fetched) == missing
    assert all(desk.received.path(each).exists() for each in fetched)
    study = desk.index.study(STUDY)
    assert study.sender == "CT1"
    assert study.interruption is None
    assert desk.expecting.expected == [STUDY]
    assert repairing.sweep() == ()


@pytest.mark.peer
def test_an_archive_without_queries_or_away_changes_nothing(desk: Desk) -> None:
    with answering_scp(ae_title="PACS") as scp:
        there = Destination(ae_title="PACS", host=scp.peer.host, port=scp.peer.port)
        archive = archive_of(desk, there)
        with pytest.raises(AssociationError, match="does not answer queries"):
            archive.listed(STUDY, [SERIES])
        assert desk.repairing(archive).sweep() == ()
    (told,) = RetrievalStore(desk.engine).outcomes(STUDY, Purpose.REPAIR).values()
    assert told == "the archive does not answer queries"
    assert len(desk.index.instances(STUDY)) == HELD
    assert desk.expecting.expected == []
    assert desk.index.study(STUDY).interruption is AssociationEnd.ABORTED


@dataclass(slots=True)
class PartialArchive:
    """An archive that has one image more than it hands out."""

    desk: Desk
    count: int | None = SLICES
    asked: int = 0

    def series_of(self, study: str) -> tuple[FoundSeries, ...]:
        """Return the series, with a count."""
        assert study == STUDY
        return (FoundSeries(series_instance_uid=SERIES, modality="CT", instances=self.count),)

    def listed(self, study: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        """Return every slice."""
        if not series:
            return ()
        assert (study, list(series)) == (STUDY, [SERIES])
        self.asked += 1
        return tuple(
            ListedInstance(
                series_instance_uid=SERIES,
                sop_instance_uid=str(each.SOPInstanceUID),
                sop_class_uid=CT_IMAGE,
            )
            for each in slices()
        )

    def fetched(self, study: str, wanted: Sequence[ListedInstance]) -> tuple[ReceivedInstance, ...]:
        """Return all but one."""
        assert study == STUDY
        by_uid = {str(each.SOPInstanceUID): each for each in slices()}
        store = functools.partial(announcement, calling_ae="PACS")
        return tuple(
            self.desk.received.store(encoded(one), store(one)).instance
            for one in (by_uid[each.sop_instance_uid] for each in wanted[1:])
        )


def test_what_stays_missing_keeps_the_transfer_marked_as_broken_off(desk: Desk) -> None:
    archive = PartialArchive(desk)
    repairing = desk.repairing(archive)
    missing = SLICES - HELD
    (repaired,) = repairing.sweep()
    assert (repaired.missing, repaired.fetched) == (missing, missing - 1)
    assert desk.index.study(STUDY).interruption is AssociationEnd.ABORTED
    repairing.sweep()
    repairing.sweep()
    assert archive.asked == 2  # once more for what had come, and then no more


def test_an_archive_that_counts_no_more_images_is_not_looked_into(desk: Desk) -> None:
    archive = PartialArchive(desk, count=HELD)
    repairing = desk.repairing(archive)
    assert repairing.sweep() == ()
    assert archive.asked == 0
    assert desk.index.study(STUDY).interruption is None  # that is all there is
    outcomes = RetrievalStore(desk.engine).outcomes(STUDY, Purpose.REPAIR)
    assert outcomes == {"ORTHANC": "it has no more images"}


@pytest.mark.peer
def test_a_ct_with_ten_slices_withheld_is_repaired_and_measured_whole(
    works: Works, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    datasets = a_study().datasets
    for number, each in enumerate(datasets):
        plain_orthanc.upload(write_part10(tmp_path / f"{number}.dcm", deepcopy(each)))
    receive(works, [*datasets[:25], *datasets[35:]])
    works.corridor.analyse(CT_STUDY, InlineSteps(workflow_id="first"))
    (first,) = works.hotbase.jobs(CT_STUDY)
    (refusal,) = {each["reason"] for each in works.hotbase.refusals(first["job_id"])}
    assert refusal == "slices are missing"

    peer = plain_orthanc.peer
    to = Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port)
    works.corridor.inference._archive = peer.ae_title
    repairing = Repairing(
        index=works.index,
        candidates=lambda: works.index.lacking("slices are missing", since=EPOCH),
        archive=ArchiveScu(
            lambda: to,
            calling_ae="AINODE",
            timeouts=TIMEOUTS,
            store=works.received,
            now=works.clock,
        ),
        completion=works.corridor.completion,
        retrievals=RetrievalStore(works.engine),
        title=peer.ae_title,
        clock=works.clock,
    )
    (repaired,) = repairing.sweep()
    assert (repaired.missing, repaired.fetched) == (10, 10)

    works.corridor.analyse(CT_STUDY, InlineSteps(workflow_id="second"))
    (job,) = (
        each["job_id"] for each in works.hotbase.jobs(CT_STUDY) if each["job_id"] != first["job_id"]
    )
    assert works.hotbase.refusals(job) == ()
    whole = {
        (row.side.value, round(row.volume_ml))
        for row in a_study().prediction.analysis.measurements  # type: ignore[union-attr]
    }
    measured = {
        (each["site"], round(each["value"]))
        for each in works.hotbase.measurements(job)
        if each["name"] == "volume"
    }
    assert measured, sorted({each["name"] for each in works.hotbase.measurements(job)})
    assert measured <= whole
    (remark,) = (
        each
        for each in works.hotbase.remarks(job)
        if each["kind"] == "images fetched from an archive"
    )
    assert remark["detail"].startswith("10 of 60 images were missing in the transfer")
    (report,) = [
        works.objects.evidence(each.path)
        for each in works.hotbase.evidence(job)
        if each.kind is EvidenceKind.SR
    ]
    assert remark["detail"] in report.to_json()
