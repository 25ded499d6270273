"""A small radiograph for tests of exports."""

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

ROWS, COLUMNS = 1100, 1000


def small_radiograph() -> Dataset:
    """A gradient of 1100 × 1000 pixels as a DX object with nothing but what reading needs."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = DigitalXRayImageStorageForPresentation
    made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID = generate_uid()
    made.SeriesInstanceUID = generate_uid()
    made.Modality, made.ViewPosition = "DX", "PA"
    made.Rows, made.Columns = ROWS, COLUMNS
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    ramp = np.add.outer(np.arange(ROWS), np.arange(COLUMNS)) * 4095 // (ROWS + COLUMNS)
    made.PixelData = ramp.astype("<u2").tobytes()
    return made
