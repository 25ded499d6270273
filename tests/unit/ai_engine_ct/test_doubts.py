"""Where no grade may be given, and what is said instead."""

import dataclasses

import numpy as np
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.cautions import DARK_SHARE
from ai_engine.ct.explanation import conclusion
from ai_engine.ct.lungs import find_lungs
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.results import Caution, CtAnalysis, Severity
from ai_engine.ct.surface_edge import late_beginning
from ai_engine.ct.testing import BODY, CHEST, LEFT_LUNG, TISSUE, TRACHEA, Ellipsoid, phantom
from sr_templates.ct.codes import CAUTIONS

pytestmark = pytest.mark.slow

HAZE = (
    Ellipsoid(centre=(0, 0, -75), radii=(115, 80, 60), hounsfield=-650),
    Ellipsoid(centre=(0, 0, 75), radii=(115, 80, 55), hounsfield=-650),
)


@pytest.fixture(scope="module")
def clear() -> CtAnalysis:
    return analyse_volume(phantom())


@pytest.fixture(scope="module")
def hazy() -> CtAnalysis:
    return analyse_volume(phantom(*HAZE))


def test_nothing_measured_is_said_of_so_much_aerated_lung(clear: CtAnalysis) -> None:
    both = clear.measurements[2]
    assert conclusion(clear) == (
        f"No inhomogeneity measured in {both.aerated_ml:.0f} ml of aerated lung "
        "(grade 1; its published name is: healthy lungs)."
    )
    assert both.aerated_ml == pytest.approx(both.volume_ml, rel=0.03)
    assert both.severity is Severity.GRADE_1


def test_lungs_as_dark_as_in_emphysema_are_not_called_healthy() -> None:
    dark = [
        Ellipsoid(centre=(0, 0, side), radii=(60, 40, 35), hounsfield=-965) for side in (-75, 75)
    ]
    analysis = analyse_volume(phantom(*dark))
    assert analysis.cautions == (Caution.DARK,)
    assert analysis.measurements[2].severity is Severity.GRADE_1
    assert "healthy" not in conclusion(analysis)
    assert "as in emphysema" in conclusion(analysis)


def test_a_surface_over_a_dark_core_is_not_hazy() -> None:
    dark = [
        Ellipsoid(centre=(0, 0, side), radii=(100, 68, 48), hounsfield=-990) for side in (-75, 75)
    ]
    volume = phantom(*dark, shape=(60, 360, 500), spacing=(4.2, 0.7, 0.7))
    assert late_beginning(volume, find_lungs(volume), np.zeros(volume.hounsfield.shape, bool)) < 0.1


def test_noise_makes_no_lung_dark() -> None:
    """A tenth of its voxels lies below -950 HU by noise alone."""
    analysis = analyse_volume(phantom(noise=80.0))
    assert analysis.cautions == (Caution.NOISY,)
    assert {row.severity for row in analysis.measurements} == {None}


@pytest.mark.parametrize(("hounsfield", "is_seen"), [(60, False), (200, True)])
def test_contrast_agent_that_no_header_states_is_seen(hounsfield: int, is_seen: bool) -> None:
    heart = Ellipsoid(centre=(20, -30, 0), radii=(45, 35, 25), hounsfield=hounsfield)
    analysis = analyse_volume(phantom(heart))
    assert (Caution.CONTRAST_SEEN in analysis.cautions) is is_seen
    assert analysis.measurements[2].severity is Severity.GRADE_1


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_distances_that_make_no_lungs_have_no_grade(factor: float) -> None:
    """Slices that are stated half or twice as far apart: half or twice the volume."""
    volume = phantom()
    step, height, width = volume.geometry.spacing
    geometry = dataclasses.replace(volume.geometry, spacing=(step * factor, height, width))
    analysis = analyse_volume(dataclasses.replace(volume, geometry=geometry))
    assert Caution.SHAPE in analysis.doubts
    assert {row.severity for row in analysis.measurements} == {None}


def test_values_beside_the_hounsfield_scale_are_refused() -> None:
    """As with another rescale intercept: lung would be haze."""
    volume = phantom()
    moved = dataclasses.replace(volume, hounsfield=volume.hounsfield + np.int16(150))
    with pytest.raises(CtRefusedError) as caught:
        analyse_volume(moved)
    assert caught.value.reason is CtRefusalReason.NO_HOUNSFIELD_UNITS


def test_lungs_are_cut_off_where_slices_without_an_image_begin() -> None:
    values = phantom().hounsfield.copy()
    values[:35] = -1024
    analysis = analyse_volume(dataclasses.replace(phantom(), hounsfield=values))
    assert Caution.CUT_OFF in analysis.doubts
    assert analysis.geometry.shape[0] == len(values)
    assert not (analysis.right_lung.unpack() | analysis.left_lung.unpack())[:35].any()
    assert "Slices 36 to 100 of 100" in analysis.corrections[-1]


def test_too_few_slices_with_an_image_are_refused() -> None:
    """They are as many as are too few where the others were not sent."""
    values = phantom().hounsfield.copy()
    values[:25] = values[40:] = -1024
    with pytest.raises(CtRefusedError, match="15 slices with an image") as caught:
        analyse_volume(dataclasses.replace(phantom(), hounsfield=values))
    assert caught.value.reason is CtRefusalReason.TOO_FEW_SLICES


def test_a_table_whose_shell_is_closed_in_some_slices_alone_is_no_leap() -> None:
    """Likewise arms that touch the trunk in some slices enclose air there."""
    volume = phantom()
    values = np.pad(volume.hounsfield, [(0, 0), (0, 60), (0, 0)], constant_values=-1000)
    values[:, [136, 137, 156, 157], 8:168] = 0
    values[:, 136:158, [8, 9, 166, 167]] = 0
    values[50:, 136:138, 80:88] = -1000
    analysis = analyse_volume(
        dataclasses.replace(
            volume,
            hounsfield=values,
            geometry=dataclasses.replace(volume.geometry, shape=values.shape),
        )
    )
    assert analysis.measurements[2].severity is Severity.GRADE_1


@pytest.mark.parametrize("place", [-60, 60])
def test_gas_of_the_colon_is_no_windpipe(place: int) -> None:
    """Where the windpipe isn't seen it is the longest tube, and the chest stands upright."""
    colon = Ellipsoid(centre=(120, -86, place), radii=(75, 7, 7), hounsfield=-1000)
    analysis = analyse_volume(phantom(colon, chest=CHEST[:-1]))
    assert analysis.measurements[2].volume_ml > 4000


@pytest.mark.parametrize("side", [-75, 75])
def test_a_lung_that_begins_at_a_level_has_no_grade(side: int) -> None:
    """A fiftieth of it, at the apex, is as dense as what lies around it."""
    cap = Ellipsoid(centre=(-135, 0, side), radii=(45, 200, 60), hounsfield=TISSUE)
    analysis = analyse_volume(phantom(cap))
    assert Caution.BEGINS_LATE in analysis.doubts
    assert "Cannot grade" in conclusion(analysis)


def test_scattered_solid_lung_has_no_grade() -> None:
    """Each of the balls is measured; none is known to be missing."""
    places = [(-40, 10, 80), (10, -25, 80), (40, 20, 75), (10, 20, -80)]
    balls = [Ellipsoid(centre=each, radii=(16, 16, 16), hounsfield=40) for each in places]
    assert Caution.SCATTERED not in analyse_volume(phantom(*balls[:2])).doubts
    assert Caution.SCATTERED in analyse_volume(phantom(*balls)).doubts


def test_lungs_that_are_hazy_all_over_have_no_grade(hazy: CtAnalysis) -> None:
    assert Caution.DIFFUSE in hazy.doubts
    assert {row.severity for row in hazy.measurements} == {None}
    assert "healthy" not in conclusion(hazy)
    assert "Cannot grade" in conclusion(hazy)


def test_a_missing_lung_has_no_grade() -> None:
    alone = analyse_volume(phantom(chest=(BODY, LEFT_LUNG, TRACHEA)))
    assert {row.severity for row in alone.measurements} == {None}
    assert Caution.ENDS_EARLY in alone.doubts


def test_a_finding_is_never_called_healthy() -> None:
    nodule = Ellipsoid(centre=(-20, 10, 80), radii=(8, 8, 8), hounsfield=40)
    analysis = analyse_volume(phantom(nodule))
    assert analysis.findings
    assert "healthy" not in conclusion(analysis)


def test_every_caution_has_a_code_of_its_own() -> None:
    assert set(CAUTIONS) == set(Caution)
    assert len({code.value for code in CAUTIONS.values()}) == len(Caution)


def test_no_grade_is_called_healthy() -> None:
    assert not any("healthy" in grade.value for grade in Severity)


def test_what_is_said_of_dark_lungs_is_their_limit() -> None:
    assert "More than a twentieth of the lung" in Caution.DARK
    assert DARK_SHARE == 1 / 20
