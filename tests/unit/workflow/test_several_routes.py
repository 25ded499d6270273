"""Several routes want one study: what one of them lacks or wants costs the others nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from ai_engine.prediction import ModelIdentity, Prediction
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.route import Route
from dicom_node.domain.study import StudyState
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.persistence.corridor.retrievals import RetrievalStore
from dicom_node.workflow.analysis.route import NO_VERSION
from dicom_node.workflow.testing.fakes import FAKE_MODEL, FakeModels
from sr_templates.impression import stated_impression
from tests.unit.builders import EPOCH, STUDY, an_entity
from tests.unit.workflow.test_pipeline import CHEST, Works

pytestmark = pytest.mark.slow

IMAGE = "1.2.3.1"
BONES = replace(CHEST, name="bones", model="gone", destinations=("BONES",))


class WithoutOne(FakeModels):
    """Models of which the one that is called ``gone`` is not installed."""

    def identity(self, model: str) -> ModelIdentity:
        if model == "gone":
            raise ModelUnavailableError("no version of model 'gone' is active")
        return FAKE_MODEL

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Prediction:
        if model.version == NO_VERSION:
            raise ModelUnavailableError("model gone/none is not installed")
        return super().predict(model, instances)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    made.look_with(WithoutOne())
    return made


def _route(works: Works, *routes: Route) -> None:
    works.corridor.routing._routes = lambda: routes
    works.corridor.inference._routes = lambda: routes
    works.corridor.review.reviewing._routes = lambda: routes


@pytest.mark.parametrize("order", [(CHEST, BONES), (BONES, CHEST)])
def test_a_model_that_is_not_there_costs_another_routes_model_nothing_and_is_told(
    works: Works, order: tuple[Route, ...]
) -> None:
    _route(works, *order)
    works.receive(IMAGE)
    works.analyse()
    jobs = {each["route"]: each["state"] for each in works.hotbase.jobs(STUDY)}
    assert jobs == {"chest": "done", "bones": "failed"}
    study = works.index.study(STUDY)
    assert study.state is StudyState.FAILED
    assert "model gone/none is not installed" in study.reason
    assert {each.destination for each in works.waiting()} == {"PACS", "BONES"}
    (failed,) = (each["job_id"] for each in works.hotbase.jobs(STUDY) if each["route"] == "bones")
    (told,) = works.hotbase.evidence(failed, EvidenceSet.FAILURE)
    report = works.objects.evidence(told.path)
    assert stated_impression(report) == "No result: 1 image not analysed (analysis failed)."
    assert told.problems == ()


@pytest.mark.parametrize("turned", [False, True])
def test_one_result_for_two_routes_is_read_by_as_many_people_as_the_stricter_one_wants(
    works: Works, turned: bool
) -> None:
    two = replace(CHEST, name="two", readers=2, reads_first=True)
    _route(works, *((two, CHEST) if turned else (CHEST, two)))
    works.receive(IMAGE)
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    item = works.review_queue.item(job["job_id"])
    assert (item.readers, item.reads_first) == (2, True)


@pytest.mark.parametrize("order", [("CR1", "CR2"), ("CR2", "CR1"), ("CR1", "UPLOAD")])
def test_a_study_of_two_senders_has_its_result_where_each_of_them_wants_it(
    works: Works, order: tuple[str, str]
) -> None:
    other = an_entity("CR2", quiet_period=0, destinations=("WARD",))
    works.ae_titles.put(other, actor="t", at=EPOCH)
    _route(works, CHEST)
    for number, title in enumerate(order):
        works.receive(f"1.2.3.{number}", calling_ae=title)
    works.analyse()
    wanted = {"CR1": "PACS", "CR2": "WARD"}
    assert {each.destination for each in works.waiting()} == {
        wanted[each] for each in order if each in wanted
    }


def test_images_that_the_node_fetched_send_no_result_to_where_they_came_from(works: Works) -> None:
    archive = an_entity("ARCHIVE", quiet_period=0, destinations=("ELSEWHERE",))
    works.ae_titles.put(archive, actor="t", at=EPOCH)
    retrievals = RetrievalStore(works.engine)
    works.corridor.routing._fetched = retrievals.fetched
    _route(works, CHEST)
    works.receive("1.2.3.0", calling_ae="CR1")
    retrievals.begin(STUDY, "ARCHIVE", Purpose.REPAIR, at=works.clock())
    works.receive("1.2.3.1", calling_ae="ARCHIVE")
    works.analyse()
    assert {each.destination for each in works.waiting()} == {"PACS"}
