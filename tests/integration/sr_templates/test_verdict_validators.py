"""Verdicts pass the validators that users have, and highdicom reads them back."""

from pathlib import Path

import highdicom as hd
import pytest
from pydicom import dcmwrite

from ai_engine.prediction import Region
from sr_templates.expert_reading import ExpertReading
from sr_templates.key_object_selection import build_rejection
from sr_templates.measurement_report import build_measurement_report
from sr_templates.verified_report import build_verified_report
from tests.integration.sr_templates.validators import (
    dciodvfy_errors,
    dsrdump_complaints,
    template_errors,
)
from tests.unit.sr_templates.builders import ABNORMAL, a_context, a_prediction, a_source
from tests.unit.sr_templates.test_verified_report import a_reading, a_statement, an_observer

pytestmark = pytest.mark.peer

READINGS = {
    "confirmed": a_reading(a_statement(laterality="L")),
    "attested": a_reading(a_statement(), observers=(an_observer(may_verify=False),)),
    "two readers": a_reading(
        a_statement(present=None, words="Cannot be told."),
        observers=(an_observer(), an_observer(name="Trainee^Ben", may_verify=False)),
        comment="Expert, Ada: Rotated.\nTrainee, Ben on Pneumonia: left",
    ),
    "one finding twice": a_reading(
        a_statement(laterality="R"),
        a_statement(
            laterality="L",
            reported_as=None,
            probability=None,
            threshold=None,
            words="Changed by the reader from Abnormality.",
            box=Region(left=1, top=2, right=30, bottom=40),
        ),
    ),
    "added and rejected": a_reading(
        a_statement(present=False, words="Rejected."),
        a_statement(
            title="Abnormality",
            code=ABNORMAL,
            probability=None,
            threshold=None,
            reported_as=None,
            words="Added.",
            laterality="B",
            box=Region(left=1, top=2, right=30, bottom=40),
        ),
    ),
}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
def test_a_verdict_has_no_errors(reading: ExpertReading, tmp_path: Path) -> None:
    ai_report = build_measurement_report(a_prediction(), [a_source()], a_context())
    report = build_verified_report(
        ai_report, [a_source()], a_prediction().model, reading, a_context()
    )
    path = tmp_path / "verdict.dcm"
    dcmwrite(path, report, enforce_file_format=True)
    assert dciodvfy_errors(path) == []
    assert dsrdump_complaints(path) == []
    document = hd.sr.srread(path)
    assert len(document.content.get_planar_roi_measurement_groups()) == sum(
        bool(each.present) for each in reading.statements
    )
    assert template_errors(path) == []


def test_a_result_after_a_verified_report_has_no_errors(tmp_path: Path) -> None:
    before = build_measurement_report(a_prediction(), [a_source()], a_context())
    verified = build_verified_report(
        before, [a_source()], a_prediction().model, READINGS["confirmed"], a_context()
    )
    after = build_measurement_report(
        a_prediction(),
        [a_source()],
        a_context(),
        predecessors=[before],
        expert_reports=[verified],
    )
    path = tmp_path / "after.dcm"
    dcmwrite(path, after, enforce_file_format=True)
    assert dciodvfy_errors(path) == []
    assert dsrdump_complaints(path) == []
    assert template_errors(path) == []


def test_a_rejection_has_no_errors(tmp_path: Path) -> None:
    ai_report = build_measurement_report(a_prediction(), [a_source()], a_context())
    rejection = build_rejection(
        [ai_report],
        a_prediction().model,
        a_context(),
        comment="Another patient.",
        rejected_by="Expert^Ada",
    )
    path = tmp_path / "rejection.dcm"
    dcmwrite(path, rejection, enforce_file_format=True)
    assert dciodvfy_errors(path) == []
    # DCMTK says of every key object selection that it does not check the template.
    assert dsrdump_complaints(path) == ["W: Check for template constraints not yet supported"]
