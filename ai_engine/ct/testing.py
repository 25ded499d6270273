"""A chest made of ellipsoids, as a volume or as DICOM slices, to test with.

What is measured on it has a known answer, and no patient is involved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from ai_engine.ct.slices import SliceReference, Vector
from ai_engine.ct.volume import CtVolume, VolumeGeometry

OUTSIDE = -1000
TISSUE = 40
LUNG = -850
SERIES = "1.2.826.0.1.3680043.8.498.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """A body of one density.

    ``centre`` and ``radii`` are mm along head to feet, front to back and the patient's right to
    left, from the middle of the chest; ``hounsfield`` is its density.
    """

    centre: Vector
    radii: Vector
    hounsfield: int


BODY = Ellipsoid(centre=(0, 0, 0), radii=(2000, 110, 165), hounsfield=TISSUE)
RIGHT_LUNG = Ellipsoid(centre=(0, 0, -75), radii=(115, 80, 60), hounsfield=LUNG)
LEFT_LUNG = Ellipsoid(centre=(0, 0, 75), radii=(115, 80, 55), hounsfield=LUNG)
TRACHEA = Ellipsoid(centre=(-120, -10, 0), radii=(70, 9, 9), hounsfield=OUTSIDE)
CHEST = (BODY, RIGHT_LUNG, LEFT_LUNG, TRACHEA)


def phantom(
    *more: Ellipsoid,
    chest: Sequence[Ellipsoid] = CHEST,
    shape: tuple[int, int, int] = (100, 128, 176),
    spacing: tuple[float, float, float] = (2.5, 2.0, 2.0),
    noise: float = 20.0,
    mirrored: bool = False,
) -> CtVolume:
    """A chest with ``more`` in it; later bodies lie over earlier ones.

    ``mirrored`` stores the same patient with columns that grow to the patient's right and rows
    that grow to the front, as for a patient lying face down.
    """
    values = np.full(shape, OUTSIDE, np.float32)
    axes = [
        (np.arange(count) - (count - 1) / 2) * step
        for count, step in zip(shape, spacing, strict=True)
    ]
    depth, down, across = np.meshgrid(*axes, indexing="ij", sparse=True)
    for body in (*chest, *more):
        inside = sum(
            ((place - middle) / radius) ** 2
            for place, middle, radius in zip(
                (depth, down, across), body.centre, body.radii, strict=True
            )
        )
        values[np.asarray(inside) <= 1.0] = body.hounsfield
    values += np.random.default_rng(1).normal(0.0, noise, shape)
    stored = np.clip(values, -1024, 3071).astype(np.int16)
    sign = -1.0 if mirrored else 1.0
    geometry = VolumeGeometry(
        shape=shape,
        spacing=spacing,
        rows_along=(0.0, sign, 0.0),
        columns_along=(sign, 0.0, 0.0),
        references=tuple(
            SliceReference(sop_instance_uid=f"{SERIES}.{number}")
            for number in range(1, shape[0] + 1)
        ),
        positions=tuple(
            (sign * float(axes[2][0]), sign * float(axes[1][0]), -float(z)) for z in axes[0]
        ),
    )
    flipped = np.ascontiguousarray(stored[:, ::-1, ::-1]) if mirrored else stored
    return CtVolume(hounsfield=flipped, geometry=geometry)


def ct_datasets(volume: CtVolume) -> list[Dataset]:
    """The volume as single-frame CT slices, uncompressed, from head to feet."""
    return [_dataset(volume, index) for index in range(len(volume.hounsfield))]


def _dataset(volume: CtVolume, index: int) -> Dataset:
    geometry = volume.geometry
    stored: npt.NDArray[np.uint16] = (volume.hounsfield[index] + 1024).astype(np.uint16)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = geometry.references[index].sop_instance_uid
    dataset.SeriesInstanceUID = SERIES
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = 1000 - index
    dataset.ImagePositionPatient = list(geometry.positions[index])
    dataset.ImageOrientationPatient = [*geometry.columns_along, *geometry.rows_along]
    dataset.PixelSpacing = list(geometry.spacing[1:])
    dataset.RescaleSlope = 1
    dataset.RescaleIntercept = -1024
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored.tobytes()
    return dataset
