"""A Warehouse with image files for tests: patients, devices, and a finding that can be seen."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from dicom_node.domain.device import Device
from dicom_node.domain.warehouse import (
    SOURCE_WEIGHTS,
    LabelTruth,
    TruthSource,
    Verification,
    Warehouse,
    WarehouseImage,
    WarehouseRecord,
)
from tests.unit.builders import EPOCH
from tests.unit.validated import CARD, LABEL, READER

DEVICE = Device(calling_ae="CR1", manufacturer="Maker", model_name="Plate", serial_number="1")
OTHER_DEVICE = Device(calling_ae="CR2", manufacturer="Maker", model_name="Inverted")
SIDE = 256

Pixels = Callable[[np.ndarray], np.ndarray]


def file_case(
    warehouse: Warehouse,
    folder: Path,
    number: int,
    *,
    present: bool | None,
    device: Device = DEVICE,
    patient: str = "",
    study: str = "",
    source: TruthSource = TruthSource.EXPERT,
    at: datetime | None = None,
    record_id: str = "",
    change: Pixels = lambda pixels: pixels,
) -> WarehouseRecord:
    """File one judged image with its file; ``present`` None: the expert could not tell."""
    uid = f"1.2.{number}"
    relative = f"{device.device_id}/{uid}.dcm"
    path = folder / relative
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _radiograph(uid, number, bool(present), change).save_as(path, enforce_file_format=True)
    decided_at = at or EPOCH + timedelta(hours=number)
    record_id = record_id or f"{number:032d}"
    patient = patient or f"patient {number // 2}"
    record = WarehouseRecord(
        record_id=record_id,
        study_instance_uid=study or f"{uid}.1",
        device=device,
        patient_key=patient,
        modality="DX",
        body_part="CHEST",
        route="chest",
        model=CARD.identity,
        calibration="model default",
        ai_report_uid=f"{uid}.2",
        verdict_object_uid=f"{uid}.3",
        verification=Verification.VERIFIED,
        reviewers=(READER,),
        decided_at=decided_at,
        filed_at=decided_at,
        images=(
            WarehouseImage(
                sop_instance_uid=uid,
                series_instance_uid=f"{uid}.4",
                path=relative,
                archived_path=f"{uid}.dcm",
                digest=hashlib.sha256(path.read_bytes()).hexdigest(),
                modality="DX",
                view_position="PA",
            ),
        ),
        truths=(
            LabelTruth(
                record_id=record_id,
                device_id=device.device_id,
                model_name=CARD.name,
                model_version=CARD.version,
                weights_digest=CARD.weights_digest,
                patient_key=patient,
                sop_instance_uid=uid,
                frame_number=None,
                label=LABEL,
                value=present,
                source=source,
                weight=SOURCE_WEIGHTS[source],
                decided_at=decided_at,
                probability=0.5,
                threshold=0.5,
                score=0.5,
            ),
        ),
    )
    warehouse.file(record)
    return record


def file_cases(
    warehouse: Warehouse,
    folder: Path,
    count: int,
    *,
    first: int = 0,
    device: Device = DEVICE,
    change: Pixels = lambda pixels: pixels,
) -> None:
    """File cases of ``count`` images of half as many patients; every other patient is ill."""
    for number in range(first, first + count):
        file_case(
            warehouse,
            folder,
            number,
            present=(number // 2) % 2 == 0,
            device=device,
            change=change,
        )


def _radiograph(uid: str, number: int, present: bool, change: Pixels) -> Dataset:
    """Noise, with a bright square where the finding is."""
    rng = np.random.default_rng(number)
    pixels = rng.random((SIDE, SIDE)) * 0.4
    if present:
        top, left = rng.integers(40, 120, 2)
        pixels[top : top + 90, left : left + 90] += 0.5
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = DigitalXRayImageStorageForPresentation
    made.SOPInstanceUID, made.StudyInstanceUID = uid, f"{uid}.1"
    made.SeriesInstanceUID = f"{uid}.4"
    made.Modality, made.ViewPosition = "DX", "PA"
    made.Rows = made.Columns = SIDE
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    stored = np.clip(change(pixels), 0, 1) * 4095
    made.PixelData = stored.astype("<u2").tobytes()
    return made


def remove_file(folder: Path, record: WarehouseRecord) -> None:
    """Lose a record's image file."""
    (folder / record.images[0].path).unlink()


def spoil_file(folder: Path, record: WarehouseRecord) -> None:
    """Leave an image file in its place that is no DICOM object."""
    (folder / record.images[0].path).write_bytes(b"no DICOM")
