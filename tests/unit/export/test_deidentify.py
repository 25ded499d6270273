"""De-identification: nothing that names anybody is left, and what belongs together stays so."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    VideoEndoscopicImageStorage,
    generate_uid,
)

from dicom_node.errors import ConfigurationError
from dicom_node.export.deidentify import NotDeidentifiableError, deidentified, walk
from dicom_node.export.pseudonyms import Pseudonyms, kept_pseudonyms
from tests.peers.data import dicom_files
from tests.unit.export.images import small_radiograph

KEYS = Pseudonyms(b"k" * 32)
NAMING = {
    "PatientName": "Doe^Jane",
    "PatientID": "4711-SECRET",
    "PatientBirthDate": "19510203",
    "OtherPatientIDs": "ALIAS-99",
    "ReferringPhysicianName": "House^Gregory",
    "OperatorsName": "Operator^Olga",
    "InstitutionName": "Hospital of Somewhere",
    "InstitutionAddress": "1 Long Street",
    "AccessionNumber": "ACC-12345",
    "StationName": "STATION-7",
    "DeviceSerialNumber": "SERIAL-77",
    "PatientComments": "called her sister Ann",
    "StudyDescription": "Chest of Mrs Doe",
    "RequestAttributesSequence": None,
}


def an_image(**changes: object) -> Dataset:
    made = small_radiograph()
    for keyword, value in NAMING.items():
        if value is not None:
            setattr(made, keyword, value)
    nested = Dataset()
    nested.ReferencedSOPInstanceUID = made.SOPInstanceUID
    nested.PatientName = "Doe^Jane"
    nested.add_new(0x00091001, "LO", "4711-SECRET")
    made.SourceImageSequence = [nested]
    made.add_new(0x00090010, "LO", "VENDOR")
    made.add_new(0x00091010, "LO", "4711-SECRET")
    made.StudyDate = "20260304"
    made.AcquisitionDateTime = "20260305101500.123"
    made.PatientAge, made.PatientSex = "094Y", "F"
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    return made


def a_report(source: Dataset) -> Dataset:
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.SOPClassUID = ComprehensiveSRStorage
    report.SOPInstanceUID = generate_uid()
    report.StudyInstanceUID = source.StudyInstanceUID
    report.PatientID, report.PatientName = source.PatientID, source.PatientName
    report.ContentDate = "20260306"
    report.ContentSequence = [
        text_item("121106", "Mrs Doe must see Dr House"),
        text_item("111001", "chest-radiograph"),
        name_item("House^Gregory"),
    ]
    return report


def text_item(code: str, text: str) -> Dataset:
    item = Dataset()
    item.ValueType = "TEXT"
    item.ConceptNameCodeSequence = [coded(code)]
    item.TextValue = text
    return item


def name_item(name: str) -> Dataset:
    item = Dataset()
    item.ValueType = "PNAME"
    item.ConceptNameCodeSequence = [coded("121008")]
    item.PersonName = name
    return item


def coded(value: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", "meaning"
    return code


def cleaned(dataset: Dataset, patient: str = "p1") -> Dataset:
    return deidentified(dataset, patient_key=patient, pseudonyms=KEYS)


def test_nothing_that_names_anybody_is_left_at_any_level() -> None:
    text = str(cleaned(an_image()))
    for value in NAMING.values():
        assert value is None or value not in text
    assert "VENDOR" not in text


def test_what_research_needs_is_kept() -> None:
    before = an_image()
    pixels, rows = before.PixelData, before.Rows
    after = cleaned(before)
    assert (after.PixelData, after.Rows) == (pixels, rows)
    assert (after.Modality, after.ViewPosition) == (before.Modality, before.ViewPosition)
    assert (after.PatientSex, after.PatientAge) == ("F", "090Y")


def test_it_says_how_it_was_done() -> None:
    after = cleaned(an_image())
    assert after.PatientIdentityRemoved == "YES"
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113103", "113104", "113107", "113108"]


def test_dates_keep_their_distance_and_move_alike_for_a_patient() -> None:
    first, second = cleaned(an_image()), cleaned(an_image(StudyDate="20260318"))
    days = (
        datetime.strptime(second.StudyDate, "%Y%m%d").replace(tzinfo=UTC)
        - datetime.strptime(first.StudyDate, "%Y%m%d").replace(tzinfo=UTC)
    ).days
    assert days == 14
    assert first.StudyDate < "20250304"
    assert first.AcquisitionDateTime[8:] == "101500.123"
    other = cleaned(an_image(), "p2")
    assert other.StudyDate != first.StudyDate


def test_references_lead_to_the_same_objects_afterwards() -> None:
    image = an_image()
    report = a_report(image)
    study = str(image.StudyInstanceUID)
    image, report = cleaned(image), cleaned(report)
    assert str(image.StudyInstanceUID) != study
    assert image.StudyInstanceUID == report.StudyInstanceUID
    assert image.SourceImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID
    assert image.PatientID == report.PatientID


def test_a_reports_names_and_free_text_go_and_its_codes_stay() -> None:
    report = cleaned(a_report(an_image()))
    comment, algorithm, observer = report.ContentSequence
    assert comment.TextValue == "REMOVED"
    assert algorithm.TextValue == "chest-radiograph"
    assert observer.PersonName == "REMOVED"
    assert comment.ConceptNameCodeSequence[0].CodeValue == "121106"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"BurnedInAnnotation": "YES"}, "burned into the pixels"),
        ({"BurnedInAnnotation": "UNKNOWN"}, "burned into the pixels"),
        ({"ConversionType": "WSD"}, "a converted image that does not say whether"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "a saved screen that does not"),
        ({"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CSA REPORT"]}, "a saved screen"),
        ({"EncapsulatedDocument": b"%PDF"}, "encapsulated document"),
    ],
)
def test_what_may_show_a_name_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(NotDeidentifiableError, match=why):
        cleaned(an_image(**changes))


@pytest.mark.parametrize(
    "sop_class",
    [
        SecondaryCaptureImageStorage,
        MultiFrameSingleBitSecondaryCaptureImageStorage,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
        UltrasoundImageStorage,
        UltrasoundMultiFrameImageStorage,
        VideoEndoscopicImageStorage,
    ],
)
def test_classes_that_often_show_text_must_say_that_theirs_do_not(sop_class: UID) -> None:
    with pytest.raises(NotDeidentifiableError, match="does not say whether"):
        cleaned(an_image(SOPClassUID=sop_class))
    assert cleaned(an_image(SOPClassUID=sop_class, BurnedInAnnotation="NO")).Rows


@pytest.mark.parametrize("group", [0x6000, 0x6002, 0x601E])
def test_overlays_and_curves_go_with_all_that_describes_them(group: int) -> None:
    image = an_image()
    for holder in (image, image.SourceImageSequence[0]):
        holder.add_new((group, 0x0010), "US", 8)
        holder.add_new((group, 0x0022), "LO", "4711-SECRET")  # Overlay Description
        holder.add_new((group, 0x0100), "US", 1)
        holder.add_new((group, 0x0102), "US", 0)
        holder.add_new((group, 0x1500), "LO", "Doe^Jane")  # Overlay Label
        holder.add_new((group, 0x3000), "OW", b"\xff" * 8)
        holder.add_new((0x5000, 0x0022), "LO", "Doe^Jane")  # Curve Description
    after = cleaned(image)
    assert not any(element.tag.group in {group, 0x5000} for element in walk(after))


@pytest.mark.parametrize(("element", "value"), [(0x0100, 16), (0x0102, 12)])
def test_an_overlay_in_the_unused_bits_of_the_pixels_is_refused(element: int, value: int) -> None:
    image = an_image()
    image.add_new((0x6000, 0x0010), "US", image.Rows)
    image.add_new((0x6000, element), "US", value)
    with pytest.raises(NotDeidentifiableError, match="unused bits"):
        cleaned(image)


def test_what_a_file_has_before_its_data_set_is_not_kept(tmp_path: Path) -> None:
    image = an_image()
    image.preamble = b"Doe^Jane 4711-SECRET".ljust(128, b"\0")
    path = tmp_path / "out.dcm"
    cleaned(image).save_as(path, enforce_file_format=True)
    assert path.read_bytes()[:128] == b"\0" * 128


def test_pseudonyms_stay_the_same_and_depend_on_the_key(tmp_path: Path) -> None:
    path = tmp_path / "data" / "export.key"
    first = kept_pseudonyms(path)
    assert kept_pseudonyms(path) == first
    assert path.stat().st_mode & 0o077 == 0
    assert first.patient("x") == kept_pseudonyms(path).patient("x")
    assert first.patient("x") != kept_pseudonyms(tmp_path / "other.key").patient("x")
    assert len(first.uid("1.2.3")) <= 64


@pytest.mark.parametrize("content", ["", "00" * 31, "no key", "\u00e9"])
def test_pseudonyms_that_anybody_could_compute_are_not_made(content: str, tmp_path: Path) -> None:
    path = tmp_path / "export.key"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"export\.key is no key of 32 bytes.*restore"):
        kept_pseudonyms(path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # real objects are not always valid
def test_real_objects_lose_every_name_they_came_with() -> None:
    found = 0
    for path in (*dicom_files("received"), *dicom_files("reference-sr")):
        dataset = dcmread(path)
        names = {
            str(element.value)
            for element in walk(dataset)
            if element.VR == "PN" and len(str(element.value or "")) > 4
        }
        names |= {str(dataset.get("PatientID") or "no id")}
        try:
            after = cleaned(dataset)
        except NotDeidentifiableError:
            continue
        found += 1
        kept = {str(each.value) for each in walk(after) if each.VR in {"PN", "LO", "SH", "UT"}}
        assert not names & kept, path.name
    assert found >= 10
