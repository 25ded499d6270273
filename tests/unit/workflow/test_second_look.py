"""Where tags are missing or wrong, pixels decide; where both disagree, everybody is told."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from dicom_node.domain.job import Job
from dicom_node.domain.route import Route, SecondLook
from dicom_node.domain.study import StudyState
from dicom_node.errors import NodeError
from dicom_node.workflow.fakes import FAKE_MODEL, FakeModels
from dicom_node.workflow.infer import with_remarks
from dicom_node.workflow.route import Routing
from tests.unit.builders import STUDY, an_instance
from tests.unit.workflow.test_pipeline import Works

ROUTE = Route(
    name="chest",
    model="any",
    modalities=frozenset({"DX"}),
    body_parts=frozenset({"CHEST"}),
    pixels_decide=True,
)
A_CHEST = SecondLook(body_part="CHEST", words="upright frontal chest")


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    routing = Routing(
        routes=(ROUTE,),
        index=made.index,
        results=made.hotbase,
        ae_titles=made.ae_titles,
        models=made.models,
        clock=made.clock,
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
        def look(self, instance: object) -> SecondLook:
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
