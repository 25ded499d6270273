"""Odd headers through the corridor: a result that says what was corrected, or a coded reason."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import DigitalXRayImageStorageForProcessing

from ai_engine.kinds.testing import write_box_model
from ai_engine.prediction import RefusalReason, RemarkKind
from ai_engine.preprocessing.unusual import RAW
from sr_templates.codes import REFUSAL_REASONS, REMARKS
from sr_templates.evidence_kind import EvidenceKind
from tests.integration.models.conftest import Started
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.unit.ai_engine.odd_images import chest
from tests.unit.ai_engine.test_odd_headers import CORRECTED, REFUSED

BOXES, SCORES = ((24, 40, 56, 92),), (0.91,)
SHORT = {"left-aligned 12 in 16", "LUT, descriptor and data SS", "MONOCHROME 2"}
NATIVE = [
    "left-aligned 12 in 16",
    "High Bit 0",
    "Bits Stored 32 in 16",
    "Bits Allocated 12",
    "signed values stated unsigned",
    "Pixel Representation missing",
    "rescale empty",
    "slope with a decimal comma",
    "slope alone",
    "LUT, descriptor and data SS",
    "LUT of US",
    "monochrome2",
    "MONOCHROME 2",
    "Photometric Interpretation missing",
    "Pixel Spacing 0,143",
    "Pixel Spacing of words",
    "window with decimal commas",
    "Rows and Columns as text",
]


def _texts(report: Dataset) -> str:
    """Everything that a report says in words."""
    return " ".join(str(each.value) for each in report.iterall() if each.keyword == "TextValue")


def _codes(report: Dataset) -> set[str]:
    """Every code value in a report."""
    found = set()
    for element in report.iterall():
        if element.keyword == "CodeValue":
            found.add(str(element.value))
    return found


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in SHORT else pytest.mark.long) for name in NATIVE],
)
def test_a_corrected_header_leads_to_a_result_that_says_so(started: Started, name: str) -> None:
    change, said = CORRECTED[name]
    trial = started(lambda folder: write_box_model(folder, BOXES, SCORES))
    trial.wanting()
    dataset = chest()
    change(dataset)
    trial.send(dataset)
    made = trial.evidence(trial.analyse())
    assert {EvidenceKind.SR, EvidenceKind.SC} <= set(made)
    # A presentation state repeats the modality LUT, and may do so only where it is valid.
    assert (EvidenceKind.PR in made) == ("SS" not in name)
    for path in (path for paths in made.values() for path in paths):
        assert dciodvfy_errors(path) == []
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert (REMARKS[RemarkKind.HEADER_CORRECTED].value in _codes(report)) == bool(said)
    assert said in _texts(report)


@pytest.mark.parametrize(
    "name",
    [
        "Rescale Slope 0",
        "Columns one too few",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in (
                "Rescale Slope of words",
                "left- or right-aligned",
                "Photometric Interpretation and shape missing",
                "LUT without data",
                "Number of Frames of words",
                "Bits Allocated of words",
            )
        ),
    ],
)
def test_a_header_without_one_meaning_leads_to_its_reason(started: Started, name: str) -> None:
    change, reason = REFUSED[name]
    trial = started(lambda folder: write_box_model(folder, BOXES, SCORES))
    trial.wanting()
    dataset = chest()
    change(dataset)
    trial.send(dataset)
    made = trial.evidence(trial.analyse())
    assert set(made) == {EvidenceKind.SR}
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert dciodvfy_errors(Path(made[EvidenceKind.SR][0])) == []
    assert REFUSAL_REASONS[reason].value in _codes(report)
    assert reason is not RefusalReason.NOT_FRONTAL_CHEST


def test_of_one_exposure_the_image_for_presentation_is_analysed(started: Started) -> None:
    trial = started(lambda folder: write_box_model(folder, BOXES, SCORES))
    trial.wanting()
    shown, raw = chest(), chest()
    raw.SOPClassUID = raw.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForProcessing
    raw.SOPInstanceUID = raw.file_meta.MediaStorageSOPInstanceUID = "2.25.4"
    raw.SeriesInstanceUID = "2.25.5"
    raw.PresentationIntentType = "FOR PROCESSING"
    trial.send(raw)
    trial.send(shown)
    job = trial.analyse()
    assert {each["sop_instance_uid"] for each in trial.works.hotbase.findings(job)} == {"2.25.3"}
    made = trial.evidence(job)
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert dciodvfy_errors(Path(made[EvidenceKind.SR][0])) == []
    assert REMARKS[RemarkKind.FOR_PROCESSING].value in _codes(report)
    assert "1 image analysed" in _texts(report)
    assert len(made[EvidenceKind.SC]) == 1


def test_an_image_for_processing_alone_is_analysed_and_called_so(started: Started) -> None:
    trial = started(lambda folder: write_box_model(folder, BOXES, SCORES))
    trial.wanting()
    raw = chest()
    raw.PresentationIntentType = "FOR PROCESSING"
    trial.send(raw)
    made = trial.evidence(trial.analyse())
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert dciodvfy_errors(Path(made[EvidenceKind.SR][0])) == []
    assert REMARKS[RemarkKind.UNLIKE_TRAINING].value in _codes(report)
    assert RAW in _texts(report)


def test_a_lateral_image_beside_the_analysed_one_stands_in_a_valid_report(started: Started) -> None:
    trial = started(lambda folder: write_box_model(folder, BOXES, SCORES))
    trial.wanting()
    (route,) = trial.works.corridor.routing._routes()
    trial.route(replace(route, views=frozenset({"PA", "AP"})))
    frontal, lateral = chest(), chest()
    lateral.SOPInstanceUID = lateral.file_meta.MediaStorageSOPInstanceUID = "2.25.4"
    lateral.ViewPosition = "LL"
    trial.send(frontal)
    trial.send(lateral)
    made = trial.evidence(trial.analyse())
    for path in (path for paths in made.values() for path in paths):
        assert dciodvfy_errors(path) == []
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert REFUSAL_REASONS[RefusalReason.NO_IMAGE_MODEL].value in _codes(report)
    assert "1 image analysed, 1 image not analysed" in _texts(report)
    assert len(made[EvidenceKind.SC]) == 1
