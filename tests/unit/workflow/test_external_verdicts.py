"""What a report of another workstation may decide, and that none can stop its study."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.sr.coding import Code

from dicom_node.domain.review.review import Judgement, ReviewState
from dicom_node.domain.warehouse import TruthSource
from dicom_node.persistence.review.tables import REVIEW_FINDINGS, REVIEW_ITEMS
from dicom_node.web.review.remarks import remark_lines
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates import codes
from sr_templates.source_image import hierarchical_references
from tests.unit.builders import STUDY
from tests.unit.workflow.external_reports import answer, group, image, outline
from tests.unit.workflow.test_pipeline import Works
from tests.unit.workflow.test_review_corridor import ADA, IMAGE, only_item, send_report

pytestmark = pytest.mark.slow

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


def opacity(works: Works) -> Code:
    finding = works.review_queue.findings(only_item(works).item_id)[0]
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
    assert works.review_queue.readings(item.item_id) == ()
    (noted,) = works.external.of_item(item.item_id)
    assert (noted.sop_instance_uid, noted.closed) == (REPORT, False)
    return noted.message


def test_a_frame_number_may_have_several_values(works: Works) -> None:
    """Referenced Frame Number is IS 1-n (PS3.3 Table 10-3)."""
    said = answer(opacity(works), codes.POSITIVE, image(frames=[1, 2]))
    send_report(works, report_of(works, said), REPORT)
    assert works.review_queue.of_study(STUDY)[0].state is ReviewState.DECIDED


def test_an_outline_with_half_a_point_outlines_nothing(works: Works) -> None:
    send_report(works, report_of(works, group(opacity(works), outline(1.0, 2.0, 3.0))), REPORT)
    assert "does not say beyond doubt whether this is there" in left_open(works)


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
    (item,) = works.review_queue.of_study(STUDY)
    (reading,) = works.review_queue.readings(item.item_id)
    assert (reading.reviewer.person_name, reading.reviewer.organisation) == ("Else^Some", "Else")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({"CompletionFlag": "PARTIAL"}, "not COMPLETE"),
        ({"PreliminaryFlag": "PRELIMINARY"}, "PRELIMINARY"),
        ({"PreliminaryFlag": "preliminary"}, "PRELIMINARY"),
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
    (item,) = works.review_queue.of_study(STUDY)
    assert item.state is ReviewState.DECIDED


def test_an_unverified_report_does_not_stand_for_a_second_reader(works: Works) -> None:
    with works.engine.begin() as connection:
        connection.execute(sa.update(REVIEW_ITEMS).values(readers=2))
    said = answer(opacity(works), codes.NEGATIVE, image())
    send_report(works, report_of(works, said, verified=False), REPORT)
    assert "it wants 2 readers, and the report is not VERIFIED" in left_open(works)
    details = works.review_queue.open(only_item(works).item_id, ADA)
    (line,) = remark_lines(details)
    assert (line.title, line.warns) == ("report of another workstation", True)
    assert REPORT in line.words
    assert "not VERIFIED" in line.words
    send_report(works, report_of(works, said), "1.2.3.8")
    (item,) = works.review_queue.of_study(STUDY)
    assert item.state is ReviewState.DECIDED


def test_what_is_there_without_saying_where_rejects_neither_of_two_images(
    engine: sa.Engine, tmp_path: Path
) -> None:
    works = analysed(engine, tmp_path, IMAGE, "1.2.3.2")
    send_report(works, report_of(works, answer(opacity(works), codes.POSITIVE)), REPORT)
    assert "does not say on which image" in left_open(works)


@pytest.mark.parametrize("link", ["evidence", "series"])
def test_silence_rejects_only_in_a_report_that_replaces_the_nodes(works: Works, link: str) -> None:
    finding, item_id = opacity(works), only_item(works).item_id
    with works.engine.begin() as connection:
        row = connection.execute(sa.select(REVIEW_FINDINGS)).mappings().one()
        other = {**row, "position": 1, "label": "effusion"}
        other["code"] = {**row["code"], "value": "60046008"}
        connection.execute(sa.insert(REVIEW_FINDINGS).values(other))
    report = report_of(works, answer(finding, codes.POSITIVE, image()))
    if link == "evidence":
        report.CurrentRequestedProcedureEvidenceSequence = report.PredecessorDocumentsSequence
        report.SeriesInstanceUID = "1.2.9"
    replaced = report.PredecessorDocumentsSequence
    del report.PredecessorDocumentsSequence
    send_report(works, report, REPORT)
    assert "says nothing of" in left_open(works)
    report.PredecessorDocumentsSequence = replaced
    send_report(works, report, "1.2.3.8")
    (reading,) = works.review_queue.readings(item_id)
    assert [(each.label, each.judgement) for each in reading.findings] == [
        ("opacity", Judgement.CONFIRMED),
        ("effusion", Judgement.REJECTED),
    ]


def test_an_outside_reports_word_is_on_labels_and_not_on_the_models_outlines(works: Works) -> None:
    said = answer(opacity(works), codes.POSITIVE, image())
    (item_id,) = send_report(works, report_of(works, said), REPORT).concluded
    works.corridor.conclude(item_id, InlineSteps())
    record = works.warehouse.record(item_id)
    assert [(each.value, each.source) for each in record.truths] == [(True, TruthSource.EXTERNAL)]
    assert record.boxes == ()
