"""Evidence of a CT study passes the validators that users have."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_node.domain.review.ct import confirmed
from dicom_node.domain.review.review import Judgement, LungVerdict
from dicom_node.workflow.analysis.evidence_builders import builders_of_ct
from dicom_node.workflow.review.ct_statements import ct_statements_of
from dicom_node.workflow.review.ct_waiting import figures_of
from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.ct.segmentation import build_ct_segmentation
from sr_templates.ct.verified_report import build_verified_ct_report
from sr_templates.expert_reading import ExpertReading, Observer
from tests.integration.sr_templates.validators import (
    dciodvfy_errors,
    dsrdump_complaints,
    template_errors,
)
from tests.unit.sr_templates.builders import a_context
from tests.unit.sr_templates_ct.builders import a_study, pixels_of

pytestmark = pytest.mark.peer

REPORTS = [(60, True), (60, False), (12, True)]


@pytest.mark.parametrize(("slices", "segmented"), REPORTS)
def test_reports_are_valid(tmp_path: Path, slices: int, segmented: bool) -> None:
    study = a_study(slices=slices)
    made = build_ct_report(study.prediction, study.datasets, a_context(), segmented=segmented)
    path = tmp_path / "sr.dcm"
    made.save_as(path, enforce_file_format=True)
    assert dciodvfy_errors(path) == []
    assert dsrdump_complaints(path) == []


# The validator's time grows with the square of the image library.
@pytest.mark.parametrize(("slices", "segmented"), [(20, True), (20, False), (12, True)])
def test_reports_follow_tid_1500_row_by_row(tmp_path: Path, slices: int, segmented: bool) -> None:
    study = a_study(slices=slices)
    made = build_ct_report(study.prediction, study.datasets, a_context(), segmented=segmented)
    path = tmp_path / "sr.dcm"
    made.save_as(path, enforce_file_format=True)
    assert template_errors(path) == []


@pytest.mark.parametrize("segmented", [True, False])
def test_what_a_reader_says_of_a_ct_is_valid(tmp_path: Path, segmented: bool) -> None:
    study = a_study(slices=24)
    assert study.prediction.analysis is not None
    made = build_ct_report(study.prediction, study.datasets, a_context(), segmented=segmented)
    ct = figures_of(study.prediction.analysis)
    verdict = replace(
        confirmed(ct),
        lungs=tuple(
            LungVerdict(side=each.side, judgement=Judgement.CHANGED, percentage=40.0)
            for each in ct.lungs
        ),
    )
    reading = ExpertReading(
        observers=(Observer(name="Expert^Ada", organisation="Clinic", may_verify=True),),
        decided_at=datetime(2026, 1, 2, tzinfo=UTC),
        statements=(),
        comment="Seen beside the last examination",
    )
    companions = (
        build_ct_segmentation(study.prediction, study.datasets, a_context()) if segmented else []
    )
    verified = build_verified_ct_report(
        made,
        study.datasets,
        study.prediction.model,
        reading,
        a_context(),
        statements=ct_statements_of(ct, verdict),
        companions=companions,
    )
    path = tmp_path / "sr.dcm"
    verified.save_as(path, enforce_file_format=True)
    assert dciodvfy_errors(path) == []
    assert dsrdump_complaints(path) == []
    assert template_errors(path) == []


def test_layers_are_valid(tmp_path: Path) -> None:
    study = a_study()
    layers = builders_of_ct(study.prediction, study.datasets, pixels_of(study), a_context())
    for kind, build in layers.items():
        for number, made in enumerate(build()):
            path = tmp_path / f"{kind}-{number}.dcm"
            made.save_as(path, enforce_file_format=True)
            assert dciodvfy_errors(path) == [], path.name
