"""Triage decides the order of work and of review, and is told; it changes no finding."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.review.review import Priority
from dicom_node.errors import NodeError
from dicom_node.workflow.testing.fakes import FakeModels
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works

pytestmark = pytest.mark.slow


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    return Works(engine, tmp_path)


def test_what_triage_said_is_kept_reported_and_orders_the_review(works: Works) -> None:
    works.models.abnormal = 0.83
    works.receive("1.2.3.1")
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    (remark,) = works.hotbase.remarks(job["job_id"])
    assert remark["kind"] == "triage"
    assert "not normal with a probability of 83 % (threshold 50 %)" in remark["detail"]
    (report,) = works.reports()
    assert "R-TRIAGE" in report.to_json()
    (item,) = works.review_queue.items().items
    assert (item.abnormality, item.priority) == (0.83, Priority.MEDIUM)


def test_the_job_takes_its_probability_to_the_queue(works: Works) -> None:
    works.models.abnormal = 0.2
    works.receive("1.2.3.1")
    study = works.corridor.completion.claim(STUDY, "w1")
    assert study is not None
    (job,) = works.corridor.routing.route(study).jobs
    assert job.abnormality == 0.2


def test_a_triage_model_that_fails_keeps_nothing_from_analysis(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(FakeModels):
        def triage(self, *_: object) -> None:
            raise NodeError("the weights are gone")

    works.corridor.routing._models = Failing()
    works.receive("1.2.3.1")
    works.analyse()
    (item,) = works.review_queue.items().items
    assert item.abnormality is None
    assert "no triage route=chest reason='the weights are gone'" in caplog.text
