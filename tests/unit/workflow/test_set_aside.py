"""What a study has beside its analysed radiographs is said; what was rejected does not count."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, KeyObjectSelectionDocumentStorage

from ai_engine.prediction import RefusalReason
from dicom_node.domain.route import Route
from dicom_node.web.review.remarks import remark_lines
from dicom_node.workflow.analysis.set_aside import REJECTED, REJECTED_ALONE
from sr_templates.codes import REFUSAL_REASONS
from sr_templates.impression import stated_impression
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import CHEST, Works
from tests.unit.workflow.test_review_corridor import ADA

pytestmark = pytest.mark.slow

FRONTAL = replace(CHEST, views=frozenset({"PA", "AP"}))
FIRST, SECOND, SELECTION = "1.2.3.1", "1.2.3.2", "1.2.3.9"
QUALITY, SAFETY, RETENTION, OF_INTEREST = "113001", "113037", "113039", "113000"


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    _route(made, FRONTAL)
    return made


def _route(works: Works, *routes: Route) -> None:
    works.corridor.routing._routes = lambda: routes
    works.corridor.inference._routes = lambda: routes


def _analysed(works: Works) -> list[tuple[str, ...]]:
    return [tuple(each["sop_instance_uids"]) for each in works.hotbase.jobs(STUDY)]


def _said(works: Works) -> dict[str, tuple[str, str]]:
    """Which images the newest result says were not analysed, and why."""
    job = works.hotbase.jobs(STUDY)[-1]
    found = works.hotbase.refusals(job["job_id"])
    return {each["sop_instance_uid"]: (each["reason"], each["detail"]) for each in found}


def _select(works: Works, title: str, *uids: str) -> None:
    """Receive a key object selection with these images."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = title, "DCM", "Title"
    study, series = Dataset(), Dataset()
    study.StudyInstanceUID, series.SeriesInstanceUID = STUDY, f"{STUDY}.1"
    series.ReferencedSOPSequence = [_reference(uid) for uid in uids]
    study.ReferencedSeriesSequence = [series]
    works.receive(
        SELECTION,
        SOPClassUID=KeyObjectSelectionDocumentStorage,
        Modality="KO",
        SeriesInstanceUID=f"{STUDY}.9",
        ConceptNameCodeSequence=[code],
        CurrentRequestedProcedureEvidenceSequence=[study],
        Rows=None,
        PixelData=None,
    )


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", uid
    return item


def test_a_lateral_beside_a_frontal_image_is_said_not_to_be_analysed(works: Works) -> None:
    works.receive(FIRST, ViewPosition="PA")
    works.receive(SECOND, ViewPosition="LL")
    works.analyse()
    assert _analysed(works) == [(FIRST,)]
    reason = RefusalReason.NO_IMAGE_MODEL
    assert _said(works) == {SECOND: (reason.value, "the route is for other views")}
    (report,) = works.reports()
    assert "1 image not analysed" in stated_impression(report)
    text = report.to_json()
    assert REFUSAL_REASONS[reason].value in text
    assert SECOND in text
    assert works.hotbase.held() == ()


def test_a_reader_is_told_of_the_lateral_and_warned_of_the_rejected(works: Works) -> None:
    works.receive(FIRST, ViewPosition="PA")
    works.receive(SECOND, ViewPosition="LL")
    works.receive("1.2.3.3", ViewPosition="PA", QualityControlImage="YES")
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    lines = remark_lines(works.review_queue.open(job["job_id"], ADA))
    told = {each.words.partition(": ")[2]: each.warns for each in lines}
    assert told == {"the route is for other views": False, REJECTED: True}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BodyPartExamined": "HAND"}, "the route is for another body part"),
        ({"Modality": "CR"}, "the route is for another modality"),
        ({"ImageType": ["DERIVED", "PRIMARY", "MASK"]}, "the route is not for such images"),
    ],
)
def test_each_reason_has_its_words(works: Works, changes: dict[str, Any], words: str) -> None:
    _route(
        works,
        replace(
            FRONTAL,
            body_parts=frozenset({"CHEST"}),
            excluded_image_types=frozenset({"MASK"}),
        ),
    )
    works.receive(FIRST, BodyPartExamined="CHEST")
    works.receive(SECOND, **{"BodyPartExamined": "CHEST", **changes})
    works.analyse()
    assert {uid: detail for uid, (_, detail) in _said(works).items()} == {SECOND: words}


def test_what_another_route_takes_and_what_is_no_radiograph_is_not_spoken_of(works: Works) -> None:
    lateral = Route(name="lateral", model="other", views=frozenset({"LL"}))
    _route(works, FRONTAL, lateral)
    works.receive(FIRST, ViewPosition="PA")
    works.receive(SECOND, ViewPosition="LL")
    works.receive("1.2.3.3", SOPClassUID=CTImageStorage, Modality="CT")
    works.analyse()
    assert {uid for each in works.hotbase.jobs(STUDY) for uid in _refused(works, each)} == set()


def _refused(works: Works, job: Any) -> set[str]:
    return {each["sop_instance_uid"] for each in works.hotbase.refusals(job["job_id"])}


@pytest.mark.parametrize(
    "marks",
    [{"QualityControlImage": "YES"}, {"ImageType": ["ORIGINAL", "PRIMARY", "", "REJECTED"]}],
)
def test_an_image_that_its_header_rejects_is_not_analysed_beside_a_valid_one(
    works: Works, marks: dict[str, Any]
) -> None:
    works.receive(FIRST, **marks)
    works.receive(SECOND)
    works.analyse()
    assert _analysed(works) == [(SECOND,)]
    assert _said(works) == {FIRST: (RefusalReason.NOT_EXPECTED.value, REJECTED)}
    (report,) = works.reports()
    assert "1 image not analysed" in stated_impression(report)


@pytest.mark.parametrize("title", [QUALITY, SAFETY])
def test_an_image_that_a_selection_rejects_is_not_analysed_beside_a_valid_one(
    works: Works, title: str
) -> None:
    works.receive(FIRST)
    works.receive(SECOND)
    _select(works, title, FIRST)
    works.analyse()
    assert _analysed(works) == [(SECOND,)]
    assert _said(works) == {FIRST: (RefusalReason.NOT_EXPECTED.value, REJECTED)}


@pytest.mark.parametrize("title", [RETENTION, OF_INTEREST])
def test_other_selections_reject_nothing(works: Works, title: str) -> None:
    works.receive(FIRST)
    works.receive(SECOND)
    _select(works, title, FIRST)
    works.analyse()
    assert _analysed(works) == [(FIRST, SECOND)]
    assert _said(works) == {}


def test_a_rejected_image_without_a_valid_one_is_analysed_and_called_so(works: Works) -> None:
    works.receive(FIRST)
    _select(works, QUALITY, FIRST)
    works.analyse()
    assert _analysed(works) == [(FIRST,)]
    (job,) = works.hotbase.jobs(STUDY)
    assert REJECTED_ALONE in [each["detail"] for each in works.hotbase.remarks(job["job_id"])]


def test_a_rejection_that_comes_later_leads_to_a_result_without_the_image(works: Works) -> None:
    works.receive(FIRST)
    works.receive(SECOND)
    works.analyse("w1")
    works.clock.advance(60)
    _select(works, QUALITY, FIRST)
    works.analyse("w2")
    assert _analysed(works) == [(FIRST, SECOND), (SECOND,)]
    first, second = works.reports()
    replaced = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    (earlier,) = replaced.ReferencedSOPSequence
    assert earlier.ReferencedSOPInstanceUID == first.SOPInstanceUID


def test_a_selection_that_cannot_be_read_rejects_nothing(works: Works) -> None:
    works.receive(FIRST)
    works.receive(
        SELECTION,
        SOPClassUID=KeyObjectSelectionDocumentStorage,
        ConceptNameCodeSequence=[Dataset()],
        CurrentRequestedProcedureEvidenceSequence=[Dataset()],
    )
    works.analyse()
    assert FIRST in _analysed(works)[0]


SECOND_SERIES = f"{STUDY}.2"


def test_a_lateral_that_comes_after_its_studys_result_is_told_and_the_result_stands(
    works: Works,
) -> None:
    works.receive(FIRST, ViewPosition="PA")
    works.analyse("w1")
    works.clock.advance(60)
    works.receive(SECOND, ViewPosition="LL", SeriesInstanceUID=SECOND_SERIES)
    works.analyse("w2")
    result, told = works.reports()
    assert "PredecessorDocumentsSequence" not in told
    assert stated_impression(told) == "No result: 1 image not analysed (no model for this image)."
    assert SECOND in told.to_json()
    assert "the route is for other views" in told.to_json()
    assert FIRST in result.to_json()
    assert works.models.calls == 1
    assert len(works.waiting()) == 2
    assert works.hotbase.held() == ()


def test_what_was_told_of_a_late_image_is_not_told_again(works: Works) -> None:
    works.receive(FIRST, ViewPosition="PA")
    works.analyse("w1")
    works.receive(SECOND, ViewPosition="LL", SeriesInstanceUID=SECOND_SERIES)
    works.analyse("w2")
    works.receive(SELECTION, SOPClassUID=CTImageStorage, Modality="CT")
    works.analyse("w3")
    assert len(works.reports()) == 2


def test_a_late_image_that_the_result_names_already_is_not_told_apart(works: Works) -> None:
    works.receive(FIRST, ViewPosition="PA")
    works.receive(SECOND, ViewPosition="LL", SeriesInstanceUID=SECOND_SERIES)
    works.analyse("w1")
    works.receive(SELECTION, SOPClassUID=CTImageStorage, Modality="CT")
    works.analyse("w2")
    assert len(works.reports()) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ViewPosition": "PA", "QualityControlImage": "YES"}, REJECTED),
        ({"Modality": "CR", "ViewPosition": "PA"}, "the route is for another modality"),
    ],
)
def test_other_images_that_come_late_and_are_left_aside_are_told_with_the_reason(
    works: Works, changes: dict[str, Any], words: str
) -> None:
    works.receive(FIRST, ViewPosition="PA")
    works.analyse("w1")
    works.receive(SECOND, **changes, SeriesInstanceUID=SECOND_SERIES)
    works.analyse("w2")
    assert _analysed(works)[0] == (FIRST,)
    assert words in works.reports()[-1].to_json()
