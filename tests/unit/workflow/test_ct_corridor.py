"""A CT study through the corridor: measured, reported by kind, kept, or refused in words."""

from collections.abc import Sequence
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
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import Announcement, AssociationEnd
from dicom_node.domain.route import Route
from dicom_node.domain.study import StudyState
from dicom_node.models.ct import CtModels
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, an_entity
from tests.unit.sr_templates_ct.builders import STUDY, a_study
from tests.unit.workflow.test_pipeline import Works, _encoded

pytestmark = pytest.mark.slow

CT = Route(
    name="chest-ct",
    model="ct-high-attenuation",
    modalities=frozenset({"CT"}),
    excluded_image_types=frozenset({"LOCALIZER"}),
)


class ClassicalCt:
    """The shipped CT model on the objects of an archive."""

    def __init__(self, objects: DicomObjects, cache: Path) -> None:
        self.card = ModelRegistry().card("ct-high-attenuation", "1.0.0")
        self.models = CtModels(objects, cache=cache, threads=2)

    def identity(self, model: str) -> ModelIdentity:
        assert model == self.card.name
        return self.card.identity

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> None:
        """Nothing tells before the analysis how probably a CT is not normal."""

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> CtPrediction:
        assert model == self.card.identity
        return self.models.predict(self.card, instances)

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        return self.models.display_pixels(instance, frame_number)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    models = ClassicalCt(made.objects, tmp_path / "cache")
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
    (remark,) = works.hotbase.remarks(job)
    assert remark["kind"] == "transfer interrupted"
    made = works.hotbase.evidence(job)
    (report,) = [works.objects.evidence(each.path) for each in made if each.kind is EvidenceKind.SR]
    assert remark["detail"] in report.to_json()
    assert "Not all algorithms succeeded" in report.to_json()
