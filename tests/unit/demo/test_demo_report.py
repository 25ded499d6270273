"""The demonstration's table says what the report says, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import Dataset
from rich.console import Console

from ai_engine.prediction import (
    Code,
    Finding,
    ImagePrediction,
    ModelIdentity,
    Prediction,
    Refusal,
    RefusalReason,
)
from dicom_node.demo import showing
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.report_reading import Report, read_report
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from sr_templates.context import EvidenceContext
from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.measurement_report import build_measurement_report
from tests.unit.sr_templates_ct.builders import a_study

MADE_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONTEXT = EvidenceContext(
    manufacturer="DICOM AI node",
    model_name="dicom-node",
    software_version="0",
    device_serial_number="1",
    content_datetime=MADE_AT,
)
MODEL = ModelIdentity(
    name="chest-radiograph",
    version="9.8.7",
    weights_digest="ab" * 32,
    title="A model",
    manufacturer="Nobody",
    research_only=True,
)


def _finding(label: str, code: str, probability: float) -> Finding:
    return Finding(
        label=label,
        title=label,
        code=Code(value=code, scheme="SCT", meaning=label),
        site=None,
        probability=probability,
        threshold=0.25,
    )


def _source() -> Dataset:
    uids = StudyUids(study="2.25.7", series="2.25.70", instance="2.25.71")
    made = make_radiograph(uids, MADE_AT, ChestOptions(rows=250, columns=200))
    del made.dataset.PixelData
    return made.dataset


def _report(tmp_path: Path, prediction: Prediction) -> Report:
    report = build_measurement_report(prediction, [_source()], CONTEXT)
    path = tmp_path / "report.dcm"
    report.save_as(path, enforce_file_format=True)
    return read_report(path)


def _printed(report: Report) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        showing.show_report(console, report)
    return captured.get()


@pytest.mark.slow
def test_findings_are_read_with_probability_threshold_and_verdict(tmp_path: Path) -> None:
    findings = (
        _finding("Pneumonia", "233604007", 0.875),
        _finding("Cardiomegaly", "8186001", 0.125),
    )
    image = ImagePrediction(sop_instance_uid="2.25.71", findings=findings)
    report = _report(tmp_path, Prediction(model=MODEL, images=(image,)))
    assert [(f.title, f.probability, f.threshold, f.is_positive) for f in report.findings] == [
        ("Pneumonia", pytest.approx(0.875), pytest.approx(0.25), True),
        ("Cardiomegaly", pytest.approx(0.125), pytest.approx(0.25), False),
    ]
    assert {f.image for f in report.findings} == {"2.25.71"}
    assert report.algorithm == "chest-radiograph 9.8.7"
    assert report.is_research
    printed = _printed(report)
    for words in ("Pneumonia", "88 %", "25 %", "at or above threshold", "12 %", "below"):
        assert words in printed


@pytest.mark.slow
def test_a_refusal_is_read_with_its_reason(tmp_path: Path) -> None:
    refusal = Refusal(
        sop_instance_uid="2.25.71", reason=RefusalReason.NOT_FRONTAL_CHEST, detail="a hand"
    )
    report = _report(tmp_path, Prediction(model=MODEL, images=(), refusals=(refusal,)))
    assert report.findings == ()
    assert report.refusals == ("not a frontal chest radiograph: a hand",)
    assert "not a frontal chest radiograph" in _printed(report)


@pytest.mark.parametrize(("count", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_counts_agree_with_their_nouns(count: int, said: str) -> None:
    assert showing.counted(count, "file") == said


@pytest.mark.slow
def test_a_ct_s_figures_and_sentences_are_shown(tmp_path: Path) -> None:
    study = a_study()
    made = build_ct_report(study.prediction, study.datasets, CONTEXT, segmented=True)
    path = tmp_path / "sr.dcm"
    made.save_as(path, enforce_file_format=True)
    report = read_report(path)
    assert report.findings == ()
    assert {each.where for each in report.measurements} == {
        "Right lung",
        "Left lung",
        "Ground-glass",
        "Nodule",
    }
    console = Console(record=True, width=120)
    showing.show_report(console, report)
    shown = console.export_text()
    assert "found by ct-high-attenuation 1.0.0 (research only)" in shown
    assert "Inhomogeneity of right lung" in shown
    assert "There are 60 slices in total, counted from the head." in shown
    assert "Limitation" not in shown
