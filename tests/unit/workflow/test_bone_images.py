"""Images without bones are the whole result; where no destination wants them, it is told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from ai_engine.kinds.bones.prediction import BoneImage, BonePrediction, packed
from ai_engine.prediction import ModelIdentity, Region
from dicom_node.domain.application_entity import Role
from dicom_node.domain.evidence import MadeObjects
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.study import StudyState
from dicom_node.workflow.testing.fakes import FAKE_MODEL, FakeModels, InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, STUDY, an_entity
from tests.unit.workflow.test_pipeline import Works
from tests.unit.workflow.test_review_corridor import ADA

pytestmark = pytest.mark.slow

_BONES = replace(FAKE_MODEL, name="bones", version="2.0.0")


class DrawsBones(FakeModels):
    """Draws the same bones on every image."""

    def identity(self, model: str) -> ModelIdentity:
        del model
        return _BONES

    def predict(  # type: ignore[override]
        self, model: ModelIdentity, instances: Sequence[ReceivedInstance]
    ) -> BonePrediction:
        drawn = packed(np.full((8, 8), 0.25, np.float32))
        whole = Region(left=0, top=0, right=64, bottom=64)
        images = tuple(
            BoneImage(sop_instance_uid=each.sop_instance_uid, packed=drawn, region=whole)
            for each in instances
        )
        return BonePrediction(model=model, images=images)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    made.receive("1.2.3.1", BodyPartExamined="CHEST")
    return made


def wanting(works: Works, *kinds: EvidenceKind) -> None:
    pacs = an_entity("PACS", roles=frozenset({Role.PACS}), evidence=kinds)
    works.ae_titles.put(pacs, actor="t", at=EPOCH)


def draw_bones(works: Works) -> str:
    works.look_with(DrawsBones())
    works.corridor.analyse(STUDY, InlineSteps(workflow_id="bones"))
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    return str(works.hotbase.jobs(STUDY)[-1]["job_id"])


def test_the_images_are_the_result_and_no_report_reads_like_a_normal_one(works: Works) -> None:
    wanting(works, EvidenceKind.SR, EvidenceKind.SOFT, EvidenceKind.BONE)
    job = draw_bones(works)
    kinds = [each.kind for each in works.hotbase.evidence(job)]
    assert kinds == [EvidenceKind.BONE, EvidenceKind.SOFT]
    assert works.hotbase.left_out(job) == ()
    assert works.review_queue.items().items == (), "there is nothing to confirm"


def test_bones_that_no_destination_wants_are_told(works: Works) -> None:
    wanting(works, EvidenceKind.SR, EvidenceKind.SC)
    job = draw_bones(works)
    assert works.hotbase.evidence(job) == ()
    told = works.hotbase.left_out(job)
    assert [each.kind for each in told] == [EvidenceKind.BONE, EvidenceKind.SOFT]
    assert all("ae set TITLE --evidence sr,sc,soft,bone" in each.reason for each in told)


def test_who_reads_a_finding_of_the_study_sees_what_other_models_made(works: Works) -> None:
    wanting(works, EvidenceKind.SR, EvidenceKind.SOFT, EvidenceKind.BONE)
    works.analyse("findings")
    (item,) = works.review_queue.items().items
    first = works.review_queue.open(item.item_id, ADA).made
    assert {(each.model_name, each.kind, each.count) for each in first} == {
        (FAKE_MODEL.name, EvidenceKind.SR, 1),
        (FAKE_MODEL.name, EvidenceKind.SC, 1),
    }
    works.receive("1.2.3.2", BodyPartExamined="CHEST")
    draw_bones(works)
    later = works.review_queue.open(item.item_id, ADA).made
    assert {each for each in later if each not in first} == {
        MadeObjects(model_name="bones", model_version="2.0.0", kind=kind, count=2)
        for kind in (EvidenceKind.BONE, EvidenceKind.SOFT)
    }
