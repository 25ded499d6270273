"""A device's calibration: what it decides, why, and that it says so unchangeably."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ai_engine.calibration.calibrate import calibrate, calibrate_label
from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.calibration.device import DeviceCalibration, Source
from ai_engine.calibration.objective import Objective, parse_objective
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.calibration.probability import LogisticMap, logit, sigmoid
from ai_engine.prediction import ModelIdentity

pytestmark = pytest.mark.slow

MODEL = ModelIdentity(
    name="chest",
    version="1.0.0",
    weights_digest="ab" * 32,
    title="Chest",
    manufacturer="x",
    research_only=True,
)
MADE_AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
PARENT = OperatingPoint(score_threshold=0.5)


def cases(count: int, *, shift: float = 0.0, label: str = "Pneumonia", seed: int = 5) -> LabelCases:
    rng = np.random.default_rng(seed)
    scores = sigmoid(rng.normal(0, 2, count))
    truth = rng.random(count) < sigmoid(2 * logit(scores) + shift)
    return LabelCases(
        label=label, scores=scores, truth=truth, patients=tuple(map(str, range(count)))
    )


def made(**changes: object) -> DeviceCalibration:
    given: dict[str, object] = {
        "device": "CR1",
        "model": MODEL,
        "parents": {"Pneumonia": PARENT, "Mass": PARENT},
        "made_at": MADE_AT,
    }
    both = (cases(300, shift=-4), cases(8, label="Mass"))
    return calibrate(both, **(given | changes))  # type: ignore[arg-type]


def test_a_label_with_enough_cases_gets_its_own_point_and_another_keeps_its_parents() -> None:
    found = {each.label: each for each in made().labels}
    assert found["Pneumonia"].source is Source.DEVICE
    assert found["Pneumonia"].point.score_threshold > 0.6
    assert found["Mass"].source is Source.PARENT
    assert found["Mass"].point == PARENT
    assert "at least 10 needed" in found["Mass"].reason


def test_its_own_point_says_why_and_where_it_is_unsure_and_what_a_score_means() -> None:
    calibration = made(parent="site-calibration")
    assert calibration.parent == "site-calibration"
    found = calibration.labels[0]
    assert found.reason.startswith("chosen for")
    assert found.point.uncertain is not None
    low, high = found.point.uncertain
    assert low <= found.point.score_threshold <= high
    assert low < high
    # Scores are logits doubled and shifted by four below: what looks likely is not.
    assert found.point.probability_map is not None
    assert found.point.probability_map.apply(np.array([0.7]))[0] < 0.3


def test_cases_of_one_class_leave_the_parents_point_and_no_figures() -> None:
    healthy = replace(cases(200), truth=np.zeros(200, dtype=bool))
    found = calibrate_label(healthy, parent=PARENT, objective=Objective(), minimum=Minimum())
    assert found.source is Source.PARENT
    assert found.comparison is None
    assert "0 with the finding" in found.reason


def test_no_cases_at_all_leave_the_parents_point() -> None:
    nothing = LabelCases(label="x", scores=np.zeros(0), truth=np.zeros(0, dtype=bool), patients=())
    found = calibrate_label(nothing, parent=PARENT, objective=Objective(), minimum=Minimum())
    assert found.point == PARENT


def test_a_threshold_that_serves_well_is_kept() -> None:
    own = cases(300, seed=9)
    first = calibrate_label(own, parent=PARENT, objective=Objective(), minimum=Minimum())
    again = calibrate_label(own, parent=first.point, objective=Objective(), minimum=Minimum())
    assert again.point.score_threshold == first.point.score_threshold
    assert again.reason.startswith("threshold kept")


def test_a_target_is_followed_whatever_it_costs_in_f1() -> None:
    found = calibrate_label(
        cases(300), parent=PARENT, objective=parse_objective("sensitivity=0.99"), minimum=Minimum()
    )
    assert found.comparison is not None
    assert found.comparison.calibrated.sensitivity.value >= 0.99
    assert found.comparison.calibrated.specificity.value < 0.9


@pytest.mark.slow
def test_the_same_cases_give_the_same_id_and_a_change_another() -> None:
    assert made().calibration_id == made().calibration_id
    others = (
        made(device="CR2"),
        made(made_at=datetime(2026, 3, 2, tzinfo=UTC)),
        made(objective=parse_objective("specificity=0.9")),
        made(model=replace(MODEL, weights_digest="cd" * 32)),
    )
    assert len({each.calibration_id for each in (made(), *others)}) == 5


def test_it_is_read_back_from_its_text_with_the_same_digest() -> None:
    calibration = made()
    again = DeviceCalibration.from_json(calibration.to_json())
    assert again == calibration
    assert again.digest == calibration.digest


def test_its_title_states_id_and_date() -> None:
    assert made().title == f"{made().calibration_id} of 2026-03-01"


def test_a_date_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        made(made_at=datetime(2026, 3, 1))  # noqa: DTZ001 - that is what is refused


def test_a_map_changes_no_decision() -> None:
    point = OperatingPoint(
        score_threshold=0.37, probability_map=LogisticMap(slope=0.3, offset=-1.7)
    )
    for score in np.linspace(0, 1, 400):
        assert (point.probability(score) >= point.threshold) == (score >= 0.37)
