"""Every kind of evidence from every kind of source passes the validators that users have.

The sources are pydicom's own test files and the real material, where it is present. Their headers
are read as the node reads them; pixels are a ramp, because validators look at attributes.
"""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import highdicom as hd
import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from sr_templates.errors import EvidenceError
from sr_templates.measurement_report import build_measurement_report
from sr_templates.repair import is_uid
from sr_templates.secondary_capture import build_overlays
from sr_templates.source_image import IDENTITY, number_of_frames, rows_and_columns, uid_of
from sr_templates.validation import problems
from tests.integration.sr_templates.validators import (
    dciodvfy_errors,
    dsrdump_complaints,
    template_errors,
)
from tests.peers.data import data_root, dicom_files
from tests.unit.sr_templates.builders import (
    a_context,
    a_finding,
    a_heat_map,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
    raw_source,
    some_pixels,
)

PYDICOM_FILES = sorted((Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm"))
REAL_FILES = [
    path
    for name in ("received", "malformed", "ct-nlst")
    for path in sorted((data_root() / "dicom" / name).glob("*.dcm"))[:12]
]


def header_of(path: Path) -> Dataset:
    """Read a header leniently, as reception does; skip what carries no pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            source = pydicom.dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, EOFError, OSError, ValueError, AttributeError) as error:
            pytest.skip(f"not readable as DICOM: {type(error).__name__}")
        if rows_and_columns(source) == (0, 0):
            pytest.skip("carries no pixels")
    return source


def positive(source: Dataset) -> Prediction:
    rows, columns = rows_and_columns(source)
    heat_map = a_heat_map(rows=rows, columns=columns)
    frame = 1 if number_of_frames(source) > 1 else None
    uid = uid_of(source, "SOPInstanceUID")
    return a_prediction(an_image(a_finding(heat_map=heat_map), a_negative(), uid=uid, frame=frame))


def negative(source: Dataset) -> Prediction:
    return a_prediction(an_image(a_negative(), uid=uid_of(source, "SOPInstanceUID")))


def refused(source: Dataset) -> Prediction:
    refusal = Refusal(
        sop_instance_uid=uid_of(source, "SOPInstanceUID"),
        reason=RefusalReason.NOT_FRONTAL_CHEST,
        detail="routed by hand",
    )
    return Prediction(model=a_model(), images=(), refusals=(refusal,))


# Small overlays have the same attributes and are checked faster.
CONTEXT = a_context(max_overlay_side=512)


def evidence_of(source: Dataset) -> Iterator[Dataset]:
    pixels = some_pixels(*rows_and_columns(source))
    for prediction in (positive(source), negative(source), refused(source)):
        yield build_measurement_report(prediction, [source], CONTEXT)
        yield from build_overlays(prediction, source, pixels, CONTEXT)


def complaints_about(evidence: Dataset, source: Dataset, folder: Path) -> list[str]:
    """Write one object and let every reader have its say.

    Complaints are collected here and asserted on in the tests, because a failing assert prints
    what is around it, and a real header has no place in a log.
    """
    path = folder / f"{evidence.SOPInstanceUID}.dcm"
    evidence.save_as(path, enforce_file_format=True)
    complaints = [*problems(pydicom.dcmread(path), [source]), *dciodvfy_errors(path)]
    if evidence.Modality == "SR":
        complaints += dsrdump_complaints(path)
        report = hd.sr.srread(path)
        report.content.get_planar_roi_measurement_groups()
        if len(report.get_evidence()) != 1:
            complaints.append("highdicom does not find the source in the evidence")
    elif pydicom.dcmread(path).pixel_array.shape != (evidence.Rows, evidence.Columns, 3):
        complaints.append("pydicom does not decode the capture to its shape")
    return complaints


def all_complaints(source: Dataset, folder: Path) -> list[str]:
    """Make every kind of evidence from a source and ask every reader."""
    return [
        complaint
        for evidence in evidence_of(source)
        for complaint in complaints_about(evidence, source, folder)
    ]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("path", PYDICOM_FILES + REAL_FILES, ids=lambda path: path.stem)
def test_evidence_is_valid_or_held_with_a_reason(path: Path, tmp_path: Path) -> None:
    """An image without UIDs cannot have a result; invalid ones stand in it as in the image."""
    source = header_of(path)
    if not all(is_uid(uid_of(source, keyword)) for keyword in IDENTITY):
        with contextlib.suppress(EvidenceError):
            made = list(evidence_of(source))
            assert [problems(each, [source]) for each in made] == [()] * len(made)
        return
    assert all_complaints(source, tmp_path) == []


def test_real_material_is_present() -> None:
    assert dicom_files("received")


SCRIPTS = [
    ("ISO_IR 100", "latin-1", "Müller^Jürgen"),
    ("ISO_IR 144", "iso8859-5", "Люкceмбypг^Юрий"),
    ("ISO_IR 192", "utf-8", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ("\\ISO 2022 IR 87", "iso2022_jp", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ("GB18030", "gb18030", "Zhang^XiaoDong=张^小东"),
]


def in_script(terms: str, encoding: str, name: str, **values: str) -> Dataset:
    """Return a header whose patient's name is in a script, encoded as its character set says."""
    source = raw_source(encoding, PatientName=name, **values)
    source.SpecificCharacterSet = terms.split("\\") if "\\" in terms else terms
    return source


@pytest.mark.parametrize(("terms", "encoding", "name"), SCRIPTS)
def test_names_of_many_scripts_are_valid(
    terms: str, encoding: str, name: str, tmp_path: Path
) -> None:
    assert all_complaints(in_script(terms, encoding, name), tmp_path) == []


@pytest.mark.parametrize(
    "values",
    [
        {"PatientAge": "62"},
        {"PatientBirthDate": "1960-13-45"},
        {"PatientName": "<script>alert('x')</script>^\\Robert'); DROP TABLE"},
        {"AccessionNumber": "A" * 40},
        {"StudyDate": "yesterday", "StudyTime": "noon"},
        {"PatientSex": "unknown"},
        {"PatientWeight": "seventy"},
        {"ReferringPhysicianName": "A^B^C^D^E^F^G=H=I=J"},
        {"StudyDescription": "line one\r\nline two" + "x" * 100},
        {"SpecificCharacterSet": "KLINGON"},
        {"PatientOrientation": "L"},
        {"ImagerPixelSpacing": "0.0\\0.0"},
        {"BodyPartExamined": "Thorax (ap)"},
    ],
    ids="-".join,
)
def test_evidence_from_a_source_with_invalid_values_is_valid(
    values: dict[str, str], tmp_path: Path
) -> None:
    source = raw_source(**values)
    assert all_complaints(source, tmp_path) == []


def test_a_successor_is_valid(tmp_path: Path) -> None:
    source = a_source()
    first = build_measurement_report(positive(source), [source], CONTEXT)
    second = build_measurement_report(positive(source), [source], CONTEXT, predecessors=[first])
    assert complaints_about(second, source, tmp_path) == []


def test_a_product_is_valid_without_a_warning_band(tmp_path: Path) -> None:
    source = a_source()
    prediction = dataclasses.replace(positive(source), model=a_model(research_only=False))
    report = build_measurement_report(prediction, [source], CONTEXT)
    for evidence in (report, *build_overlays(prediction, source, some_pixels(), CONTEXT)):
        assert complaints_about(evidence, source, tmp_path) == []


@pytest.mark.parametrize("make", [positive, negative, refused])
def test_the_report_follows_its_template_row_by_row(
    make: Callable[[Dataset], Prediction], tmp_path: Path
) -> None:
    report = build_measurement_report(make(a_source()), [a_source()], CONTEXT)
    path = tmp_path / "report.dcm"
    report.save_as(path, enforce_file_format=True)
    assert template_errors(path) == []
