"""Objects of somebody else's program: taken into the study as the gate wants them, or refused."""

import io
from datetime import UTC, datetime

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from ai_engine.prediction import MadeObject, ModelIdentity
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from sr_templates.context import EvidenceContext
from sr_templates.foreign_objects import MOST_SERIES, adopt
from sr_templates.series_numbers import series_number
from sr_templates.validation import problems

pytestmark = pytest.mark.slow

TAKEN = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
MODEL = ModelIdentity(
    name="finder",
    version="1.0.0",
    weights_digest="a" * 64,
    title="Finder",
    manufacturer="A vendor",
    research_only=True,
)
CONTEXT = EvidenceContext(
    manufacturer="Node",
    model_name="node",
    software_version="1",
    device_serial_number="1",
    content_datetime=TAKEN,
)


@pytest.fixture(scope="module")
def chest() -> Dataset:
    """A radiograph whose patient has letters beyond ASCII."""
    made = make_radiograph(StudyUids.fresh(), TAKEN, ChestOptions(rows=250, columns=200)).dataset
    made.SpecificCharacterSet = "ISO_IR 100"
    made.PatientName = "M\u00fcller^Anna"
    return made


def a_capture(source: Dataset) -> Dataset:
    made = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source,
        pixel_array=np.zeros((64, 64, 3), np.uint8),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
        series_number=1,
        instance_number=1,
        manufacturer="Vendor",
        patient_orientation=("L", "F"),
    )
    made.BurnedInAnnotation = "YES"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = "what the program saw"
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    made.SourceImageSequence = [item]
    return made


def a_segmentation(source: Dataset, kind: str) -> Dataset:
    mask = np.zeros((source.Rows, source.Columns), np.uint8)
    mask[100:200, 100:200] = 1
    described = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="finding",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="finder", version="9", family=codes.DCM.ArtificialIntelligence
        ),
    )
    return hd.seg.Segmentation(
        source_images=[source],
        pixel_array=mask if kind == "BINARY" else mask.astype(np.float32),
        segmentation_type=kind,
        segment_descriptions=[described],
        series_instance_uid=generate_uid(),
        series_number=1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Vendor",
        manufacturer_model_name="Finder",
        software_versions="9",
        device_serial_number="7",
    )


def as_left(dataset: Dataset) -> MadeObject:
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return MadeObject(data=written.getvalue())


def test_a_capture_says_whose_it_is_and_who_made_it(chest: Dataset) -> None:
    left = a_capture(chest)
    left.PatientName = "MUELLER^A"
    adopted = adopt([as_left(left)], [chest], MODEL, CONTEXT)
    (taken,) = adopted.datasets
    assert adopted.refused == ()
    assert problems(taken, [chest]) == ()
    assert str(taken.PatientName) == "M\u00fcller^Anna"
    assert taken.SpecificCharacterSet == "ISO_IR 192"
    assert taken.Manufacturer == "Vendor"
    assert taken.SeriesNumber == series_number(9000, MODEL, 40)
    assert taken.ContributingEquipmentSequence[-1].ManufacturerModelName == "finder"
    assert taken.SOPInstanceUID != left.SOPInstanceUID


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_a_segmentation_passes_the_gate_with_a_tracking_uid(chest: Dataset, kind: str) -> None:
    left = a_segmentation(chest, kind)
    assert "TrackingUID" not in left.SegmentSequence[0]
    (taken,) = adopt([as_left(left)], [chest], MODEL, CONTEXT).datasets
    assert problems(taken, [chest]) == ()
    assert taken.SegmentSequence[0].TrackingUID.startswith("2.25.")
    assert (taken.Modality, taken.DeviceSerialNumber) == ("SEG", "7")


def test_the_same_run_makes_the_same_objects_under_whatever_uids(chest: Dataset) -> None:
    first, second = (
        adopt([as_left(a_capture(chest))], [chest], MODEL, CONTEXT).datasets[0] for _ in range(2)
    )
    assert first.SOPInstanceUID == second.SOPInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID


def test_references_among_the_objects_follow_them(chest: Dataset) -> None:
    one, other = a_capture(chest), a_capture(chest)
    other.SeriesInstanceUID = one.SeriesInstanceUID
    item = Dataset()
    item.ReferencedSOPClassUID = one.SOPClassUID
    item.ReferencedSOPInstanceUID = one.SOPInstanceUID
    other.SourceImageSequence.append(item)
    first, second = adopt([as_left(one), as_left(other)], [chest], MODEL, CONTEXT).datasets
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    referred = [str(each.ReferencedSOPInstanceUID) for each in second.SourceImageSequence]
    assert referred == [str(chest.SOPInstanceUID), str(first.SOPInstanceUID)]


def test_an_object_under_the_uid_of_its_image_gets_one_of_its_own(chest: Dataset) -> None:
    left = a_capture(chest)
    left.SOPInstanceUID = left.file_meta.MediaStorageSOPInstanceUID = chest.SOPInstanceUID
    left.SeriesInstanceUID = chest.SeriesInstanceUID
    (taken,) = adopt([as_left(left)], [chest], MODEL, CONTEXT).datasets
    assert taken.SOPInstanceUID != chest.SOPInstanceUID
    assert taken.SeriesInstanceUID != chest.SeriesInstanceUID
    (source,) = taken.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == chest.SOPInstanceUID


def test_what_is_of_somebody_else_is_refused_and_the_rest_is_taken(chest: Dataset) -> None:
    strange = a_capture(chest)
    strange.PatientID = "SOMEBODY"
    adopted = adopt(
        [as_left(strange), MadeObject(data=b"no DICOM"), as_left(a_capture(chest))],
        [chest],
        MODEL,
        CONTEXT,
    )
    assert len(adopted.datasets) == 1
    assert adopted.refused == (
        "object 2 cannot be read as DICOM",
        "object 1 is of another patient or study than the images",
    )


def test_a_file_cut_short_is_refused_or_held(chest: Dataset) -> None:
    data = as_left(a_capture(chest)).data
    adopted = adopt([MadeObject(data=data[: len(data) // 2])], [chest], MODEL, CONTEXT)
    assert adopted.refused or problems(adopted.datasets[0], [chest])


def test_too_many_series_are_refused(chest: Dataset) -> None:
    left = [as_left(a_capture(chest)) for _ in range(MOST_SERIES + 1)]
    assert adopt(left, [chest], MODEL, CONTEXT).datasets == ()
