"""NSCLC Radiogenomics: CT and the segmentation of its tumour, as studies of MosMedData's layout."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage

from ai_engine.ct.dataset import load_mask, load_volume, read_mosmed
from ai_engine.ct.nsclc import convert_nsclc, read_nsclc
from ai_engine.ct.testing import SERIES, Ellipsoid, ct_datasets, phantom
from ai_engine.ct.volume import CtVolume
from ai_engine.errors import DatasetError

TUMOUR = Ellipsoid(centre=(0, 0, 75), radii=(20, 15, 15), hounsfield=30)
"""In the left lung, 7 cm from the middle."""


def volume(*, mirrored: bool) -> CtVolume:
    return phantom(TUMOUR, shape=(24, 48, 64), spacing=(5.0, 5.5, 5.5), noise=0, mirrored=mirrored)


def segmentation(of: CtVolume, series: str = SERIES) -> Dataset:
    """Where the left lung is dense, on three slices, from feet to head."""
    middle = len(of.hounsfield) // 2
    slices = [middle + 1, middle, middle - 1]
    middle_column = 45 if of.geometry.left_is_high else 18
    near = np.abs(np.arange(of.hounsfield.shape[2]) - middle_column) <= 5
    frames = []
    for at in slices:
        dense = (of.hounsfield[at] > -500) & near
        dense[:18] = dense[30:] = False
        frames.append(dense)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = SegmentationStorage, "1.2.3.4"
    made.Modality, made.SeriesInstanceUID = "SEG", "1.2.3"
    referenced = Dataset()
    referenced.SeriesInstanceUID = series
    made.ReferencedSeriesSequence = [referenced]
    made.Rows, made.Columns = of.hounsfield.shape[1:]
    made.NumberOfFrames, made.SamplesPerPixel = len(frames), 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = made.PixelRepresentation = 0
    made.PixelData = pack_bits(np.stack(frames).astype(np.uint8).ravel())
    made["PixelData"].VR = "OB"
    groups = []
    for at in slices:
        place, group = Dataset(), Dataset()
        place.ImagePositionPatient = list(of.geometry.positions[at])
        group.PlanePositionSequence = [place]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    return made


def write_patient(place: Path, of: CtVolume, mask: Dataset) -> None:
    for number, slice_ in enumerate(ct_datasets(of)):
        path = place / "study" / "ct" / f"1-{number:03}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        slice_["PixelData"].VR = "OW"
        slice_.save_as(path, enforce_file_format=True)
    (place / "study" / "seg").mkdir()
    mask.save_as(place / "study" / "seg" / "1-1.dcm", enforce_file_format=True)


@pytest.mark.slow
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_tumour_lies_where_its_frames_say(tmp_path: Path, mirrored: bool) -> None:
    of = volume(mirrored=mirrored)
    write_patient(tmp_path / "in" / "R01-005", of, segmentation(of))
    (tmp_path / "in" / "R01-006").mkdir()  # a patient without a segmentation
    studies = read_nsclc(tmp_path / "in")
    assert [study.name for study in studies] == ["study_91005"]
    convert_nsclc(studies, tmp_path / "out")
    (study,) = read_mosmed(tmp_path / "out")
    mask = load_mask(study)
    assert mask is not None
    assert mask.any(axis=(1, 2)).sum() == 3
    found = load_volume(study)
    assert found.geometry.left_is_high
    assert found.hounsfield[mask].mean() == pytest.approx(TUMOUR.hounsfield, abs=3)
    columns = np.flatnonzero(mask.any(axis=(0, 1)))
    assert columns.min() > mask.shape[2] // 2  # the patient's left


@pytest.mark.slow
def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    of = volume(mirrored=False)
    with pytest.raises(DatasetError, match="with a segmentation of its CT"):
        read_nsclc(tmp_path)
    write_patient(tmp_path / "R01-005", of, segmentation(of, series="1.2.9"))
    with pytest.raises(DatasetError, match="its CT is not beside it"):
        read_nsclc(tmp_path)
    moved = segmentation(of)
    place = moved.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    place.ImagePositionPatient[0] += 40
    moved.save_as(tmp_path / "R01-005" / "study" / "seg" / "1-1.dcm", enforce_file_format=True)
    with pytest.raises(DatasetError, match="lies on no slice"):
        convert_nsclc(read_nsclc(tmp_path), tmp_path / "out")
