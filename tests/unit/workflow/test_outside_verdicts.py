"""What a report of another workstation may decide, and that none can stop its study."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.sr.coding import Code

from dicom_node.domain.review import ReviewState
from dicom_node.persistence.review_tables import REVIEW_ITEMS
from dicom_node.web.worklist.remarks import remark_lines
from sr_templates import codes
from sr_templates.report_reading import FINDING
from sr_templates.source_image import hierarchical_references
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works
from tests.unit.workflow.test_review_corridor import ADA, IMAGE, only_item, send_report

REPORT = "1.2.3.7"


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    return analysed(engine, tmp_path, IMAGE)


def analysed(engine: sa.Engine, folder: Path, *images: str) -> Works:
    made = Works(engine, folder)
    for each in images:
        made.receive(each, BodyPartExamined="CHEST", Manufacturer="Maker")
    made.analyse("first")
    return made


def coded(item: Code) -> list[Dataset]:
    return [codes.code_item(item)]


def content(value_type: str, name: Code, *children: Dataset, **values: object) -> Dataset:
    item = Dataset()
    item.ValueType = value_type
    item.RelationshipType = "CONTAINS"
    item.ConceptNameCodeSequence = coded(name)
    if children:
        item.ContentSequence = list(children)
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def answer(name: Code, value: Code, *children: Dataset) -> Dataset:
    return content("CODE", name, *children, ConceptCodeSequence=coded(value))


def image(uid: str = IMAGE, frames: int | Sequence[int] | None = None) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    reference.ReferencedSOPInstanceUID = uid
    if frames is not None:
        reference.ReferencedFrameNumber = frames
    return content("IMAGE", codes.SOURCE, ReferencedSOPSequence=[reference])


def outline(*points: float, on: Dataset | None = None) -> Dataset:
    return content(
        "SCOORD",
        codes.IMAGE_REGION,
        on or image(),
        GraphicType="POLYLINE",
        GraphicData=list(points) or [1.0, 2.0, 3.0, 4.0],
    )


def group(finding: Code, *children: Dataset) -> Dataset:
    return content("CONTAINER", codes.MEASUREMENT_GROUP, answer(FINDING, finding), *children)


def opacity(works: Works) -> Code:
    finding = works.worklist.findings(only_item(works).item_id)[0]
    return Code(finding.code.value, finding.code.scheme, finding.code.meaning)


def report_of(works: Works, *items: Dataset, verified: bool = True) -> Dataset:
    """Make a report that replaces the node's."""
    (ai_report,) = works.reports()
    report = copy.deepcopy(ai_report)
    report.ContentSequence = list(items)
    report.PredecessorDocumentsSequence = hierarchical_references([ai_report])
    report.CompletionFlag = "COMPLETE"
    report.PreliminaryFlag = "FINAL"
    if verified:
        observer = Dataset()
        observer.VerifyingObserverName = "Else^Some"
        observer.VerifyingOrganization = "Else"
        observer.VerificationDateTime = "20260101"
        report.VerificationFlag = "VERIFIED"
        report.VerifyingObserverSequence = [observer]
    return report


def left_open(works: Works) -> str:
    """Assert that the only item is open, and give what is said of the report."""
    item = only_item(works)
    assert item.is_open
    assert works.worklist.readings(item.item_id) == ()
    (noted,) = works.outside.of_item(item.item_id)
    assert (noted.sop_instance_uid, noted.closed) == (REPORT, False)
    return noted.message


def test_a_frame_number_may_have_several_values(works: Works) -> None:
    """Referenced Frame Number is IS 1-n (PS3.3 Table 10-3)."""
    said = answer(opacity(works), codes.POSITIVE, image(frames=[1, 2]))
    send_report(works, report_of(works, said), REPORT)
    assert works.worklist.of_study(STUDY)[0].state is ReviewState.DECIDED


def test_an_outline_with_half_a_point_outlines_nothing(works: Works) -> None:
    send_report(works, report_of(works, group(opacity(works), outline(1.0, 2.0, 3.0))), REPORT)
    assert "no finding of the model could be read" in left_open(works)


def _without_content(report: Dataset) -> None:
    report.add_new("ContentSequence", "LO", "text where a sequence belongs")


def _with_a_strange_frame(report: Dataset) -> None:
    report.ContentSequence[0].ContentSequence[0].ReferencedSOPSequence[0].add_new(
        "ReferencedFrameNumber", "LO", "first"
    )


def _with_strange_observers(report: Dataset) -> None:
    report.add_new("VerifyingObserverSequence", "LO", "Else^Some")


@pytest.mark.parametrize(
    "spoil", [_without_content, _with_a_strange_frame, _with_strange_observers]
)
def test_a_report_that_cannot_be_read_does_not_stop_its_study(
    works: Works, spoil: Callable[[Dataset], None]
) -> None:
    report = report_of(works, answer(opacity(works), codes.POSITIVE, image()))
    spoil(report)
    send_report(works, report, REPORT)
    assert "cannot be read" in left_open(works)
    works.clock.advance(600)
    works.receive("1.2.3.2")
    works.analyse("late image")
    assert [len(each["sop_instance_uids"]) for each in works.hotbase.jobs(STUDY)] == [
        1,
        2,
    ]


def test_a_report_whose_references_cannot_be_read_does_not_stop_its_study(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    report = report_of(works, answer(opacity(works), codes.POSITIVE, image()))
    report.add_new("PredecessorDocumentsSequence", "LO", "1.2.3")
    send_report(works, report, REPORT)
    assert only_item(works).is_open
    assert f"report not read sop={REPORT}" in caplog.text


def test_names_that_a_database_refuses_do_not_stop_the_study(works: Works) -> None:
    report = report_of(works, answer(opacity(works), codes.POSITIVE, image()))
    report.VerifyingObserverSequence[0].VerifyingOrganization = "El\0se"
    send_report(works, report, REPORT)
    (item,) = works.worklist.of_study(STUDY)
    (reading,) = works.worklist.readings(item.item_id)
    assert (reading.reviewer.person_name, reading.reviewer.organisation) == ("Else^Some", "Else")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({"CompletionFlag": "PARTIAL"}, "not COMPLETE"),
        ({"PreliminaryFlag": "PRELIMINARY"}, "PRELIMINARY"),
    ],
)
@pytest.mark.parametrize("verified", [True, False], ids=["verified", "unverified"])
def test_a_draft_leaves_the_item_open_and_its_final_form_closes_it(
    works: Works, flags: dict[str, str], why: str, verified: bool
) -> None:
    draft = report_of(works, answer(opacity(works), codes.NEGATIVE, image()), verified=verified)
    for keyword, value in flags.items():
        setattr(draft, keyword, value)
    send_report(works, draft, REPORT)
    assert f"the report is {why}" in left_open(works)
    final = report_of(works, answer(opacity(works), codes.NEGATIVE, image()), verified=False)
    final.SeriesInstanceUID = "1.2.9"
    final.PredecessorDocumentsSequence = hierarchical_references([draft])
    send_report(works, final, "1.2.3.8")
    (item,) = works.worklist.of_study(STUDY)
    assert item.state is ReviewState.DECIDED


def test_an_unverified_report_does_not_stand_for_a_second_reader(works: Works) -> None:
    with works.engine.begin() as connection:
        connection.execute(sa.update(REVIEW_ITEMS).values(readers=2))
    said = answer(opacity(works), codes.NEGATIVE, image())
    send_report(works, report_of(works, said, verified=False), REPORT)
    assert "it wants 2 readers, and the report is not VERIFIED" in left_open(works)
    details = works.worklist.open(only_item(works).item_id, ADA)
    (line,) = remark_lines(details)
    assert (line.title, line.warns) == ("report of another workstation", True)
    assert REPORT in line.words
    assert "not VERIFIED" in line.words
    send_report(works, report_of(works, said), "1.2.3.8")
    (item,) = works.worklist.of_study(STUDY)
    assert item.state is ReviewState.DECIDED
