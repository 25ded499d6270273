"""Where no grade may be given, and what is said instead."""

import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.explanation import conclusion
from ai_engine.ct.results import Caution, CtAnalysis, Severity
from ai_engine.ct.testing import BODY, LEFT_LUNG, TRACHEA, Ellipsoid, phantom
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
