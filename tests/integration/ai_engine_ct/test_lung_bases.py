"""The bases of lungs on CTs of the belly: liver and spleen are no airless lung."""

import numpy as np
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.lungs import find_lungs
from ai_engine.ct.results import Caution
from tests.integration.ai_engine_ct.scans import SCANS, scan

pytestmark = pytest.mark.long


@pytest.mark.parametrize("above", [0.4, 0.6])
@pytest.mark.parametrize("name", [name for name in SCANS if "id002" not in name])
def test_bases_without_a_windpipe_hold_no_airless_lung(name: str, above: float) -> None:
    """Gas of the stomach was taken for the windpipe, and liver below it for half of the lung.

    The scan that is left out has a collapsed lung.
    """
    volume = scan(name)
    levels = np.flatnonzero(find_lungs(volume).labels.any(axis=(1, 2)))
    first = int(levels[0] + above * (levels[-1] - levels[0]))
    analysis = analyse_volume(volume.part(range(first, len(volume.hounsfield))))
    assert Caution.CUT_OFF in analysis.doubts
    assert not {Caution.NOT_INFLATED, Caution.ONE_SIDED} & set(analysis.doubts)
    assert all((row.percentage or 0.0) < 3.0 for row in analysis.measurements)
