"""Where tags are missing or wrong, pixels decide; where both disagree, everybody is told."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset

from ai_engine.prediction import ModelIdentity, Prediction, Refusal, RefusalReason, RemarkKind
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.domain.route import AppearanceCheck, Route
from dicom_node.domain.study import StudyState
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.infer import with_remarks
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.testing.fakes import FAKE_MODEL, FakeModels
from tests.unit.builders import STUDY, an_instance
from tests.unit.workflow.test_pipeline import ROUTING_IDENTITY, Works
from tests.unit.workflow.test_review_corridor import ADA

pytestmark = pytest.mark.slow

ROUTE = Route(
    name="chest",
    model="any",
    modalities=frozenset({"DX"}),
    body_parts=frozenset({"CHEST"}),
    pixels_decide=True,
)
A_CHEST = AppearanceCheck(body_part="CHEST", words="upright frontal chest")


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    routing = Routing(
        routes=lambda: (ROUTE,),
        index=made.index,
        results=made.hotbase,
        ae_titles=made.ae_titles,
        patients=made.patients,
        models=made.models,
        clock=made.clock,
        identity=ROUTING_IDENTITY,
    )
    made.corridor = replace(made.corridor, routing=routing)
    return made


def test_a_chest_whose_tag_says_hip_is_analysed_and_the_disagreement_is_reported(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    works.models.looks["1.2.3.1"] = A_CHEST
    works.receive("1.2.3.1", BodyPartExamined="HIP")
    with caplog.at_level(logging.WARNING):
        works.analyse()
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    (job,) = works.hotbase.jobs(STUDY)
    (remark,) = works.hotbase.remarks(job["job_id"])
    assert remark["kind"] == "header and pixels disagree"
    assert "body part HIP is not one of CHEST" in remark["detail"]
    assert "its pixels show: upright frontal chest" in remark["detail"]
    (report,) = works.reports()
    text = report.to_json()
    assert "R-TAGS-DISAGREE" in text
    assert remark["detail"] in text
    assert works.hotbase.held() == ()
    assert "tags and pixels disagree sop=1.2.3.1" in caplog.text
    waiting = works.review_queue.items()
    assert waiting.disagreeing == {job["job_id"]}
    (shown,) = works.review_queue.open(job["job_id"], ADA).remarks
    assert (shown.kind, shown.detail) == (RemarkKind.TAGS_DISAGREE, remark["detail"])


def test_a_reader_sees_which_images_were_not_analysed(works: Works) -> None:
    class SeesTheFirstOnly(FakeModels):
        def predict(
            self, model: ModelIdentity, instances: Sequence[ReceivedInstance]
        ) -> Prediction:
            refusal = Refusal(
                sop_instance_uid="1.2.3.2", reason=RefusalReason.TOO_SMALL, detail="9 x 9 pixels"
            )
            return replace(super().predict(model, instances[:1]), refusals=(refusal,))

    works.corridor.inference._models = SeesTheFirstOnly()
    works.receive("1.2.3.1", BodyPartExamined="CHEST")
    works.receive("1.2.3.2", BodyPartExamined="CHEST")
    works.analyse()
    (item,) = works.review_queue.items().items
    assert works.review_queue.items().disagreeing == frozenset()
    (refused,) = works.review_queue.open(item.item_id, ADA).refusals
    assert (refused.sop_instance_uid, refused.reason) == ("1.2.3.2", RefusalReason.TOO_SMALL)


def test_a_hip_whose_tag_says_hip_is_not_analysed_and_both_are_named(works: Works) -> None:
    works.receive("1.2.3.1", BodyPartExamined="HIP")
    works.analyse()
    study = works.index.study(STUDY)
    assert study.state is StudyState.NOT_ROUTED
    assert study.reason == (
        "chest: body part HIP is not one of CHEST; the pixels were asked too: no frontal chest"
    )


def test_an_image_that_cannot_be_looked_at_keeps_what_its_tags_say(works: Works) -> None:
    class Unable(FakeModels):
        def look(self, instance: object) -> AppearanceCheck:
            raise NodeError("the weights are gone")

    works.models = Unable()
    works.corridor.routing._models = works.models
    works.receive("1.2.3.1", BodyPartExamined="HIP")
    works.analyse()
    study = works.index.study(STUDY)
    assert study.state is StudyState.NOT_ROUTED
    assert "they could not be looked at" in study.reason


def test_an_image_that_the_guard_refuses_against_its_tag_is_a_disagreement_too() -> None:
    refusals = tuple(
        Refusal(
            sop_instance_uid=uid,
            reason=RefusalReason.NOT_FRONTAL_CHEST,
            detail="looks like: no frontal chest",
        )
        for uid in ("1.1", "1.2")
    )
    told = with_remarks(
        Prediction(model=FAKE_MODEL, images=(), refusals=refusals),
        job_without_doubts(),
        (an_instance("1.1"), an_instance("1.2", body_part_examined=None)),
    )
    assert isinstance(told, Prediction)
    (remark,) = told.remarks  # an image without a body part says nothing that could be wrong
    assert remark.sop_instance_uid == "1.1"
    assert remark.detail == (
        "The header says body part CHEST, but the image was not analysed, because it looks like: "
        "no frontal chest."
    )


def test_a_code_that_contradicts_the_body_part_is_remarked_upon(works: Works) -> None:
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator = "51185008", "SCT"
    region.CodeMeaning = "Thoracic structure"
    works.receive("1.2.3.1", BodyPartExamined="KNEE", AnatomicRegionSequence=[region])
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    details = [each["detail"] for each in works.hotbase.remarks(job["job_id"])]
    assert details == ["The header contradicts itself: body part KNEE, region code CHEST."]


def job_without_doubts() -> Job:
    return Job(
        job_id="1",
        study_instance_uid=STUDY,
        revision=1,
        route="chest",
        model=FAKE_MODEL,
        sop_instance_uids=("1.1", "1.2"),
        destinations=(),
    )


def test_images_that_were_fetched_from_an_archive_are_told_of() -> None:
    sent = an_instance("1.1", calling_ae="CT1")
    fetched = an_instance("1.2", calling_ae="PACS")
    nothing, job = Prediction(model=FAKE_MODEL, images=()), job_without_doubts()
    (remark,) = with_remarks(nothing, job, (sent, fetched), archive="PACS").remarks
    assert remark.kind is RemarkKind.IMAGES_FETCHED
    assert remark.detail.startswith("1 of 2 images was missing in the transfer")
    for instances, archive in (((sent, fetched), ""), ((fetched, fetched), "PACS")):
        assert with_remarks(nothing, job, instances, archive=archive).remarks == ()


A_HAND = AppearanceCheck(body_part="HAND", words="X-ray of the hand", is_typed=True)


def test_an_untagged_hand_is_answered_in_the_pacs_where_no_model_is_for_hands(
    works: Works,
) -> None:
    works.models.looks["1.2.3.1"] = A_HAND
    works.receive("1.2.3.1", BodyPartExamined=None)
    works.analyse()
    study = works.index.study(STUDY)
    assert study.state is StudyState.NOT_ROUTED
    assert study.reason.startswith("X-ray of the hand; no model for it")
    (report,) = works.reports()
    text = report.to_json()
    assert "X-ray of the hand; no model for it" in text
    assert "R-NO-MODEL" in text
    assert [each.destination for each in works.waiting()] == ["PACS"]


def test_an_untagged_hand_beside_a_chest_is_answered_in_the_pacs_too(works: Works) -> None:
    """The chest is analysed; what pixels alone have kept out of that is not passed over."""
    works.corridor.routing._routes = lambda: (replace(ROUTE, untagged_body_part=True),)
    works.models.looks.update({"1.2.3.1": A_CHEST, "1.2.3.2": A_HAND})
    for uid in ("1.2.3.1", "1.2.3.2"):
        works.receive(uid, BodyPartExamined=None)
    works.analyse()
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    (told,) = (each for each in works.reports() if "R-NO-IMAGE-MODEL" in each.to_json())
    assert "X-ray of the hand; no model for it" in told.to_json()
    assert "for this study" not in told.to_json()
    (shown,) = told.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    (image,) = shown.ReferencedSOPSequence
    assert image.ReferencedSOPInstanceUID == "1.2.3.2"
    assert len(works.waiting()) == len(works.reports()) == 2


def test_an_untagged_hand_goes_to_the_model_of_hands(works: Works) -> None:
    hands = replace(ROUTE, name="hands", body_parts=frozenset({"HAND"}), pixels_decide=False)
    works.corridor.routing._routes = lambda: (ROUTE, hands)
    works.models.looks["1.2.3.1"] = A_HAND
    works.receive("1.2.3.1", BodyPartExamined=None)
    works.analyse()
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    (job,) = works.hotbase.jobs(STUDY)
    assert job["route"] == "hands"
    assert works.hotbase.remarks(job["job_id"]) == ()  # no tag said anything else
