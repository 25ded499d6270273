"""A CT of the whole body: what is no chest changes nothing, and no gas of it is lung."""

import numpy as np
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.results import CtAnalysis
from ai_engine.ct.volume import CtVolume
from tests.integration.ai_engine_ct.whole_body import HEAD, NECK, with_belly, with_head

ABOVE = HEAD + NECK


@pytest.fixture(scope="module")
def whole(volume: CtVolume) -> CtAnalysis:
    """From the head to the hips."""
    return analyse_volume(with_belly(with_head(volume)))


def test_nothing_above_or_below_the_thorax_is_lung(whole: CtAnalysis, volume: CtVolume) -> None:
    lungs = whole.right_lung.unpack() | whole.left_lung.unpack()
    assert lungs.shape == whole.geometry.shape
    assert not lungs[:ABOVE].any()
    assert not lungs[ABOVE + len(volume.hounsfield) :].any()


def test_the_figures_are_those_of_the_chest_alone(whole: CtAnalysis, analysis: CtAnalysis) -> None:
    for row, expected in zip(whole.measurements, analysis.measurements, strict=True):
        assert row.volume_ml == pytest.approx(expected.volume_ml, rel=0.01)
        assert row.percentage == pytest.approx(expected.percentage, abs=0.1)
        assert row.severity is expected.severity
    assert whole.doubts == analysis.doubts


def test_slices_are_counted_from_the_head(whole: CtAnalysis, analysis: CtAnalysis) -> None:
    (alone,) = analysis.findings
    (found,) = whole.findings
    assert found.slices == (alone.slices[0] + ABOVE, alone.slices[1] + ABOVE)
    assert np.linalg.norm(np.subtract(found.centre, alone.centre)) < 2.0
    (key,) = whole.key_slices
    assert key.reference == whole.geometry.references[key.number - 1]
    assert whole.explanation[0].startswith(f"There are {whole.geometry.shape[0]} slices")
    assert "the others were not looked at" in whole.corrections[-1]
