"""The tour's studies: one of each kind of thing that happens to studies.

All of them are drawn by a computer. They are small, so that the tour is ready soon.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from ai_engine.ct.testing import TISSUE, Ellipsoid, ct_datasets, phantom
from dicom_node.demo.phantom.chest import WIDESPREAD, ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph

ROWS, COLUMNS = 1250, 1024
RADIOGRAPHS, CTS = "TOUR_CR", "TOUR_CT"
"""AE titles of the two modalities."""

BROKEN_MODEL = "practice-hand"
"""A model whose weights are damaged on purpose: its studies fail, and say why."""

_CONSOLIDATION = (
    Ellipsoid(centre=(35, 25, -75), radii=(38, 34, 30), hounsfield=-150),
    Ellipsoid(centre=(-20, 10, 80), radii=(10, 10, 10), hounsfield=TISSUE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TourStudy:
    """A study to send: what it shows, who sends it, and its files."""

    title: str
    sender: str
    study_instance_uid: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Radiograph:
    title: str
    patient: int
    seed: int
    found: bool
    days_ago: int = 0
    change: Callable[[Dataset], None] = lambda dataset: None


def _turned(dataset: Dataset) -> None:
    pixels = np.rot90(dataset.pixel_array)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()


def _lateral(dataset: Dataset) -> None:
    dataset.ViewPosition = "LL"
    dataset.ViewCodeSequence = None
    dataset.StudyDescription = dataset.SeriesDescription = "Synthetic chest, lateral by name"


def _hand(dataset: Dataset) -> None:
    # No upright chest in the pixels either: that would overrule the tag.
    _turned(dataset)
    dataset.BodyPartExamined = "HAND"
    dataset.AnatomicRegionSequence = None
    dataset.StudyDescription = dataset.SeriesDescription = "Synthetic, a hand by name"


_PLAN = (
    _Radiograph(title="abnormal, a year ago", patient=1, seed=9, found=True, days_ago=371),
    _Radiograph(title="abnormal", patient=1, seed=15, found=True),
    _Radiograph(title="abnormal", patient=2, seed=3, found=True),
    _Radiograph(title="without consolidation", patient=3, seed=3, found=False),
    _Radiograph(title="without consolidation", patient=4, seed=8, found=False),
    _Radiograph(title="on its side: refused", patient=5, seed=4, found=False, change=_turned),
    _Radiograph(title="lateral: no route wants it", patient=6, seed=6, found=True, change=_lateral),
    _Radiograph(title="its model is damaged: fails", patient=7, seed=7, found=False, change=_hand),
)
_NAMES = ("Adler^Tour", "Birch^Tour", "Cedar^Tour", "Dorn^Tour", "Elm^Tour", "Fir^Tour")


def make_studies(folder: Path, now: datetime) -> Iterator[TourStudy]:
    """Draw the studies one after the other, and save each into a folder of its own."""
    for number, planned in enumerate(_PLAN, start=1):
        dataset = _drawn(planned, number, now)
        yield _saved(folder / str(number), planned.title, RADIOGRAPHS, [dataset])
    yield _saved(folder / "two", "of two patients: undecided", RADIOGRAPHS, _of_two_patients(now))
    yield _saved(folder / "ct", "CT with consolidation", CTS, _ct(now))


def _drawn(planned: _Radiograph, number: int, now: datetime) -> Dataset:
    at = now - timedelta(days=planned.days_ago, minutes=9 * (len(_PLAN) - number))
    options = ChestOptions(
        seed=planned.seed,
        rows=ROWS,
        columns=COLUMNS,
        with_lesion=planned.found,
        consolidations=WIDESPREAD,
    )
    dataset = make_radiograph(StudyUids.fresh(), at, options).dataset
    _name(dataset, planned.patient)
    dataset.AccessionNumber = f"TOUR{number:04d}"
    planned.change(dataset)
    return dataset


def _name(dataset: Dataset, patient: int) -> None:
    dataset.PatientID = f"SYNTHETIC-{patient:04d}"
    dataset.PatientName = _NAMES[(patient - 1) % len(_NAMES)]
    dataset.PatientBirthDate = f"19{40 + 5 * patient}0101"


def _of_two_patients(now: datetime) -> list[Dataset]:
    options = ChestOptions(seed=9, rows=ROWS // 2, columns=COLUMNS // 2, with_lesion=False)
    made = [make_radiograph(StudyUids.fresh(), now, options).dataset for _ in range(2)]
    for patient, dataset in enumerate(made, start=8):
        _name(dataset, patient)
        dataset.StudyInstanceUID = made[0].StudyInstanceUID
        dataset.SeriesInstanceUID = made[0].SeriesInstanceUID
    return made


def _ct(now: datetime) -> list[Dataset]:
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    made = ct_datasets(phantom(*_CONSOLIDATION))
    header = make_radiograph(
        StudyUids(study=study, series=series, instance=generate_uid()),
        now,
        ChestOptions(rows=64, columns=64),
    ).dataset
    for dataset in made:
        for keyword in (
            *("SpecificCharacterSet", "PatientSex", "PatientComments", "StudyInstanceUID"),
            *("StudyID", "ReferringPhysicianName", "SeriesInstanceUID", "SeriesNumber"),
            *("StudyDate", "StudyTime", "SeriesDate", "SeriesTime", "ContentDate", "ContentTime"),
            *("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "StationName"),
        ):
            dataset[keyword] = header[keyword]
        _name(dataset, 2)
        dataset.AccessionNumber = "TOURCT01"
        dataset.StudyDescription = dataset.SeriesDescription = "Synthetic chest CT"
        dataset.BodyPartExamined = "CHEST"
        dataset.FrameOfReferenceUID = frame
        dataset.PositionReferenceIndicator = ""
        dataset.PatientPosition = "HFS"
        dataset.SliceThickness = 2.5
        dataset.KVP = 120
        dataset.ConvolutionKernel = "B30f"
        dataset.WindowCenter, dataset.WindowWidth = -500, 1500
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _saved(folder: Path, title: str, sender: str, datasets: list[Dataset]) -> TourStudy:
    folder.mkdir(parents=True)
    files = []
    for number, dataset in enumerate(datasets, start=1):
        files.append(folder / f"{number:04d}.dcm")
        dataset.save_as(files[-1], enforce_file_format=True)
    return TourStudy(
        title=title,
        sender=sender,
        study_instance_uid=str(datasets[0].StudyInstanceUID),
        files=tuple(files),
    )
