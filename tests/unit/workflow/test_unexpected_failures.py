"""What nobody expected of one job: it fails and says so, and the others' results go out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from ai_engine.prediction import ModelIdentity, Prediction
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.domain.route import Route
from dicom_node.domain.study import StudyState
from dicom_node.persistence.database import make_workflow_engine
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.workflow.analysis.infer import Analysis
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.contract import contract_of
from dicom_node.workflow.engine import EngineSettings, WorkflowEngine
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.review.waiting import Reviewing
from dicom_node.workflow.testing.fakes import FakeModels
from tests.peers.process import wait_until
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import CHEST, ROUTING_IDENTITY, Works

pytestmark = pytest.mark.slow

NAME = "Doe^Jane"
OTHER = Route(name="other", model="any", modalities=frozenset({"CR"}))


class Surprised(FakeModels):
    """A model that stumbles over computed radiographs, with a header's words in its error."""

    stumbles = True

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Prediction:
        if self.stumbles and instances[0].header.modality == "CR":
            raise ZeroDivisionError(NAME)
        return super().predict(model, instances)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    """A study of two images, and a job for each; the model stumbles over the first job's."""
    made = Works(engine, tmp_path)
    made.models = Surprised()
    repositories = {"index": made.index, "results": made.hotbase, "clock": made.clock}
    corridor = made.corridor
    made.corridor = replace(
        corridor,
        routing=Routing(
            **repositories,
            routes=lambda: (OTHER, CHEST),
            ae_titles=made.ae_titles,
            patients=made.patients,
            models=made.models,
            identity=ROUTING_IDENTITY,
        ),
        inference=type(corridor.inference)(
            **repositories, models=made.models, watch=corridor.inference._watch
        ),
    )
    made.receive("1.2.3.1")
    made.receive("1.2.3.2", Modality="CR", SeriesInstanceUID=f"{STUDY}.2")
    return made


def of(works: Works, route: Route) -> str:
    """Return the job of a route."""
    (found,) = (each for each in works.hotbase.jobs(STUDY) if each["route"] == route.name)
    return str(found["job_id"])


def require_told_and_delivered(works: Works) -> None:
    """The failed job's failure report and the other's result are planned for the PACS."""
    failed, done = of(works, OTHER), of(works, CHEST)
    assert [each.evidence_set for each in works.deliveries.of_job(failed)] == [EvidenceSet.FAILURE]
    assert [each.evidence_set for each in works.deliveries.of_job(done)] == [EvidenceSet.RESULT]
    (told,) = works.hotbase.evidence(failed, EvidenceSet.FAILURE)
    assert "Analysis failed" in str(works.objects.evidence(told.path))
    study = works.index.study(STUDY)
    assert study.state is StudyState.FAILED
    assert study.reason.startswith("other: internal error in step 'infer' (ZeroDivisionError)")
    assert NAME not in study.reason


def test_an_unexpected_error_of_one_job_holds_back_nothing_of_the_others(works: Works) -> None:
    works.analyse()
    require_told_and_delivered(works)


def test_the_failed_job_is_done_once_it_is_tried_again(works: Works) -> None:
    works.analyse("w1")
    works.models.stumbles = False
    assert works.index.reopen_failed(STUDY) == 1
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    assert works.hotbase.evidence(of(works, OTHER))


def test_a_failure_that_cannot_even_be_told_holds_back_nothing_either(works: Works) -> None:
    class Mute(Reporting):
        def report_failure(self, job: Job) -> tuple[EvidenceObject, ...]:
            raise MemoryError(NAME)

    works.corridor.reporting.__class__ = Mute
    works.analyse()
    assert [each.job_id for each in works.waiting()] == [of(works, CHEST)]
    assert works.index.study(STUDY).state is StudyState.FAILED


def test_a_result_that_cannot_be_put_before_an_expert_is_delivered_and_tried_again(
    works: Works,
) -> None:
    class Closed(Reviewing):
        def enqueue(self, analysis: Analysis, evidence: Sequence[EvidenceObject]) -> None:
            raise RuntimeError(NAME)

    works.models.stumbles = False
    works.corridor.review.reviewing.__class__ = Closed
    works.analyse("w1")
    assert {each.evidence_set for each in works.waiting()} == {EvidenceSet.RESULT}
    assert not works.review_queue.items().items
    assert works.index.study(STUDY).state is StudyState.FAILED
    works.corridor.review.reviewing.__class__ = Reviewing
    assert works.index.reopen_failed(STUDY) == 1
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    assert works.review_queue.items().items


@pytest.mark.slow
def test_it_is_the_same_on_the_real_engine(works: Works, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'workflows.sqlite'}"
    engine = WorkflowEngine(
        EngineSettings(
            database_url=url,
            database_engine=make_workflow_engine(url),
            executor_id="test",
            keep_workflows=60,
            contract=contract_of(Corridor, WorkflowEngine),
        ),
        works.corridor,
        WorkflowRowStore(url),
    )
    engine.start()
    try:
        engine.analyse_now(STUDY)
        wait_until(
            lambda: works.index.study(STUDY).state is StudyState.FAILED, "the analysis to end"
        )
    finally:
        engine.stop()
    require_told_and_delivered(works)
