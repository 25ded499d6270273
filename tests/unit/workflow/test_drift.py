"""Drift is measured per device, raises alerts, and suspends only below the floor."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest

from ai_engine.prediction import ImageQuality
from dicom_node.domain.device import Device
from dicom_node.domain.observation import Observation, Suspension
from dicom_node.domain.warehouse import LabelTruth, WarehouseFilter
from dicom_node.workflow.devices.drift import DRIFT_JOB, DeviceDrift, DriftRules, DriftWatch
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeWarehouse
from tests.unit.builders import EPOCH
from tests.unit.validated import CARD, LABEL, Validated

DEVICE = Device(calling_ae="CR1")
NOW = EPOCH + timedelta(days=100)


class Ledger:
    """Observations and suspensions in memory."""

    def __init__(self, observations: list[Observation]) -> None:
        self._all = observations
        self.suspended: dict[str, Suspension] = {}
        self.resumed: datetime | None = None

    def observations(self, device_id, model_name, *, since=None, until=None):
        return iter(each for each in self._all if since is None or each.observed_at >= since)

    def of_jobs(self, job_ids):
        return iter(each for each in self._all if each.job_id in job_ids)

    def devices(self, model_name: str) -> tuple[str, ...]:
        return tuple(sorted({each.device_id for each in self._all}))

    def suspension(self, device_id: str, model_name: str) -> Suspension | None:
        return self.suspended.get(device_id)

    def resumed_at(self, device_id: str, model_name: str) -> datetime | None:
        return self.resumed

    def suspend(self, suspension: Suspension) -> None:
        self.suspended[suspension.device_id] = suspension


def history(*, moved: float = 0.0, darker: float = 0.0, rejected: float = 0.0) -> Validated:
    """Eighty days as always, then fourteen with scores, exposure and verdicts changed."""
    validated = Validated()
    rng = np.random.default_rng(1)
    for index in range(200):
        recent = index >= 140
        at = NOW - timedelta(days=7 if recent else 50, minutes=index)
        score = float(np.clip(rng.beta(2, 5) + (moved if recent else 0), 0, 1))
        wrong = recent and rng.random() < rejected
        validated.add(
            DEVICE,
            score=score,
            truth=(score >= 0.5) != wrong,
            at=at,
            quality=ImageQuality(
                exposure=float(rng.normal(0.5 - (darker if recent else 0), 0.05)),
                contrast=float(rng.normal(0.5, 0.05)),
                noise=0.01,
                sharpness=0.02,
            ),
        )
    return validated


def measured(
    validated: Validated, resumed: datetime | None = None, **rules: float
) -> tuple[DeviceDrift, Ledger]:
    ledger = Ledger(validated.observations)
    ledger.resumed = resumed
    watch = DriftWatch(
        warehouse=validated.warehouse,
        observations=ledger,
        rules=DriftRules(**rules),  # type: ignore[arg-type]
        clock=FakeClock(NOW),
    )
    (found,) = watch.check(CARD.identity)
    return found, ledger


def test_a_device_that_is_as_always_raises_nothing() -> None:
    found, ledger = measured(history(), floor_acceptance=0.9)
    assert found.alerts == ()
    assert found.acceptance is not None
    assert found.acceptance.value == 1.0
    assert found.labels[0].kappa == pytest.approx(1.0)
    assert ledger.suspended == {}


def test_scores_that_moved_are_an_alert_with_their_figures() -> None:
    found, _ = measured(history(moved=0.3))
    shifted = found.scores[LABEL]
    assert shifted is not None
    assert shifted.psi > 0.25
    assert any(alert.startswith(f"score of {LABEL} has shifted: PSI") for alert in found.alerts)


def test_darker_images_are_an_alert_before_any_verdict_says_so() -> None:
    found, _ = measured(history(darker=0.15))
    assert [alert.split(" has")[0] for alert in found.alerts] == ["image exposure"]
    assert found.shifts == found.alerts


def test_rejections_are_an_alert_and_below_the_floor_a_suspension() -> None:
    validated = history(rejected=0.5)
    alerted, ledger = measured(validated)
    assert any(alert.startswith("experts accepted") for alert in alerted.alerts)
    assert alerted.shifts == ()
    assert ledger.suspended == {}
    _, ledger = measured(validated, floor_acceptance=0.75)
    suspension = ledger.suspended[DEVICE.device_id]
    assert suspension.actor == DRIFT_JOB
    assert "the floor is 75 %" in suspension.reason


def test_a_model_that_somebody_resumed_is_judged_by_what_it_said_since() -> None:
    validated = history(rejected=1.0)
    resumed = NOW - timedelta(days=3)
    found, ledger = measured(validated, resumed, floor_acceptance=0.75)
    assert found.acceptance is not None
    assert found.acceptance.among == 60
    assert found.for_floor is None
    assert ledger.suspended == {}
    # What it had said before, and was judged after it, is what was known when it was resumed.
    for number in range(140, 200):
        denied = validated.observations[number].scores[LABEL] < 0.5
        validated.again(number, truth=denied, at=NOW - timedelta(days=2))
    for minutes in range(30):
        validated.add(DEVICE, score=0.9, truth=False, at=resumed + timedelta(minutes=1 + minutes))
    found, ledger = measured(validated, resumed, floor_acceptance=0.75)
    assert found.acceptance is not None
    assert found.for_floor is not None
    assert (found.acceptance.among, found.for_floor.among) == (90, 30)
    assert "0 of 30 verdicts" in ledger.suspended[DEVICE.device_id].reason


def test_an_interval_that_reaches_the_floor_does_not_suspend() -> None:
    found, ledger = measured(history(rejected=0.3), floor_acceptance=0.85)
    assert found.acceptance is not None
    assert found.acceptance.value < 0.85 < found.acceptance.high
    assert ledger.suspended == {}


def test_too_few_verdicts_never_suspend() -> None:
    validated = history(rejected=1.0)
    _, ledger = measured(validated, floor_acceptance=0.99, fewest_verdicts=100)
    assert ledger.suspended == {}


def test_an_image_that_is_decided_again_is_one_verdict_the_last() -> None:
    validated = history()
    for number in range(140, 200):
        wrong = validated.observations[number].scores[LABEL] < 0.5
        validated.again(number, truth=wrong, at=NOW - timedelta(days=1))
    found, _ = measured(validated)
    assert found.acceptance is not None
    assert (found.acceptance.hits, found.acceptance.among) == (0, 60)


def test_each_week_has_its_acceptance() -> None:
    found, _ = measured(history(rejected=0.5))
    assert len(found.periods) == 2
    assert found.periods[0].rate.value == 1.0
    assert found.periods[1].rate.value < 0.7


def test_only_verdicts_of_the_weeks_that_are_compared_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    validated = history()
    for days in (104, 110, 111, 400):
        at = NOW - timedelta(days=days)
        validated.add(DEVICE, score=0.9, truth=True, at=at)
    read, truths = [], FakeWarehouse.truths

    def noted(self: FakeWarehouse, wanted: WarehouseFilter) -> Iterator[LabelTruth]:
        for each in truths(self, wanted):
            read.append(each.decided_at)
            yield each

    monkeypatch.setattr(FakeWarehouse, "truths", noted)
    found, _ = measured(validated)
    assert len(read) == 202
    first = found.periods[0]
    assert (first.start.weekday(), first.rate.among) == (0, 2)
    assert (NOW - timedelta(days=110)).date() >= first.start


def test_the_weeks_alone_are_those_of_the_measurement() -> None:
    validated = history(rejected=0.5)
    found, ledger = measured(validated)
    watch = DriftWatch(
        warehouse=validated.warehouse, observations=ledger, rules=DriftRules(), clock=FakeClock(NOW)
    )
    assert watch.weeks(DEVICE.device_id, CARD.identity) == found.periods
