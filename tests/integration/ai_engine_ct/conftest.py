"""One real chest CT for the tests of its analysis."""

import os
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from ai_engine.ct.analysis import analyse_ct
from ai_engine.ct.results import CtAnalysis
from ai_engine.ct.volume import CtVolume, read_volume

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def real_material() -> Path:
    """The folder of real DICOM objects."""
    place = Path(os.environ.get("DICOM_NODE_TEST_DATA", ROOT.parent / "shared" / "data")) / "dicom"
    if not place.is_dir():
        pytest.skip(f"real test material is absent: {place} (set DICOM_NODE_TEST_DATA)")
    return place


@pytest.fixture(scope="session")
def slices(real_material: Path) -> list[Dataset]:
    """A whole low-dose chest CT: 143 slices of 2 mm, JPEG-LS."""
    return [pydicom.dcmread(path) for path in sorted((real_material / "ct-nlst").glob("*.dcm"))]


@pytest.fixture(scope="session")
def volume(slices: list[Dataset]) -> CtVolume:
    """Its volume of Hounsfield units."""
    return read_volume(slices)


@pytest.fixture(scope="session")
def analysis(slices: list[Dataset]) -> CtAnalysis:
    """Its analysis, with the slices in the order of their file names."""
    return analyse_ct(slices)
