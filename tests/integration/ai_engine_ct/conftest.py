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
THINNED = 2
"""Of ``volume`` in tests of diseased lungs: every second row and column, and not as scanned."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long of thinned slices: it is measured as scanned, and as that alone.

    Skipped, it would count as a case that nobody has looked at.
    """
    twins = [each for each in items if _is_long_of_thinned(each)]
    if twins:
        items[:] = [each for each in items if each not in twins]
        config.hook.pytest_deselected(items=twins)


def _is_long_of_thinned(item: pytest.Item) -> bool:
    if item.path.name != "test_diseased_lungs.py" or item.get_closest_marker("long") is None:
        return False
    chosen = getattr(item, "callspec", None)
    return chosen is not None and chosen.params.get("volume") == THINNED


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
