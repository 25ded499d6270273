"""Figures on a phantom chest, where the right answers are known."""

import math
import pickle

import numpy as np
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.lungs import LEFT, RIGHT, find_lungs
from ai_engine.ct.results import Caution, CtAnalysis, Pattern, Severity, Side
from ai_engine.ct.testing import (
    BODY,
    CHEST,
    LEFT_LUNG,
    LUNG,
    RIGHT_LUNG,
    TISSUE,
    TRACHEA,
    Ellipsoid,
    phantom,
)

pytestmark = pytest.mark.slow

GLASS = Ellipsoid(centre=(10, 0, -75), radii=(30, 30, 30), hounsfield=-450)
NODULE = Ellipsoid(centre=(-20, 10, 80), radii=(8, 8, 8), hounsfield=TISSUE)


def ellipsoid_ml(body: Ellipsoid) -> float:
    return 4 / 3 * math.pi * math.prod(body.radii) / 1000


@pytest.fixture(scope="module")
def healthy() -> CtAnalysis:
    return analyse_volume(phantom())


@pytest.fixture(scope="module")
def diseased() -> CtAnalysis:
    return analyse_volume(phantom(GLASS, NODULE))


def test_lung_volumes_are_those_of_the_ellipsoids(healthy: CtAnalysis) -> None:
    right, left, both = healthy.measurements
    assert right.volume_ml == pytest.approx(ellipsoid_ml(RIGHT_LUNG), rel=0.03)
    assert left.volume_ml == pytest.approx(ellipsoid_ml(LEFT_LUNG), rel=0.03)
    assert both.volume_ml == pytest.approx(right.volume_ml + left.volume_ml)
    assert right.mean_hounsfield == pytest.approx(LUNG, abs=30)


def test_healthy_lungs_have_no_inhomogeneity(healthy: CtAnalysis) -> None:
    assert [lung.percentage for lung in healthy.measurements] == [0.0, 0.0, 0.0]
    assert {lung.severity for lung in healthy.measurements} == {Severity.GRADE_1}
    assert healthy.findings == ()
    assert healthy.patterns == ()
    (shown,) = healthy.key_slices
    assert (shown.patterns, shown.areas, len(shown.lungs)) == ((), (), 2)
    assert healthy.cautions == ()
    assert healthy.explanation[1:] == ("Areas of inhomogeneity were not found on slices 1-100.",)


def test_high_attenuation_is_measured_without_selection(diseased: CtAnalysis) -> None:
    """All of the hazy ball is in the band, nothing of the solid one."""
    right, left, _ = diseased.measurements
    expected = 100 * ellipsoid_ml(GLASS) / ellipsoid_ml(RIGHT_LUNG)
    assert right.high_attenuation_percentage == pytest.approx(expected, rel=0.03)
    assert left.high_attenuation_percentage == pytest.approx(0.0, abs=0.01)


def test_percentage_is_the_lesion_s_part_of_its_own_lung(diseased: CtAnalysis) -> None:
    right, left, _ = diseased.measurements
    expected = 100 * ellipsoid_ml(GLASS) / ellipsoid_ml(RIGHT_LUNG)
    assert right.percentage == pytest.approx(expected, rel=0.08)
    assert right.severity is Severity.GRADE_2
    assert left.percentage == pytest.approx(
        100 * ellipsoid_ml(NODULE) / ellipsoid_ml(LEFT_LUNG), rel=0.35
    )


def test_patterns_sides_and_places_are_found(diseased: CtAnalysis) -> None:
    glass, nodule = diseased.findings
    assert (glass.pattern, glass.side) == (Pattern.GROUND_GLASS, Side.RIGHT)
    assert (nodule.pattern, nodule.side) == (Pattern.NODULE, Side.LEFT)
    # The phantom counts from the head down, patient coordinates to the head.
    assert glass.centre == pytest.approx((-75, 0, -10), abs=3)
    assert nodule.centre == pytest.approx((80, 10, 20), abs=3)
    assert glass.slices == pytest.approx((43, 67), abs=1)


def test_explanation_names_the_slices_and_types(diseased: CtAnalysis) -> None:
    assert diseased.explanation[0] == "There are 100 slices in total, counted from the head."
    assert any("ground-glass and nodule types" in line for line in diseased.explanation)
    assert diseased.ranges[0].first == 1
    assert diseased.ranges[-1].last == 100
    assert all(
        after.first == before.last + 1
        for before, after in zip(diseased.ranges, diseased.ranges[1:], strict=False)
    )


def test_masks_lie_in_the_lungs_and_pickle_small(diseased: CtAnalysis) -> None:
    masks = dict(diseased.inhomogeneity)
    right = diseased.right_lung.unpack()
    assert not (right & diseased.left_lung.unpack()).any()
    glass = masks[Pattern.GROUND_GLASS].unpack()
    assert (glass & right).sum() == glass.sum()
    assert glass.sum() * diseased.geometry.voxel_ml == pytest.approx(ellipsoid_ml(GLASS), rel=0.08)
    assert len(pickle.dumps((diseased.right_lung, diseased.inhomogeneity))) < 60_000


def test_key_slices_show_where_most_is_seen(diseased: CtAnalysis) -> None:
    nodule, glass = diseased.key_slices
    assert (nodule.patterns, glass.patterns) == ((Pattern.NODULE,), (Pattern.GROUND_GLASS,))
    assert glass.number == pytest.approx(55, abs=8)
    assert glass.reference == diseased.geometry.references[glass.number - 1]


def test_outlines_run_around_the_areas_that_they_name(diseased: CtAnalysis) -> None:
    """In pixels of 2 mm: the hazy ball is 30 mm in radius, in the middle of the right lung."""
    outlined = {area.what: area for area in diseased.outlines}
    assert set(outlined) == {Side.RIGHT, Side.LEFT, Pattern.GROUND_GLASS, Pattern.NODULE}
    ring = np.array(outlined[Pattern.GROUND_GLASS].ring)
    assert np.array_equal(ring[0], ring[-1])
    distances = np.hypot(*(ring - (88 - 37.5, 64)).T)
    assert distances == pytest.approx(np.full(len(ring), 15.0), abs=1.5)
    (area,) = diseased.key_slices[1].areas
    assert len(area) == pytest.approx(len(ring), abs=20)


def test_patterns_are_measured_in_each_lung_that_shows_them(diseased: CtAnalysis) -> None:
    rows = {(row.pattern, row.side): row for row in diseased.patterns}
    assert set(rows) == {
        (Pattern.GROUND_GLASS, Side.RIGHT),
        (Pattern.GROUND_GLASS, Side.BOTH),
        (Pattern.NODULE, Side.LEFT),
        (Pattern.NODULE, Side.BOTH),
    }
    right, left, both = diseased.measurements
    assert rows[Pattern.GROUND_GLASS, Side.RIGHT].percentage == pytest.approx(right.percentage)
    assert rows[Pattern.NODULE, Side.LEFT].percentage == pytest.approx(left.percentage)
    assert both.percentage == pytest.approx(
        sum(row.percentage for (_, side), row in rows.items() if side is Side.BOTH)
    )
    assert {row.regions for row in diseased.patterns} == {1}


def test_sides_are_the_patient_s_however_the_image_is_turned(diseased: CtAnalysis) -> None:
    turned = analyse_volume(phantom(GLASS, NODULE, mirrored=True))
    assert [finding.side for finding in turned.findings] == [Side.RIGHT, Side.LEFT]
    assert turned.findings[0].centre == pytest.approx(diseased.findings[0].centre, abs=1)
    for one, other in zip(turned.measurements, diseased.measurements, strict=True):
        assert one.volume_ml == pytest.approx(other.volume_ml, rel=0.01)


def test_touching_lungs_are_parted() -> None:
    """A bridge of aerated lung joins both in front of the heart, as the anterior junction does."""
    bridge = Ellipsoid(centre=(0, -40, 0), radii=(40, 8, 40), hounsfield=LUNG)
    masks = find_lungs(phantom(bridge))
    voxel = phantom().geometry.voxel_ml
    right = np.count_nonzero(masks.labels == RIGHT) * voxel
    left = np.count_nonzero(masks.labels == LEFT) * voxel
    assert right == pytest.approx(ellipsoid_ml(RIGHT_LUNG), rel=0.06)
    assert left == pytest.approx(ellipsoid_ml(LEFT_LUNG), rel=0.06)


def test_the_trachea_is_no_lung() -> None:
    masks = find_lungs(phantom())
    assert masks.airways[:, :, 85:91].any()
    assert not masks.labels[:40, 58:64, 86:90].any()


def test_air_around_the_body_and_bowel_gas_are_no_lung() -> None:
    gas = Ellipsoid(centre=(112, -60, 60), radii=(12, 20, 20), hounsfield=-1000)
    with_gas = find_lungs(phantom(gas)).labels
    assert not with_gas[:, 0].any()
    assert not with_gas[94:, 30:40, 110:125].any()


def test_a_lesion_at_the_pleura_belongs_to_the_lung() -> None:
    lesion = Ellipsoid(centre=(0, 0, -128), radii=(14, 14, 14), hounsfield=TISSUE)
    right, _, _ = analyse_volume(phantom(lesion)).measurements
    assert right.inhomogeneity_ml > 0.4 * ellipsoid_ml(lesion) / 2


def test_a_large_solid_area_is_consolidation() -> None:
    solid = Ellipsoid(centre=(40, 20, -75), radii=(25, 25, 30), hounsfield=TISSUE)
    found = analyse_volume(phantom(solid)).findings
    assert [finding.pattern for finding in found] == [Pattern.CONSOLIDATION]


def test_a_large_solid_area_in_a_small_lung_is_not_decided() -> None:
    small = Ellipsoid(centre=(0, 0, -75), radii=(80, 60, 45), hounsfield=LUNG)
    solid = Ellipsoid(centre=(20, 10, -75), radii=(25, 20, 20), hounsfield=TISSUE)
    analysis = analyse_volume(phantom(solid, chest=(BODY, small, LEFT_LUNG, TRACHEA)))
    assert [finding.pattern for finding in analysis.findings] == [Pattern.UNDECIDED]
    assert Caution.RIGHT_SMALL in analysis.cautions


def test_a_plate_is_atelectasis() -> None:
    plate = Ellipsoid(centre=(40, 0, 75), radii=(5.5, 35, 30), hounsfield=TISSUE)
    volume = phantom(plate, spacing=(1.5, 2.0, 2.0), shape=(166, 128, 176))
    assert [finding.pattern for finding in analyse_volume(volume).findings] == [Pattern.ATELECTASIS]


def test_one_lung_is_measured_on_its_own_side() -> None:
    alone = analyse_volume(phantom(chest=(BODY, LEFT_LUNG, TRACHEA)))
    right, left, both = alone.measurements
    assert right.volume_ml == 0.0
    assert right.percentage is None
    assert left.volume_ml == both.volume_ml == pytest.approx(ellipsoid_ml(LEFT_LUNG), rel=0.04)
    assert Caution.RIGHT_SMALL in alone.cautions


def test_lungs_beyond_the_scan_are_pointed_out() -> None:
    cut = analyse_volume(phantom(shape=(60, 128, 176)))
    assert Caution.CUT_OFF in cut.cautions


def test_thick_slices_are_pointed_out_and_measured() -> None:
    thick = analyse_volume(phantom(GLASS, shape=(34, 128, 176), spacing=(8.0, 2.0, 2.0)))
    assert Caution.THICK in thick.cautions
    expected = 100 * ellipsoid_ml(GLASS) / ellipsoid_ml(RIGHT_LUNG)
    assert thick.measurements[0].percentage == pytest.approx(expected, rel=0.15)


def test_thin_slices_are_joined_and_measured() -> None:
    thin = phantom(GLASS, chest=CHEST, shape=(250, 128, 176), spacing=(1.0, 2.0, 2.0))
    expected = 100 * ellipsoid_ml(GLASS) / ellipsoid_ml(RIGHT_LUNG)
    assert analyse_volume(thin).measurements[0].percentage == pytest.approx(expected, rel=0.08)
