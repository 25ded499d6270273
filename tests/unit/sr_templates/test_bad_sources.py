"""Bad sources give valid objects of every kind, or a clear reason why there is none."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from sr_templates.encapsulated_report import build_encapsulated_report
from sr_templates.errors import EvidenceError
from sr_templates.key_object_selection import build_key_object_selection
from sr_templates.measurement_report import build_measurement_report
from sr_templates.parametric_map import build_parametric_map
from sr_templates.presentation_state import build_presentation_state
from sr_templates.secondary_capture import build_overlays
from sr_templates.segmentation import build_segmentation
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    IMAGE,
    STUDY,
    a_context,
    a_prediction,
    a_source,
    an_image,
    some_pixels,
)

GREY = {"PhotometricInterpretation": "MONOCHROME2", "BitsStored": 8}
PLANE = {
    "SOPClassUID": CTImageStorage,
    "Modality": "CT",
    "ImagePositionPatient": ["1", "2", "3"],
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "PixelSpacing": ["0.5", "0.5"],
}
Builder = Callable[[Dataset], Sequence[Dataset]]
BUILDERS: dict[str, Builder] = {
    "report": lambda s: [build_measurement_report(a_prediction(), [s], a_context())],
    "overlay": lambda s: build_overlays(a_prediction(), s, some_pixels(), a_context()),
    "segmentation": lambda s: build_segmentation(a_prediction(), s, a_context()),
    "state": lambda s: build_presentation_state(a_prediction(), s, a_context()),
    "map": lambda s: build_parametric_map(a_prediction(), s, a_context()),
    "page": lambda s: build_encapsulated_report(a_prediction(), s, some_pixels(), a_context()),
    "key objects": lambda s: build_key_object_selection(a_prediction(), [s], a_context()),
}


def a_bad_source(**attributes: Any) -> Dataset:
    return a_source(**{**GREY, **attributes})


@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize(
    ("attributes", "left_out"),
    [
        ({"ImagerPixelSpacing": None}, {"segmentation": "no pixel spacing", "map": "no plane"}),
        ({**PLANE, "FrameOfReferenceUID": None}, {"map": "no plane of a frame of reference"}),
        ({"PatientName": "<b>Doe</b>^<script>alert(1)</script>"}, {"map": "no plane"}),
        ({"PatientName": 'Doe & Sons^"Jane" {{7*7}}'}, {"map": "no plane"}),
        ({"PatientID": "<img src=x>"}, {"map": "no plane"}),
    ],
    ids=["no pixel spacing", "no frame of reference", "markup", "template", "markup in the ID"],
)
def test_every_kind_is_valid_or_left_out_with_a_reason(
    kind: str, attributes: dict[str, Any], left_out: dict[str, str]
) -> None:
    source = a_bad_source(**attributes)
    if kind in left_out:
        with pytest.raises(EvidenceError, match=left_out[kind]):
            BUILDERS[kind](source)
        return
    made = BUILDERS[kind](source)
    assert made
    for each in made:
        assert problems(each, [source]) == ()
        # What the source says is data, and goes on as it is.
        assert each.PatientName == source.PatientName
        assert each.PatientID == source.PatientID


@pytest.mark.parametrize("kind", [kind for kind in BUILDERS if kind != "map"])
def test_a_backslash_in_a_name_separates_no_values(kind: str) -> None:
    """One value is allowed, so the backslash cannot have meant two; receivers would read two."""
    source = a_bad_source(PatientName=None)
    source.add_new("PatientName", "PN", ["Doe", "Jane"])  # as "Doe\\Jane" is read from a file
    for made in BUILDERS[kind](source):
        assert str(made.PatientName) == "Doe Jane"
        assert problems(made, [source]) == ()


@pytest.mark.slow
def test_markup_in_a_name_is_text_on_the_page_and_no_command_of_its_language() -> None:
    source = a_bad_source(PatientName="Doe) Tj /Evil ( <b>^Jane")
    (made,) = build_encapsulated_report(a_prediction(), source, some_pixels(), a_context())
    pdf = bytes(made.EncapsulatedDocument)
    streams = [part.split(b"endstream")[0].strip() for part in pdf.split(b"stream\n")[1:]]
    drawn = b"".join(_inflated(stream) for stream in streams)
    assert b"/Evil" not in pdf and b") Tj /Evil" not in drawn
    assert problems(made, [source]) == ()


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_an_instance_that_came_twice_counts_once() -> None:
    source = a_bad_source()
    report = build_measurement_report(a_prediction(), [source, a_bad_source()], a_context())
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [IMAGE]
    assert problems(report, [source]) == ()


def test_one_uid_for_two_images_of_different_series_is_one_reference() -> None:
    other = a_bad_source(SeriesInstanceUID=f"{STUDY}.2")
    report = build_measurement_report(a_prediction(), [a_bad_source(), other], a_context())
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence) == 1


def test_a_series_that_is_split_over_two_studies_is_reported_study_by_study() -> None:
    here = a_bad_source()
    there = a_bad_source(StudyInstanceUID=f"{STUDY}.99", SOPInstanceUID=f"{IMAGE}.99")
    both = a_prediction(an_image(), an_image(uid=there.SOPInstanceUID))
    with pytest.raises(EvidenceError, match="of 2 studies: build one result for each"):
        build_measurement_report(both, [here, there], a_context())
    for source in (here, there):
        prediction = a_prediction(an_image(uid=source.SOPInstanceUID))
        report = build_measurement_report(prediction, [source], a_context())
        assert report.StudyInstanceUID == source.StudyInstanceUID
        assert report.SeriesInstanceUID != source.SeriesInstanceUID
        assert problems(report, [source]) == ()
