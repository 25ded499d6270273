"""Drift: each device's recent images, scores and verdicts against what they were before."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

import numpy as np

from ai_engine.drift.agreement import Period, Rate, cohens_kappa, rate, rates_over_time
from ai_engine.drift.shift import Shift, shift
from ai_engine.prediction import ImageQuality, ModelIdentity
from dicom_node.domain.observation import Observation, Suspension
from dicom_node.domain.warehouse import LabelTruth, Warehouse, WarehouseFilter, newest
from dicom_node.workflow.ports import Clock, Observations

_LOG = logging.getLogger(__name__)

DRIFT_JOB = "drift job"

QUALITIES = tuple(each.name for each in fields(ImageQuality))


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRules:
    """When to raise an alert, and when to suspend.

    ``recent_days`` are compared with the ``reference_days`` before them. A shift is an alert from
    ``alert_psi`` on, if chance explains it less often than ``alert_p_value``. ``alert_acceptance``
    and ``floor_acceptance`` are shares of verdicts that accept what the model said; a model is
    suspended for a device only when the whole interval lies below the floor. A floor of 0 never
    suspends.
    """

    recent_days: int = 14
    reference_days: int = 90
    alert_psi: float = 0.25
    alert_p_value: float = 0.01
    alert_acceptance: float = 0.8
    floor_acceptance: float = 0.0
    fewest_verdicts: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelAgreement:
    """How far experts agree with a model on one label.

    ``kappa`` is None where they and it only ever said one and the same thing.
    """

    label: str
    acceptance: Rate | None
    kappa: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDrift:
    """Everything that is known of one device and one model at one moment.

    ``scores`` is by label and ``quality`` by figure; None where there are too few images.
    ``shifts`` are the alerts that scores or images have given, ``alerts`` all of them.
    ``acceptance`` is of the recent verdicts, ``periods`` of each week that is compared.
    ``for_floor`` leaves out the verdicts on results from before somebody last lifted a suspension:
    they were known then.
    """

    device_id: str
    model: ModelIdentity
    measured_at: datetime
    scores: Mapping[str, Shift | None]
    quality: Mapping[str, Shift | None]
    acceptance: Rate | None
    for_floor: Rate | None
    labels: tuple[LabelAgreement, ...]
    periods: tuple[Period, ...]
    suspension: Suspension | None
    shifts: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()


class DriftWatch:
    """Measures devices, raises alerts and, below the floor, suspends a model for a device."""

    def __init__(
        self,
        *,
        warehouse: Warehouse,
        observations: Observations,
        rules: DriftRules,
        clock: Clock,
    ) -> None:
        self._warehouse = warehouse
        self._observations = observations
        self._rules = rules
        self._clock = clock

    def check(self, model: ModelIdentity) -> tuple[DeviceDrift, ...]:
        """Measure every device; log alerts, and suspend where acceptance is below the floor."""
        found = []
        for device_id in self._observations.devices(model.name):
            drift = self.measure(device_id, model)
            for alert in drift.alerts:
                _LOG.warning("drift device=%s model=%s alert=%r", device_id, model.key, alert)
            self._suspend_below_floor(drift)
            found.append(drift)
        return tuple(found)

    def measure(self, device_id: str, model: ModelIdentity) -> DeviceDrift:
        """Measure one device; changes nothing."""
        now = self._clock()
        recent_from = now - timedelta(days=self._rules.recent_days)
        since = recent_from - timedelta(days=self._rules.reference_days)
        seen = [
            each
            for each in self._observations.observations(device_id, model.name, since=since)
            if each.weights_digest == model.weights_digest
        ]
        before = [each for each in seen if each.observed_at < recent_from]
        after = [each for each in seen if each.observed_at >= recent_from]
        scores = _score_shifts(before, after)
        quality = _quality_shifts(before, after)
        truths = self._judged(device_id, model, since)
        recent = [truth for truth in truths if truth.decided_at >= recent_from]
        acceptance = _acceptance(recent)
        shifts = (
            *self._shift_alerts("score of", scores),
            *self._shift_alerts("image", quality),
        )
        return DeviceDrift(
            device_id=device_id,
            model=model,
            measured_at=now,
            scores=scores,
            quality=quality,
            acceptance=acceptance,
            for_floor=self._for_floor(device_id, model, seen, recent),
            labels=_agreement(recent),
            periods=_weeks(truths),
            suspension=self._observations.suspension(device_id, model.name),
            shifts=shifts,
            alerts=(*shifts, *self._acceptance_alerts(acceptance)),
        )

    @property
    def settles(self) -> timedelta:
        """How long a change goes on to show: until nothing from before it is compared with."""
        return timedelta(days=self._rules.recent_days + self._rules.reference_days)

    def weeks(self, device_id: str, model: ModelIdentity) -> tuple[Period, ...]:
        """Return the acceptance of each week that is compared, from the verdicts alone."""
        return _weeks(self._judged(device_id, model, self._clock() - self.settles))

    def _for_floor(
        self,
        device_id: str,
        model: ModelIdentity,
        seen: Sequence[Observation],
        recent: Sequence[LabelTruth],
    ) -> Rate | None:
        resumed = self._observations.resumed_at(device_id, model.name)
        if resumed is None:
            return _acceptance(recent)
        since = {each.job_id for each in seen if each.observed_at > resumed}
        return _acceptance([truth for truth in recent if truth.record_id in since])

    def _judged(self, device_id: str, model: ModelIdentity, since: datetime) -> list[LabelTruth]:
        """Return the verdicts from the week of ``since`` on: weeks are whole, and stay as they are.

        What was decided before is a device's history and nothing that its drift is told by; all of
        it would be read at each look at a page.
        """
        since = since.astimezone(UTC)
        monday = since - timedelta(days=since.weekday())
        wanted = WarehouseFilter(
            device_id=device_id,
            model_name=model.name,
            decided_from=monday.replace(hour=0, minute=0, second=0, microsecond=0),
        )
        predicted = (
            truth
            for truth in self._warehouse.truths(wanted)
            if truth.predicted is not None and truth.weights_digest == model.weights_digest
        )
        return [truth for truth in newest(predicted) if truth.value is not None]

    def _shift_alerts(self, what: str, shifts: Mapping[str, Shift | None]) -> list[str]:
        return [
            f"{what} {name} has shifted: PSI {found.psi:.2f}, KS {found.ks:.2f} "
            f"(p {found.p_value:.2g}), {found.recent} images against {found.reference}"
            for name, found in shifts.items()
            if found is not None
            and found.psi >= self._rules.alert_psi
            and found.p_value < self._rules.alert_p_value
        ]

    def _acceptance_alerts(self, found: Rate | None) -> list[str]:
        if found is None or found.among < self._rules.fewest_verdicts:
            return []
        if found.value >= self._rules.alert_acceptance:
            return []
        return [f"experts accepted {_in_words(found)}"]

    def _suspend_below_floor(self, drift: DeviceDrift) -> None:
        found, floor = drift.for_floor, self._rules.floor_acceptance
        if found is None or drift.suspension or found.among < self._rules.fewest_verdicts:
            return
        if found.high >= floor:
            return
        suspension = Suspension(
            device_id=drift.device_id,
            model_name=drift.model.name,
            at=drift.measured_at,
            actor=DRIFT_JOB,
            reason=f"experts accepted {_in_words(found)}, the floor is {100 * floor:.0f} %",
        )
        self._observations.suspend(suspension)
        _LOG.error(
            "model suspended device=%s model=%s reason=%r",
            drift.device_id,
            drift.model.key,
            suspension.reason,
        )


def _in_words(found: Rate) -> str:
    return (
        f"{found.hits} of {found.among} verdicts, {100 * found.value:.0f} % "
        f"(95 % interval {100 * found.low:.0f} % to {100 * found.high:.0f} %)"
    )


def _score_shifts(
    before: Sequence[Observation], after: Sequence[Observation]
) -> dict[str, Shift | None]:
    labels = sorted({label for each in (*before, *after) for label in each.scores})
    return {
        label: shift(
            *(
                np.array([each.scores[label] for each in part if label in each.scores])
                for part in (before, after)
            )
        )
        for label in labels
    }


def _quality_shifts(
    before: Sequence[Observation], after: Sequence[Observation]
) -> dict[str, Shift | None]:
    return {
        name: shift(
            *(
                np.array([getattr(each.quality, name) for each in part if each.quality])
                for part in (before, after)
            )
        )
        for name in QUALITIES
    }


def _acceptance(truths: Sequence[LabelTruth]) -> Rate | None:
    return rate(sum(truth.predicted == truth.value for truth in truths), len(truths))


def _weeks(truths: Sequence[LabelTruth]) -> tuple[Period, ...]:
    return rates_over_time(
        (truth.decided_at.date(), truth.predicted == truth.value) for truth in truths
    )


def _agreement(truths: Sequence[LabelTruth]) -> tuple[LabelAgreement, ...]:
    found = []
    for label in sorted({truth.label for truth in truths}):
        of_label = [truth for truth in truths if truth.label == label]
        kappa = cohens_kappa(
            [bool(truth.predicted) for truth in of_label], [bool(truth.value) for truth in of_label]
        )
        found.append(LabelAgreement(label=label, acceptance=_acceptance(of_label), kappa=kappa))
    return tuple(found)
