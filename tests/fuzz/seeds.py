"""What is spoiled: small images of several kinds, each in several transfer syntaxes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from ai_engine.preprocessing.radiograph import SMALLEST_SIDE
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from tests.fuzz.spoiling import Element, elements_of
from tests.peers.objects import CR_IMAGE, encoded, make_dataset

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SYNTAXES = (ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless)
CLASSES = (CR_IMAGE, DigitalXRayImageStorageForPresentation, CT_IMAGE, SECONDARY_CAPTURE)
# As small as a model of radiographs takes: smaller ones are refused before they are decoded.
_SIDE = SMALLEST_SIDE
_CHEST_ROWS, _CHEST_COLUMNS = 625, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A sound object, taken apart."""

    sop_class_uid: str
    transfer_syntax_uid: str
    elements: tuple[Element, ...]


def seeds() -> tuple[Seed, ...]:
    """Return one of each class and transfer syntax."""
    return tuple(_seed(sop_class, syntax) for sop_class in CLASSES for syntax in SYNTAXES)


def chests() -> tuple[Seed, ...]:
    """Return a chest that real models look at, in each transfer syntax."""
    dataset: Dataset = make_radiograph(
        StudyUids.fresh(), datetime.now(UTC), ChestOptions(rows=_CHEST_ROWS, columns=_CHEST_COLUMNS)
    ).dataset
    return tuple(_encoded(dataset, syntax) for syntax in SYNTAXES)


def _seed(sop_class: str, syntax: str) -> Seed:
    return _encoded(_image(sop_class), syntax)


def _encoded(dataset: Dataset, syntax: str) -> Seed:
    file = BytesIO()
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(file, enforce_file_format=True)
    file.seek(0)
    read = dcmread(file)
    if syntax != ExplicitVRLittleEndian:
        read.compress(syntax, generate_instance_uid=False)
    return Seed(
        sop_class_uid=str(dataset.SOPClassUID),
        transfer_syntax_uid=str(syntax),
        elements=tuple(elements_of(encoded(read, syntax))),
    )


def _image(sop_class: str) -> Dataset:
    """An image with what routes, models and reports ask of one."""
    modality = {CR_IMAGE: "CR", CT_IMAGE: "CT", SECONDARY_CAPTURE: "OT"}.get(sop_class, "DX")
    down, across = np.mgrid[:_SIDE, :_SIDE]
    pixels = (1000 + 20 * down + 13 * across).astype(np.uint16)
    dataset = make_dataset(
        SOPClassUID=sop_class,
        Modality=modality,
        Rows=_SIDE,
        Columns=_SIDE,
        BitsAllocated=16,
        BitsStored=12,
        HighBit=11,
        PixelData=pixels.tobytes(),
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Spoiled^Image",
        PatientID="FUZZ",
        PatientBirthDate="19700101",
        PatientSex="O",
        PatientAge="056Y",
        StudyDate="20260101",
        StudyTime="120000",
        StudyID="1",
        AccessionNumber="A1",
        ReferringPhysicianName="",
        StudyDescription="Fuzzed",
        SeriesDescription="Fuzzed",
        SeriesNumber=1,
        ViewPosition="PA",
        PixelSpacing=[0.5, 0.5],
        WindowCenter="2000",
        WindowWidth="2000",
        RescaleSlope="1",
        RescaleIntercept="-1024" if modality == "CT" else "0",
        ImageType=["ORIGINAL", "PRIMARY"],
    )
    if modality == "CT":
        dataset.ImagePositionPatient = [0, 0, 0]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.SliceThickness = "2"
        dataset.FrameOfReferenceUID = "1.2.826.0.1.3680043.5.1"
    return dataset
