"""The corridor from a quiet study to planned deliveries, with a fake model and sender."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from dicom_node.archive.objects import DicomObjects, SummarisedObjects
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.archive.warehouse_files import DeviceFolders
from dicom_node.domain.application_entity import ADMINISTERED_EVIDENCE, Role
from dicom_node.domain.delivery import WAITING, Delivery, RetryPolicy
from dicom_node.domain.device import device_of
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.observation import Suspension
from dicom_node.domain.reception import Announcement, AssociationEnd
from dicom_node.domain.route import Route
from dicom_node.domain.study import StudyState
from dicom_node.errors import NodeError
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.corridor.conflicts import ConflictStore
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.patient_decisions import PatientDecisionStore
from dicom_node.persistence.corridor.substitutes import SubstituteStore
from dicom_node.persistence.devices.observations import ObservationStore
from dicom_node.persistence.review.external_reports import ExternalReportStore
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.infer import Inference
from dicom_node.workflow.analysis.make_evidence import EvidenceMaking, Images, NoImages
from dicom_node.workflow.analysis.patients import Patients
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.analysis.set_aside import RejectedImages
from dicom_node.workflow.analysis.slots import Slots
from dicom_node.workflow.analysis.unrouted import routing_identity
from dicom_node.workflow.analysis.watch import DeviceWatch
from dicom_node.workflow.delivery.courier import Courier, CourierParts
from dicom_node.workflow.delivery.plan import Planning
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import Models
from dicom_node.workflow.review.conclude import Concluding
from dicom_node.workflow.review.external_reports import ExternalVerdicts
from dicom_node.workflow.review.file import Filing
from dicom_node.workflow.review.stages import ReviewStages
from dicom_node.workflow.review.waiting import Reviewing
from dicom_node.workflow.testing.fakes import (
    FAKE_MODEL,
    FakeClock,
    FakeModels,
    FakeSender,
    InlineSteps,
)
from dicom_node.workflow.testing.review_fakes import FakeWarehouse
from sr_templates.context import EvidenceContext
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, STUDY, an_entity, an_instance
from tests.unit.workflow.fitted import fitting, proving

pytestmark = pytest.mark.slow

ROUTING_IDENTITY = routing_identity(version="0", manufacturer="m")
CHEST = Route(name="chest", model="any", modalities=frozenset({"DX"}))


class Works:
    """A corridor whose model, sender and clock are fakes; everything else is real."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.clock = FakeClock(EPOCH)
        self.engine = engine
        self.folder = folder
        self.models = FakeModels()
        self.index = StudyIndex(engine)
        self.hotbase = Hotbase(engine)
        self.deliveries = DeliveryStore(engine)
        self.substitutes = SubstituteStore(engine)
        self.sender = FakeSender()
        self.observations = ObservationStore(engine)
        self.received = StorageArchive(ArchiveSettings(root=folder / "received", durable=False))
        self.evidence = StorageArchive(ArchiveSettings(root=folder / "evidence", durable=False))
        archives = {"received": self.received, "evidence": self.evidence, "clock": self.clock}
        self.objects = DicomObjects(**archives, ae_title="AINODE")
        self.summaries = SummarisedObjects(**archives, ae_title="AINODE")
        self.received.open()
        self.evidence.open()
        self.ae_titles = ae_titles = AeTitleStore(engine)
        ae_titles.put(an_entity("CR1", quiet_period=0), actor="t", at=EPOCH)
        self.external = ExternalReportStore(engine)
        self.patient_decisions = PatientDecisionStore(engine)
        self.patients = Patients(decisions=self.patient_decisions, results=self.hotbase)
        repositories = {"index": self.index, "results": self.hotbase, "clock": self.clock}
        rejected = RejectedImages(self.objects).among
        self.corridor = Corridor(
            completion=Completion(
                **repositories, ae_titles=ae_titles, is_carried=lambda _: False, patience=30
            ),
            routing=Routing(
                **repositories,
                routes=lambda: (CHEST,),
                ae_titles=ae_titles,
                patients=self.patients,
                models=self.models,
                identity=ROUTING_IDENTITY,
                rejected=rejected,
                conflicts=ConflictStore(engine).of_study,
            ),
            inference=Inference(
                **repositories,
                models=self.models,
                watch=DeviceWatch(self.observations),
                routes=lambda: (CHEST,),
                rejected=rejected,
                conflicts=ConflictStore(engine).of_study,
            ),
            reporting=Reporting(
                **repositories,
                deliveries=self.deliveries,
                substitutes=self.substitutes,
                external=self.external,
                ae_titles=ae_titles,
                maker=EvidenceMaking(archive=self.objects, images=self.models),
                last_resort=EvidenceMaking(archive=self.summaries, images=NoImages()),
                context=_context,
            ),
            planning=Planning(results=self.hotbase, ledger=self.deliveries, clock=self.clock),
            review=self._review(),
            slots=Slots(1),
        )

    def courier(self, destination: str = "PACS", **changes: Any) -> Courier:
        """Return a courier with the fake sender; ``changes`` are of its parts."""
        parts = CourierParts(
            ledger=self.deliveries,
            results=self.hotbase,
            ae_titles=self.ae_titles,
            sender=self.sender,
            fitting=fitting(self.hotbase, self.deliveries, self.clock),
            proving=proving(self.engine, self.clock),
            policy=RetryPolicy(),
            chance=lambda: 0.5,
            clock=self.clock,
            monotonic=lambda: self.clock().timestamp(),
        )
        return Courier(destination, replace(parts, **changes))

    def waiting(self) -> list[Delivery]:
        """Return what waits to be sent."""
        return [
            each
            for job in self.hotbase.jobs(STUDY)
            for each in self.deliveries.of_job(job["job_id"])
            if each.state in WAITING
        ]

    def _review(self) -> ReviewStages:
        def instances(item_id: str) -> tuple[ReceivedInstance, ...]:
            study, wanted = self.hotbase.job_instances(item_id)
            found = self.index.instances(study)
            return tuple(each for each in found if each.sop_instance_uid in wanted)

        lease = timedelta(minutes=15)
        self.review_queue = HotbaseReviewQueue(
            self.engine, images=instances, clock=self.clock, lease=lease
        )
        self.warehouse = FakeWarehouse()
        common = {
            "review_queue": self.review_queue,
            "external": self.external,
            "results": self.hotbase,
            "instances": instances,
            "archive": self.objects,
        }
        return ReviewStages(
            reviewing=Reviewing(
                index=self.index,
                review_queue=self.review_queue,
                archive=self.objects,
                routes=lambda: (CHEST,),
                clock=self.clock,
            ),
            external=ExternalVerdicts(
                index=self.index,
                own=self.hotbase,
                review_queue=self.review_queue,
                external=self.external,
                archive=self.objects,
                clock=self.clock,
            ),
            concluding=Concluding(**common, context=_context),
            filing=Filing(
                **common,
                files=DeviceFolders(self.folder / "warehouse", self.objects.source_path),
                warehouse=self.warehouse,
                clock=self.clock,
            ),
        )

    def look_with(self, models: Models) -> None:
        """Let other models look at images, and what they show be drawn into evidence."""
        self.corridor.routing._models = models
        self.corridor.inference._models = models
        maker = EvidenceMaking(archive=self.objects, images=cast("Images", models))
        self.corridor.reporting._maker = maker

    def receive(
        self,
        uid: str,
        spoil: Callable[[bytes], bytes] = lambda data: data,
        *,
        calling_ae: str = "CR1",
        **changes: Any,
    ) -> None:
        dataset = _radiograph(uid, **changes)
        stored = self.received.store(
            spoil(_encoded(dataset)),
            Announcement(
                sop_class_uid=dataset.SOPClassUID,
                sop_instance_uid=uid,
                transfer_syntax_uid=ExplicitVRLittleEndian,
                calling_ae=calling_ae,
                called_ae="AINODE",
                received_at=self.clock(),
            ),
        )
        self.index.record([stored.instance])

    def analyse(self, workflow_id: str = "w1") -> InlineSteps:
        steps = InlineSteps(workflow_id=workflow_id)
        self.corridor.analyse(STUDY, steps)
        return steps

    def reports(self, study: str = STUDY) -> list[Dataset]:
        return [
            self.objects.evidence(each.path)
            for job in self.hotbase.jobs(study)
            for each in self.hotbase.evidence(job["job_id"])
            if each.kind is EvidenceKind.SR
        ]


def _context(made_at: datetime) -> EvidenceContext:
    return EvidenceContext(
        manufacturer="m",
        model_name="n",
        software_version="1",
        device_serial_number="1",
        content_datetime=made_at,
    )


def _radiograph(uid: str, **changes: Any) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = uid
    dataset.StudyInstanceUID = STUDY
    dataset.SeriesInstanceUID = f"{STUDY}.1"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20260101", "120000", "1"
    dataset.PatientName, dataset.PatientID = "Test^Patient", "1"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.Modality = "DX"
    dataset.Rows = dataset.Columns = 64
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = np.zeros((64, 64), np.uint16).tobytes()
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


def _encoded(dataset: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    return Works(engine, tmp_path)


def test_a_study_runs_through_every_stage_in_order(works: Works) -> None:
    works.receive("1.2.3.1")
    steps = works.analyse()
    assert steps.names == [
        "complete",
        "external verdicts",
        "route",
        "infer",
        "report",
        "plan deliveries",
        "await review",
        "finish",
    ]
    assert [each.destination for each in works.waiting()] == ["PACS"]
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    (job,) = works.hotbase.jobs(STUDY)
    kinds = [each.kind for each in works.hotbase.evidence(job["job_id"])]
    assert kinds == [EvidenceKind.SC, EvidenceKind.SR]


def test_a_result_of_fewer_images_than_their_archive_had_says_that_it_may_be_incomplete(
    works: Works,
) -> None:
    works.receive("1.2.3.1", NumberOfSeriesRelatedInstances="2")
    works.analyse("w1")
    (job,) = works.hotbase.jobs(STUDY)
    (remark,) = works.hotbase.remarks(job["job_id"])
    assert remark["kind"] == "may be incomplete"
    (report,) = works.reports()
    said = "; ".join(str(each.value) for each in report.iterall() if each.VR in ("LO", "UT"))
    assert "images may be missing" in said
    assert "Not all algorithms succeeded; with findings" in said
    assert "1 object of a series came, which has 2 by what its images say" in said
    works.receive("1.2.3.2", NumberOfSeriesRelatedInstances="2")
    works.analyse("w2")
    (newest, *_) = (each for each in works.hotbase.jobs(STUDY) if each["job_id"] != job["job_id"])
    assert works.hotbase.remarks(newest["job_id"]) == ()


def test_the_report_lies_in_the_source_study(works: Works) -> None:
    works.receive("1.2.3.1")
    works.analyse()
    (report,) = works.reports()
    assert report.StudyInstanceUID == STUDY
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")


def test_a_step_that_is_repeated_after_a_crash_gives_the_same_objects(works: Works) -> None:
    works.receive("1.2.3.1")
    study = works.corridor.completion.claim(STUDY, "w1")
    assert study is not None
    routed = works.corridor.routing.route(study)
    job = routed.jobs[0]
    inferred = works.corridor.inference.analyse(job)
    assert inferred is not None
    first = works.corridor.reporting.report(works.corridor.inference.recall(job, inferred))
    works.clock.advance(60)
    again = works.corridor.reporting.report(works.corridor.inference.recall(job, inferred))
    assert again == first
    assert works.models.calls == 1


def test_a_prediction_that_is_no_longer_kept_is_made_again(works: Works) -> None:
    works.receive("1.2.3.1")
    study = works.corridor.completion.claim(STUDY, "w1")
    assert study is not None
    (job,) = works.corridor.routing.route(study).jobs
    inferred = works.corridor.inference.analyse(job)
    assert inferred is not None
    assert works.hotbase.forget_predictions(works.clock() + timedelta(seconds=1)) == 1
    again = works.corridor.inference.recall(job, inferred)
    assert works.models.calls == 2
    assert (again.job, again.made_at) == (job, inferred.made_at)
    assert works.corridor.reporting.report(again)


def test_a_study_that_is_sent_again_is_not_analysed_again(works: Works) -> None:
    works.receive("1.2.3.1")
    works.analyse("w1")
    works.receive("1.2.3.1")
    assert works.analyse("w2").names == ["complete"]
    assert works.models.calls == 1


def test_an_object_that_no_route_wants_reopens_the_study_but_repeats_no_work(
    works: Works,
) -> None:
    works.receive("1.2.3.1")
    works.analyse("w1")
    works.receive("1.2.3.9", Modality="OT")
    works.analyse("w2")
    assert works.models.calls == 1
    assert works.index.study(STUDY).state is StudyState.ANALYSED


def test_a_late_image_leads_to_a_successor_and_no_duplicate(works: Works) -> None:
    works.receive("1.2.3.1")
    works.analyse("w1")
    works.clock.advance(60)
    works.receive("1.2.3.2")
    works.analyse("w2")
    first, second = works.reports()
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    predecessors = [
        item.ReferencedSOPInstanceUID
        for study in second.PredecessorDocumentsSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
    assert predecessors == [first.SOPInstanceUID]


def test_a_study_that_no_route_wants_is_recorded_with_the_reason(works: Works) -> None:
    works.receive("1.2.3.1", Modality="US")
    steps = works.analyse()
    study = works.index.study(STUDY)
    assert study.state is StudyState.NOT_ROUTED
    assert study.reason == "chest: modality US is not one of DX"
    assert steps.names == [
        "complete",
        "external verdicts",
        "route",
        "report not routed",
        "plan deliveries",
        "finish",
    ]


def test_a_model_that_fails_is_a_failed_study_whose_report_says_so(works: Works) -> None:
    works.models.failure = NodeError("the weights are gone")
    works.receive("1.2.3.1")
    works.analyse()
    study = works.index.study(STUDY)
    assert (study.state, study.reason) == (StudyState.FAILED, "chest: the weights are gone")
    (job,) = works.hotbase.jobs(STUDY)
    (told,) = works.hotbase.evidence(job["job_id"], EvidenceSet.FAILURE)
    assert (told.kind, told.problems) == (EvidenceKind.SR, ())
    text = str(works.objects.evidence(told.path))
    assert "No algorithms succeeded; without findings" in text
    assert "Analysis failed" in text
    # What went wrong inside the node is for its operators, not for the patient's record.
    assert "weights are gone" not in text
    assert [(each.destination, each.evidence_set) for each in works.waiting()] == [
        ("PACS", EvidenceSet.FAILURE)
    ]


def test_the_result_of_a_later_try_supersedes_the_report_of_the_failure(works: Works) -> None:
    works.models.failure = NodeError("the weights are gone")
    works.receive("1.2.3.1")
    works.analyse("w1")
    assert works.index.reopen_failed(STUDY) == 1
    works.analyse("w2")
    assert works.waiting(), "the first failure is still to be delivered"
    assert works.index.reopen_failed(STUDY) == 1
    works.models.failure = None
    works.analyse("w3")
    assert EvidenceSet.RESULT in [each.evidence_set for each in works.waiting()]
    (job,) = works.hotbase.jobs(STUDY)
    (told,) = works.hotbase.evidence(job["job_id"], EvidenceSet.FAILURE)
    (report,) = works.reports()
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == report.SeriesInstanceUID
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [
        told.sop_instance_uid
    ]
    assert report.InstanceNumber == 2


def test_a_failure_does_not_hide_the_report_on_the_images_before(works: Works) -> None:
    works.receive("1.2.3.1")
    works.analyse("w1")
    works.models.failure = NodeError("the weights are gone")
    works.receive("1.2.3.2")
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.FAILED
    assert EvidenceSet.FAILURE not in [each.evidence_set for each in works.waiting()]


def test_a_suspended_model_leaves_a_report_that_says_so(works: Works) -> None:
    device = device_of(an_instance("1.1")).device_id
    works.observations.suspend(
        Suspension(
            device_id=device,
            model_name=FAKE_MODEL.name,
            at=EPOCH,
            actor="t",
            reason="experts reject half of it",
        )
    )
    works.receive("1.1")
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    (refusal,) = works.hotbase.refusals(job["job_id"])
    assert refusal["reason"] == "model is suspended for this device"
    assert "experts reject half of it" in refusal["detail"]
    (report,) = works.reports()
    assert "Model is suspended for this device" in str(report)
    assert list(works.observations.of_jobs([job["job_id"]])) == []


def test_what_a_model_saw_of_a_device_is_kept(works: Works) -> None:
    works.receive("1.1")
    works.analyse()
    device = device_of(an_instance("1.1")).device_id
    (seen,) = works.observations.observations(device, FAKE_MODEL.name)
    assert seen.sop_instance_uid == "1.1"
    assert seen.scores == {"opacity": 0.9}


def test_a_failed_job_is_done_when_the_study_comes_again(works: Works) -> None:
    works.models.failure = NodeError("the weights are gone")
    works.receive("1.2.3.1")
    works.analyse("w1")
    works.models.failure = None
    works.receive("1.2.3.9", Modality="OT")
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    assert len(works.reports()) == 1


def test_evidence_that_cannot_be_kept_is_a_failed_job_and_may_be_retried(
    works: Works, tmp_path: Path
) -> None:
    works.receive("1.2.3.1")
    (tmp_path / "evidence").rename(tmp_path / "away")
    works.analyse("w1")
    study = works.index.study(STUDY)
    assert works.waiting() == []
    assert study.state is StudyState.FAILED
    assert "the archive cannot be reached" in study.reason
    (tmp_path / "away").rename(tmp_path / "evidence")
    assert works.index.reopen_failed(STUDY) == 1
    works.analyse("w2")
    assert [each.destination for each in works.waiting()] == ["PACS"]
    assert works.index.study(STUDY).state is StudyState.ANALYSED


def test_a_destination_that_wants_every_kind_gets_what_the_source_can_carry(works: Works) -> None:
    works.ae_titles.put(
        an_entity("PACS", roles=frozenset({Role.PACS}), evidence=ADMINISTERED_EVIDENCE),
        actor="t",
        at=EPOCH,
    )
    # Without a window, as many images are that wait for their viewer to choose one.
    works.receive("1.2.3.1", ImagerPixelSpacing=["0.2", "0.2"])
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    made = works.hotbase.evidence(job["job_id"])
    # A projection has no plane in space for a parametric map to lie in; bones need their own model,
    # and objects of a vendor's own the vendor's program.
    others = {EvidenceKind.PM, EvidenceKind.SOFT, EvidenceKind.BONE, EvidenceKind.VENDOR}
    assert {each.kind for each in made} == set(ADMINISTERED_EVIDENCE) - others
    assert [each.problems for each in made] == [()] * len(made)
    # The report lists them all as evidence, beside the image.
    (report,) = works.reports()
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    listed = {
        one.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    others = {each.sop_instance_uid for each in made if each.kind is not EvidenceKind.SR}
    assert listed == {"1.2.3.1", *others}


def test_a_result_of_an_interrupted_transfer_says_so_everywhere(works: Works) -> None:
    works.ae_titles.put(
        an_entity("PACS", roles=frozenset({Role.PACS}), evidence=ADMINISTERED_EVIDENCE),
        actor="t",
        at=EPOCH,
    )
    works.receive("1.2.3.1")
    works.index.interrupted(STUDY, AssociationEnd.ABORTED, sender="CR1")
    works.clock.advance(3600)
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    (remark,) = works.hotbase.remarks(job["job_id"])
    assert remark["kind"] == "transfer interrupted"
    assert "the sender aborted it" in remark["detail"]
    (report,) = works.reports()
    text = report.to_json()
    assert "R-INTERRUPTED" in text
    assert remark["detail"] in text
    assert "All algorithms succeeded" not in text
    assert [each.problems for each in works.hotbase.evidence(job["job_id"])] != []
    assert works.hotbase.held() == ()


@pytest.mark.filterwarnings("ignore:The value length")
def test_what_a_header_has_that_is_not_valid_is_told_in_report_and_status(works: Works) -> None:
    works.receive("1.2.3.1", AccessionNumber="12345678901234567890")
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    (remark,) = works.hotbase.remarks(job["job_id"])
    assert remark["kind"] == "header values not valid"
    assert remark["detail"].endswith("left out here: Accession Number (0008,0050).")
    (report,) = works.reports()
    assert "Header values not valid" in str(report)


def test_a_vr_that_was_read_as_meant_is_told_in_report_and_status(works: Works) -> None:
    works.receive(
        "1.2.3.1", lambda data: data.replace(b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00??")
    )
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    (remark,) = works.hotbase.remarks(job["job_id"])
    assert remark["kind"] == "header values not valid"
    assert "read by the Standard's data dictionary: Modality (0008,0060)." in remark["detail"]
    (report,) = works.reports()
    assert remark["detail"] in report.to_json().replace("\\u0027", "'")


def test_an_image_of_which_another_with_its_uid_came_is_analysed_and_the_result_says_so(
    works: Works,
) -> None:
    works.receive("1.2.3.1")
    works.receive("1.2.3.1", PixelData=np.full((64, 64), 7, np.uint16).tobytes())
    works.receive("1.2.3.2")
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    (remark,) = works.hotbase.remarks(job["job_id"])
    assert remark["sop_instance_uid"] == "1.2.3.1"
    assert "under the same SOP Instance UID: 1. What came first" in remark["detail"]
    (report,) = works.reports()
    assert "What came first was analysed" in report.to_json()


def test_the_same_image_sent_again_is_nothing_to_tell(works: Works) -> None:
    works.receive("1.2.3.1")
    works.receive("1.2.3.1")
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    assert works.hotbase.remarks(job["job_id"]) == ()
