"""Two routes want different images for one model: each result stands, and neither hides another."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset

from ai_engine.prediction import ModelIdentity, Prediction
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.route import Route
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.persistence.corridor.result_reading import made_of
from dicom_node.workflow.testing.fakes import FakeModels
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.impression import stated_impression
from sr_templates.report_reading import predecessors_of
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import CHEST, Works

pytestmark = pytest.mark.slow

FRONTAL = replace(CHEST, name="frontal", views=frozenset({"PA"}), destinations=("PACS",))
LATERAL = replace(CHEST, name="lateral", views=frozenset({"LL"}), destinations=("WARD",))
PA, LL, LATER = "1.2.3.1", "1.2.3.2", "1.2.3.3"


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    _route(made, FRONTAL, LATERAL)
    return made


def _route(works: Works, *routes: Route) -> None:
    works.corridor.routing._routes = lambda: routes
    works.corridor.inference._routes = lambda: routes
    works.corridor.review.reviewing._routes = lambda: routes


def _both(works: Works) -> dict[str, Dataset]:
    works.receive(PA, ViewPosition="PA")
    works.receive(LL, ViewPosition="LL")
    works.analyse("w1")
    return _newest(works)


def _newest(works: Works) -> dict[str, Dataset]:
    """Return each route's newest report."""
    return {
        job["route"]: works.objects.evidence(each.path)
        for job in works.hotbase.jobs(STUDY)
        for each in works.hotbase.evidence(job["job_id"])
        if each.kind is EvidenceKind.SR
    }


def test_neither_result_names_the_other_as_its_predecessor(works: Works) -> None:
    reports = _both(works)
    assert [predecessors_of(each) for each in reports.values()] == [(), ()]


def test_each_has_a_series_in_which_viewers_find_it(works: Works) -> None:
    reports = _both(works)
    assert reports["frontal"].SeriesInstanceUID != reports["lateral"].SeriesInstanceUID
    assert {each.InstanceNumber for each in reports.values()} == {1}
    assert works.hotbase.held() == ()


@pytest.mark.parametrize(("view", "route"), [("PA", "frontal"), ("LL", "lateral")])
def test_what_follows_one_of_them_names_it_and_stays_in_its_series(
    works: Works, view: str, route: str
) -> None:
    before = _both(works)
    works.clock.advance(60)
    works.receive(LATER, ViewPosition=view)
    works.analyse("w2")
    after = _newest(works)
    (other,) = before.keys() - {route}
    assert after[other].SOPInstanceUID == before[other].SOPInstanceUID
    assert predecessors_of(after[route]) == (before[route].SOPInstanceUID,)
    assert after[route].SeriesInstanceUID == before[route].SeriesInstanceUID
    assert after[route].InstanceNumber == 2


def test_both_wait_for_whoever_reads_them(works: Works) -> None:
    _both(works)
    items = [works.review_queue.item(each["job_id"]) for each in works.hotbase.jobs(STUDY)]
    assert {each.state for each in items} == {ReviewState.WAITING}


def test_what_follows_one_of_them_takes_its_place_on_the_worklist(works: Works) -> None:
    _both(works)
    works.clock.advance(60)
    works.receive(LATER, ViewPosition="PA")
    works.analyse("w2")
    states = [
        (each["route"], works.review_queue.item(each["job_id"]).state)
        for each in works.hotbase.jobs(STUDY)
    ]
    assert sorted(states) == [
        ("frontal", ReviewState.SUPERSEDED),
        ("frontal", ReviewState.WAITING),
        ("lateral", ReviewState.WAITING),
    ]


def test_what_both_made_counts(works: Works, engine: sa.Engine) -> None:
    _both(works)
    with engine.connect() as connection:
        counts = {each.kind: each.count for each in made_of(connection, STUDY)}
    assert counts[EvidenceKind.SR] == 2


def test_a_route_of_another_name_goes_on_where_the_earlier_one_was(works: Works) -> None:
    _route(works, FRONTAL)
    works.receive(PA, ViewPosition="PA")
    works.analyse("w1")
    (before,) = _newest(works).values()
    works.clock.advance(60)
    _route(works, replace(FRONTAL, name="renamed"))
    works.receive(LATER, ViewPosition="PA")
    works.analyse("w2")
    after = _newest(works)["renamed"]
    assert predecessors_of(after) == (before.SOPInstanceUID,)
    assert after.SeriesInstanceUID == before.SeriesInstanceUID


class FailsAtLaterals(FakeModels):
    """A model that breaks at every image but the frontal one."""

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Prediction:
        if PA not in {each.sop_instance_uid for each in instances}:
            raise ModelUnavailableError("broken")
        return super().predict(model, instances)


def test_the_failure_of_one_is_told_although_the_others_result_stands(works: Works) -> None:
    works.look_with(FailsAtLaterals())
    result = _both(works)["frontal"]
    (failed,) = (each["job_id"] for each in works.hotbase.jobs(STUDY) if each["state"] == "failed")
    (told,) = works.hotbase.evidence(failed, EvidenceSet.FAILURE)
    report = works.objects.evidence(told.path)
    assert stated_impression(report) == "No result: 1 image not analysed (analysis failed)."
    assert report.SeriesInstanceUID != result.SeriesInstanceUID
    assert {each.destination for each in works.waiting()} == {"PACS", "WARD"}


def test_one_result_for_two_routes_is_read_as_each_of_them_asks(works: Works) -> None:
    two = replace(CHEST, name="two", readers=2)
    first = replace(CHEST, name="first", reads_first=True)
    _route(works, two, first)
    works.receive(PA)
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    item = works.review_queue.item(job["job_id"])
    assert (item.readers, item.reads_first) == (2, True)
