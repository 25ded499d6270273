"""Small synthetic objects, and the bytes of real ones."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.dsutils import encode, split_dataset

from dicom_node.domain.reception import Announcement

CR_IMAGE = "1.2.840.10008.5.1.4.1.1.1"
RECEIVED_AT = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


def make_dataset(number: int = 1, **attributes: Any) -> Dataset:
    """Return a small radiograph; ``attributes`` replace or add to its own, ``None`` removes."""
    dataset = Dataset()
    dataset.SOPClassUID = CR_IMAGE
    dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.2.1.{number}"
    dataset.Modality = "CR"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.3.1"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.4.1"
    dataset.BodyPartExamined = "CHEST"
    dataset.InstanceNumber = number
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = 4
    dataset.Columns = 6
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = bytes(range(24))
    for keyword, value in attributes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def encoded(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a data set's bytes as they would come over the wire."""
    syntax = UID(transfer_syntax)
    data = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    assert data is not None
    return data


def announcement(dataset: Dataset, **changes: Any) -> Announcement:
    """Return how a data set would be announced by its sender."""
    facts: dict[str, Any] = {
        "sop_class_uid": dataset.SOPClassUID,
        "sop_instance_uid": dataset.SOPInstanceUID,
        "transfer_syntax_uid": str(ExplicitVRLittleEndian),
        "calling_ae": "MODALITY",
        "called_ae": "AINODE",
        "received_at": RECEIVED_AT,
    }
    return Announcement(**{**facts, **changes})


def write_part10(path: Path, dataset: Dataset) -> Path:
    """Write a data set as a Part 10 file in Explicit VR Little Endian."""
    path.write_bytes(encoded_part10(dataset))
    return path


def encoded_part10(dataset: Dataset) -> bytes:
    """Return a data set as a Part 10 file in Explicit VR Little Endian."""
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def dataset_bytes(path: Path) -> bytes:
    """Return the data set part of a Part 10 file, found without the archive's own reader."""
    _, offset = split_dataset(path)
    return path.read_bytes()[offset:]


def words_of(report: Dataset) -> str:
    """All that a report says in words, its codes' meanings included."""
    return "\n".join(
        str(element.value)
        for element in report.iterall()
        if element.keyword in {"TextValue", "CodeMeaning"}
    )
