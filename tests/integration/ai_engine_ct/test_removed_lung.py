"""A removed lung, fluid in its place: no widespread disease, and no little inspiration."""

import dataclasses

import numpy as np
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.lungs import LEFT, RIGHT, find_lungs
from ai_engine.ct.results import Caution
from tests.integration.ai_engine_ct.scans import SCANS, scan

pytestmark = pytest.mark.long


@pytest.mark.parametrize("side", [RIGHT, LEFT])
@pytest.mark.parametrize("name", SCANS[:3])
def test_a_removed_lung_has_no_grade_for_what_it_is(name: str, side: int) -> None:
    volume = scan(name)
    removed = find_lungs(volume).labels == side
    values = volume.hounsfield.copy()
    noise = np.random.default_rng(0).normal(15.0, 12.0, np.count_nonzero(removed))
    values[removed] = noise.astype(values.dtype)
    analysis = analyse_volume(dataclasses.replace(volume, hounsfield=values))
    assert Caution.ONE_SIDED in analysis.doubts
    assert not {Caution.NOT_INFLATED, Caution.DIFFUSE} & set(analysis.cautions)
    assert all(row.severity is None for row in analysis.measurements)


@pytest.mark.parametrize("name", SCANS[:3])
def test_little_inspiration_is_of_both_lungs(name: str) -> None:
    volume = scan(name)
    lungs = find_lungs(volume).labels > 0
    values = volume.hounsfield.copy()
    values[lungs] += 200
    analysis = analyse_volume(dataclasses.replace(volume, hounsfield=values))
    assert Caution.NOT_INFLATED in analysis.doubts
    assert Caution.ONE_SIDED not in analysis.cautions
