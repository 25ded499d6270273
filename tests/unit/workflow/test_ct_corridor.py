"""A CT study through the corridor: measured, reported by kind, kept, or refused in words."""

import gzip
import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SegmentationStorage

from ai_engine.ct.prediction import CtPrediction
from ai_engine.library.registry import ModelRegistry
from ai_engine.prediction import ModelIdentity
from dicom_node.archive.objects import DicomObjects
from dicom_node.domain.application_entity import Role
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import Announcement, AssociationEnd
from dicom_node.domain.review.ct import confirmed
from dicom_node.domain.review.review import (
    CtVerdict,
    Judgement,
    LungVerdict,
    PatternVerdict,
    Priority,
    Verdict,
)
from dicom_node.domain.route import Route
from dicom_node.domain.study import StudyState
from dicom_node.domain.warehouse import WarehouseRecord
from dicom_node.models.ct import CtModels
from dicom_node.persistence.corridor.priors import PriorStore
from dicom_node.workflow.priors.comparing import Comparing
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.earlier_result import EarlierResult
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, an_entity
from tests.unit.persistence.test_hotbase import JOB
from tests.unit.sr_templates_ct.builders import STUDY, a_study
from tests.unit.workflow.test_pipeline import Works, _encoded
from tests.unit.workflow.test_review_corridor import ADA

pytestmark = pytest.mark.slow

CT = Route(
    name="chest-ct",
    model="ct-high-attenuation",
    modalities=frozenset({"CT"}),
    excluded_image_types=frozenset({"LOCALIZER"}),
)


Seen = dict[tuple[str, ...], CtPrediction]


class ClassicalCt:
    """The shipped CT model on the objects of an archive; what it has ``seen`` it sees once.

    The same bytes are measured alike in each test: only what becomes of that differs.
    """

    def __init__(self, objects: DicomObjects, cache: Path, seen: Seen) -> None:
        self.card = ModelRegistry().card("ct-high-attenuation", "1.0.0")
        self.models = CtModels(objects, cache=cache, threads=2)
        self.seen = seen

    def identity(self, model: str) -> ModelIdentity:
        assert model == self.card.name
        return self.card.identity

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> None:
        """Nothing tells before the analysis how probably a CT is not normal."""

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> CtPrediction:
        assert model == self.card.identity
        study = tuple(each.digest for each in instances)
        if study not in self.seen:
            self.seen[study] = self.models.predict(self.card, instances)
        return self.seen[study]

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        return self.models.display_pixels(instance, frame_number)


@pytest.fixture(scope="module")
def seen() -> Seen:
    """What the model says of studies, by the digests of their objects."""
    return {}


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path, seen: Seen) -> Works:
    made = Works(engine, tmp_path)
    models = ClassicalCt(made.objects, tmp_path / "cache", seen)
    made.look_with(models)
    made.corridor.routing._routes = lambda: (CT,)
    return made


def receive(works: Works, datasets: Sequence[Dataset]) -> None:
    for dataset in datasets:
        stored = works.received.store(
            _encoded(dataset),
            Announcement(
                sop_class_uid=dataset.SOPClassUID,
                sop_instance_uid=dataset.SOPInstanceUID,
                transfer_syntax_uid=ExplicitVRLittleEndian,
                calling_ae="CR1",
                called_ae="AINODE",
                received_at=works.clock(),
            ),
        )
        works.index.record([stored.instance])


def analysed(works: Works) -> str:
    """Take the study through the corridor; return its job."""
    works.corridor.analyse(STUDY, InlineSteps())
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    (job,) = works.hotbase.jobs(STUDY)
    return str(job["job_id"])


def test_every_kind_of_evidence_comes_of_a_study_and_the_figures_are_kept(works: Works) -> None:
    works.ae_titles.put(
        an_entity("PACS", roles=frozenset({Role.PACS}), evidence=tuple(EvidenceKind)),
        actor="t",
        at=EPOCH,
    )
    receive(works, a_study().datasets)
    job = analysed(works)
    made = works.hotbase.evidence(job)
    assert sorted(each.kind for each in made) == ["ko", "pdf", "sc", "sc", "seg", "sr"]
    assert [each.problems for each in made] == [()] * len(made)
    figures = {
        (row["name"], row["site"]): (row["value"], row["unit"])
        for row in works.hotbase.measurements(job)
    }
    analysis = a_study().prediction.analysis
    assert analysis is not None
    right = analysis.measurements[0]
    assert figures["volume", "right lung"] == (pytest.approx(right.volume_ml), "ml")
    assert figures["inhomogeneity", "right lung"] == (pytest.approx(right.percentage), "%")
    assert figures["severity", "right lung"] == (2.0, "grade")
    assert ("ground-glass", "both lungs") in figures


def test_a_report_refers_to_a_segmentation_only_where_one_is_made(works: Works) -> None:
    receive(works, a_study().datasets)
    made = works.hotbase.evidence(analysed(works))
    assert {each.kind for each in made} == {EvidenceKind.SR, EvidenceKind.SC}
    (report,) = [works.objects.evidence(each.path) for each in made if each.kind is EvidenceKind.SR]
    listed = {
        item.ReferencedSOPClassUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert CTImageStorage in listed
    assert SegmentationStorage not in listed


def test_a_study_with_too_few_slices_is_reported_with_the_reason(works: Works) -> None:
    receive(works, a_study(slices=12).datasets)
    job = analysed(works)
    assert [each.kind for each in works.hotbase.evidence(job)] == [EvidenceKind.SR]
    (refusal,) = works.hotbase.refusals(job)
    assert refusal["reason"] == "too few slices"
    assert refusal["detail"] == "12 images: 12 slices, at least 20 are needed"
    assert works.hotbase.measurements(job) == ()


def test_a_localizer_is_not_sent_to_the_model(works: Works) -> None:
    localizer = Dataset()
    localizer.update(a_study(slices=12).datasets[0])
    localizer.file_meta = a_study(slices=12).datasets[0].file_meta
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    receive(works, [localizer])
    works.corridor.analyse(STUDY, InlineSteps())
    study = works.index.study(STUDY)
    assert study.state is StudyState.NOT_ROUTED
    assert study.reason == "chest-ct: image type LOCALIZER is excluded"


def test_half_a_transfer_is_measured_and_said_to_be_half(works: Works) -> None:
    receive(works, a_study().datasets)
    works.index.interrupted(STUDY, AssociationEnd.CONNECTION_LOST, sender="CR1")
    works.clock.advance(3600)
    job = analysed(works)
    remarks = works.hotbase.remarks(job)
    (remark,) = [each for each in remarks if each["kind"] == "transfer interrupted"]
    made = works.hotbase.evidence(job)
    (report,) = [works.objects.evidence(each.path) for each in made if each.kind is EvidenceKind.SR]
    assert remark["detail"] in report.to_json()
    assert "Not all algorithms succeeded" in report.to_json()


def _decided(works: Works, ct: CtVerdict) -> tuple[Dataset, WarehouseRecord]:
    """Let Ada say this of the CT; return the report that comes of it and the record."""
    (item,) = works.review_queue.items().items
    works.review_queue.claim(item.item_id, ADA)
    works.review_queue.decide(Verdict(item_id=item.item_id, reviewer=ADA, ct=ct))
    works.corridor.conclude(item.item_id, InlineSteps())
    (made,) = works.hotbase.evidence(item.item_id, EvidenceSet.VERDICT)
    assert made.problems == ()
    return works.objects.evidence(made.path), works.warehouse.record(item.item_id)


def _groups(report: Dataset) -> dict[str, Dataset]:
    """Return a report's measurement groups by what they track."""
    (row,) = [each for each in report.ContentSequence if _meaning(each) == "Imaging Measurements"]
    return {
        next(item.TextValue for item in group.ContentSequence if "TextValue" in item): group
        for group in row.ContentSequence
    }


def _meaning(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def _said(report: Dataset) -> dict[str, str]:
    """Return the coded answers of the evaluations by their questions."""
    (row,) = [
        each for each in report.ContentSequence if _meaning(each) == "Qualitative Evaluations"
    ]
    return {
        _meaning(item): str(item.ConceptCodeSequence[0].CodeMeaning)
        for item in row.ContentSequence
        if "ConceptCodeSequence" in item
    }


def test_a_ct_waits_with_figures_and_outlines_on_its_slices(works: Works) -> None:
    receive(works, a_study().datasets)
    job = analysed(works)
    details = works.review_queue.open(job, ADA)
    analysis = a_study().prediction.analysis
    assert details.ct is not None
    assert analysis is not None
    assert details.item.leading_label == "ground-glass"
    assert details.item.priority is Priority.MEDIUM
    assert [each.sop_instance_uid for each in details.images] == [
        uid for uid, _ in details.ct.slices
    ]
    assert [each.grade for each in details.ct.lungs] == [
        each.severity and each.severity.grade for each in analysis.measurements[:2]
    ]
    drawn = json.loads(gzip.decompress(works.review_queue.contours(job)))
    glass = details.ct.patterns[0]
    on_slice = drawn[str(glass.slice_number)]
    assert set(on_slice) >= {"right lung", "ground-glass"}
    xs, ys = on_slice["ground-glass"][0][::2], on_slice["ground-glass"][0][1::2]
    assert len(xs) == len(ys) > 4
    assert 0 < min(xs) < max(xs) < details.images[0].columns


def test_a_confirmed_ct_becomes_a_verified_report_with_its_regions(works: Works) -> None:
    works.ae_titles.put(
        an_entity("PACS", roles=frozenset({Role.PACS}), evidence=tuple(EvidenceKind)),
        actor="t",
        at=EPOCH,
    )
    receive(works, a_study().datasets)
    job = analysed(works)
    ct = works.review_queue.ct(job)
    assert ct is not None
    ai_report = next(
        works.objects.evidence(each.path)
        for each in works.hotbase.evidence(job)
        if each.kind is EvidenceKind.SR
    )
    report, record = _decided(works, confirmed(ct))
    assert report.VerificationFlag == "VERIFIED"
    assert report.SeriesInstanceUID == ai_report.SeriesInstanceUID
    assert report.VerifyingObserverSequence[0].VerifyingObserverName == "Expert^Ada"
    before, after = _groups(ai_report), _groups(report)
    assert set(after) == set(before)
    for name, group in after.items():
        uids = [
            [item.UID for item in each.ContentSequence if "UID" in item]
            for each in (group, before[name])
        ]
        assert uids[0] == uids[1]
        assert not any("Algorithm" in _meaning(item) for item in group.ContentSequence)
    said = _said(report)
    assert said["Ground glass opacity"] == "Positive"
    assert said["Severity, right lung"] == _said(ai_report)["Severity, right lung"]
    assert record.verdict_object_uid == report.SOPInstanceUID
    assert record.truths == ()
    shares = {each.of: each for each in record.figures if each.name == "share"}
    assert shares["right lung"].by_model == shares["right lung"].by_expert == ct.lungs[0].percentage


def test_corrected_figures_and_patterns_reach_report_and_warehouse(works: Works) -> None:
    receive(works, a_study().datasets)
    job = analysed(works)
    ct = works.review_queue.ct(job)
    assert ct is not None
    right, left = ct.lungs
    verdict = CtVerdict(
        lungs=(
            LungVerdict(
                side=right.side, judgement=Judgement.CHANGED, percentage=30.0, comment="more below"
            ),
            LungVerdict(side=left.side, judgement=Judgement.CONFIRMED),
        ),
        patterns=(
            PatternVerdict(
                pattern="ground-glass", judgement=Judgement.CHANGED, changed_to="consolidation"
            ),
            *(
                PatternVerdict(pattern=each.pattern, judgement=Judgement.REJECTED)
                for each in ct.patterns[1:]
            ),
            PatternVerdict(pattern="atelectasis", judgement=Judgement.ADDED),
        ),
    )
    report, record = _decided(works, verdict)
    said = _said(report)
    assert said["Severity, right lung"] == "Grade 3: 25 to 50 %"
    assert said["Lung consolidation"] == said["Atelectasis"] == "Positive"
    groups = _groups(report)
    assert set(groups) == {"Right lung", "Left lung", "Consolidation"}
    numbers = {
        _meaning(item): float(item.MeasuredValueSequence[0].NumericValue)
        for item in groups["Right lung"].ContentSequence
        if "MeasuredValueSequence" in item
    }
    assert numbers["Inhomogeneity of right lung"] == 30.0
    assert numbers["Volume of lung inhomogeneity"] == pytest.approx(
        0.3 * numbers["Volume"], rel=1e-3
    )
    figures = {(each.of, each.name): each.by_expert for each in record.figures}
    whole = (30.0 * right.volume_ml + (left.percentage or 0) * left.volume_ml) / (
        right.volume_ml + left.volume_ml
    )
    assert figures["both lungs", "share"] == pytest.approx(whole)
    assert figures["ground-glass", "present"] == 0.0
    assert figures["consolidation", "present"] == 1.0
    earlier = _before_a_later_study(works)
    assert earlier is not None
    assert earlier.report.sop_instance_uid == report.SOPInstanceUID
    assert earlier.shares["right lung"] == 30.0
    assert earlier.shares["both lungs"] == pytest.approx(whole)


def _before_a_later_study(works: Works) -> EarlierResult | None:
    """Return what a study of the same patient, a month later, is compared with."""
    later = deepcopy(a_study().datasets[0])
    later.StudyInstanceUID, later.StudyDate = f"{STUDY}.77", "20260201"
    later.SeriesInstanceUID, later.SOPInstanceUID = f"{STUDY}.77.1", f"{STUDY}.77.1.1"
    receive(works, [later])
    comparing = Comparing(
        studies=PriorStore(works.engine),
        results=works.hotbase,
        review_queue=works.review_queue,
        external=works.external,
        received=works.index,
    )
    model = ModelRegistry().card("ct-high-attenuation", "1.0.0").identity
    job = replace(JOB, study_instance_uid=later.StudyInstanceUID, model=model)
    return comparing.before(job, a_study().prediction)


def test_a_healthy_ct_is_confirmed_as_such(works: Works) -> None:
    receive(works, a_study(diseased=False).datasets)
    job = analysed(works)
    ct = works.review_queue.ct(job)
    assert ct is not None
    report, _ = _decided(works, confirmed(ct))
    impression = next(
        each.TextValue for each in report.ContentSequence if _meaning(each) == "Impression"
    )
    assert impression == "Verified by one reader. No inhomogeneity."
