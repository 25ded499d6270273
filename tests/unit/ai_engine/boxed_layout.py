"""A tiny data set in the RSNA challenge's own layout: three classes, boxes, headers."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from ai_engine.datasets.rsna import CLASSES, CLASSES_TABLE, IMAGES, LABELS_TABLE

SIDE = 256


def write_sample(folder: Path, *, patients: int = 60, seed: int = 3) -> Path:
    """Write it; images of the class with opacities have a bright square with a box around it."""
    rng = np.random.default_rng(seed)
    (folder / IMAGES).mkdir(parents=True)
    labels = ["patientId,x,y,width,height,Target"]
    classes = ["patientId,class"]
    for number in range(patients):
        name, kind = f"patient-{number:03d}", CLASSES[number % 3]
        pixels = rng.integers(10, 90, (SIDE, SIDE), dtype=np.uint8)
        box = ",,,,0"
        if kind == CLASSES[1]:
            left, top, width, height = (int(rng.integers(low, 110)) for low in (20, 20, 60, 60))
            pixels[top : top + height, left : left + width] += 120
            box = f"{left},{top},{width},{height},1"
        labels.append(f"{name},{box}")
        classes.append(f"{name},{kind}")
        _image(pixels, number).save_as(folder / IMAGES / f"{name}.dcm", enforce_file_format=True)
    (folder / LABELS_TABLE).write_text("\n".join(labels) + "\n")
    (folder / CLASSES_TABLE).write_text("\n".join(classes) + "\n")
    return folder


def _image(pixels: np.ndarray, number: int) -> Dataset:
    """Every third header lacks an age, every fifth a view position."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
    dataset.PatientSex = "MF"[number % 2]
    if number % 3:
        dataset.PatientAge = f"{20 + number % 60:03d}Y"
    if number % 5:
        dataset.ViewPosition = ("PA", "AP")[number % 2]
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    return dataset
