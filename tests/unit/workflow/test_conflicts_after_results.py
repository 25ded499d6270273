"""Other content comes under the SOP Instance UID of an image: the PACS hears of it, before or after
the result."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.retrievals import RetrievalStore
from sr_templates.impression import stated_impression
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works

pytestmark = pytest.mark.slow

IMAGE = "1.2.3.1"


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    return Works(engine, tmp_path)


def test_a_result_says_that_an_image_came_twice_before_it(works: Works) -> None:
    works.receive(IMAGE)
    works.receive(IMAGE, InstanceNumber=7)
    works.analyse()
    (report,) = works.reports()
    assert "Images that came twice" in report.to_json()


def test_other_content_that_comes_after_the_result_is_told_and_the_result_stands(
    works: Works,
) -> None:
    works.receive(IMAGE)
    works.analyse("w1")
    works.clock.advance(60)
    works.receive(IMAGE, InstanceNumber=7)
    assert works.index.study(STUDY).state is StudyState.RECEIVING
    works.analyse("w2")
    _, told = works.reports()
    words = "No result: 1 image not analysed (came again with other content)."
    assert stated_impression(told) == words
    assert "the result is of what came first" in told.to_json()
    assert "PredecessorDocumentsSequence" not in told
    assert works.models.calls == 1
    assert len(works.waiting()) == 2
    assert works.hotbase.held() == ()
    assert works.index.study(STUDY).state is StudyState.ANALYSED


def test_what_was_told_of_it_is_not_told_again(works: Works) -> None:
    works.receive(IMAGE)
    works.analyse("w1")
    for number in (7, 8):
        works.receive(IMAGE, InstanceNumber=number)
        works.analyse(f"w{number}")
    assert len(works.reports()) == 2


def test_what_the_result_says_already_is_not_told_apart(works: Works) -> None:
    works.receive(IMAGE)
    works.receive(IMAGE, InstanceNumber=7)
    works.analyse("w1")
    works.receive(IMAGE, InstanceNumber=8)
    works.analyse("w2")
    assert len(works.reports()) == 1


def test_what_the_node_fetched_of_it_has_nothing_looked_at_again(works: Works) -> None:
    works.receive(IMAGE)
    works.analyse("w1")
    at = works.clock() - timedelta(seconds=1)
    RetrievalStore(works.engine).begin(STUDY, "ARCHIVE", Purpose.REPAIR, at=at)
    works.receive(IMAGE, calling_ae="ARCHIVE", InstanceNumber=7)
    assert works.index.study(STUDY).state is StudyState.ANALYSED
