"""NSCLC Radiogenomics as TCIA distributes it, in MosMedData's layout beside that set's own studies.

    NSCLC Radiogenomics/R01-005/<study>/<series>/*.dcm      CT, and in a series of its own
                                                            a segmentation of the tumour

Paper 5 adds 31 of its segmented CTs to MosMedData's 50. Source: Bakr et al., Sci. Data 2018. A
segmentation is placed by the patient coordinates of its frames (PS3.3 C.7.6.16.2.3). No grade is
stated for these studies: they are put among those with up to a quarter of the lungs, which tumours
seldom exceed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from ai_engine.ct.lesion_sets import write_volume
from ai_engine.ct.morphology import Mask
from ai_engine.ct.refusal import CtRefusedError
from ai_engine.ct.volume import CtVolume, read_volume
from ai_engine.errors import DatasetError

PATIENT = re.compile(r"(R01|AMC)-(\d{3})")
NUMBERS = {"R01": 91000, "AMC": 92000}
"""MosMedData numbers its studies to 1110; these follow far behind."""

NEAR = 0.5
"""How far a frame may lie from its slice, as a part of the slices' distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentedStudy:
    """One patient's CT that has a segmentation: the files of the series, and that of the mask."""

    name: str
    slices: tuple[Path, ...]
    segmentation: Path


def read_nsclc(folder: Path) -> tuple[SegmentedStudy, ...]:
    """Find the patients whose CT was segmented; the others are left out.

    Raises
    ------
    DatasetError
        If there is none, or a segmentation's CT is not there.
    """
    places = [path for path in sorted(folder.iterdir()) if PATIENT.fullmatch(path.name)]
    found = tuple(study for place in places for study in _of_patient(place))
    if not found:
        raise DatasetError(
            f"{folder}: holds no R01-001 … with a segmentation of its CT; name the folder 'NSCLC "
            "Radiogenomics' as TCIA distributes it, with its segmentations"
        )
    return found


def convert_nsclc(studies: Sequence[SegmentedStudy], out: Path) -> None:
    """Write volumes and masks into a folder in MosMedData's layout, which may hold that set.

    Raises
    ------
    DatasetError
        If a CT can't be measured, or a segmentation is not of its CT.
    """
    for place in ("studies/CT-1", "masks"):
        (out / place).mkdir(parents=True, exist_ok=True)
    for study in studies:
        try:
            volume = read_volume([dcmread(path) for path in study.slices])
        except CtRefusedError as error:
            raise DatasetError(f"{study.slices[0].parent}: {error}") from error
        mask = placed(dcmread(study.segmentation), volume, str(study.segmentation))
        step = 1 if volume.geometry.left_is_high else -1
        spacing = volume.geometry.spacing
        write_volume(
            volume.hounsfield[:, :, ::step], spacing, out / f"studies/CT-1/{study.name}.nii.gz"
        )
        write_volume(
            mask[:, :, ::step].astype(np.uint8), spacing, out / f"masks/{study.name}_mask.nii.gz"
        )


def placed(segmentation: Dataset, volume: CtVolume, where: str) -> Mask:
    """A segmentation on a volume's grid, bool (slices, rows, columns), all segments together.

    Raises
    ------
    DatasetError
        If its frames have another size, or lie on no slice.
    """
    frames = segmentation.pixel_array.reshape(-1, segmentation.Rows, segmentation.Columns)
    geometry = volume.geometry
    if frames.shape[1:] != geometry.shape[1:]:
        raise DatasetError(f"{where}: its frames are not of the size of its CT's slices")
    heights = np.array([position[2] for position in geometry.positions])
    mask = np.zeros(geometry.shape, bool)
    groups = segmentation.PerFrameFunctionalGroupsSequence
    for frame, group in zip(frames, groups, strict=True):
        place = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        at = int(np.abs(heights - place[2]).argmin())
        away = np.abs(np.array(geometry.positions[at]) - place)
        if (away > NEAR * np.array(geometry.spacing[::-1])).any():
            raise DatasetError(f"{where}: a frame lies on no slice of its CT; fetch both again")
        mask[at] |= frame > 0
    return mask


def _of_patient(place: Path) -> Iterator[SegmentedStudy]:
    series: dict[str, list[Path]] = {}
    segmentations: dict[str, Path] = {}
    for path in sorted(place.rglob("*.dcm")):
        try:
            header = dcmread(path, stop_before_pixels=True)
        except InvalidDicomError as error:
            raise DatasetError(f"{path}: is no DICOM file; fetch it again") from error
        if header.get("Modality") == "SEG":
            referenced = header.ReferencedSeriesSequence[0]
            segmentations[str(referenced.SeriesInstanceUID)] = path
        elif header.get("Modality") == "CT":
            series.setdefault(str(header.SeriesInstanceUID), []).append(path)
    for uid, path in sorted(segmentations.items())[:1]:
        if uid not in series:
            raise DatasetError(f"{path}: its CT is not beside it; fetch that series too")
        letters, number = place.name.split("-")
        yield SegmentedStudy(
            name=f"study_{NUMBERS[letters] + int(number)}",
            slices=tuple(series[uid]),
            segmentation=path,
        )
