"""Calibration: validated cases of a device set its thresholds (paper 1, sections IV and V)."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from ai_engine.calibration.calibrate import calibrate
from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.calibration.device import EVERY_DEVICE, DeviceCalibration, Source
from ai_engine.calibration.objective import Objective
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.library.card import ModelCard
from ai_engine.library.earned import reported_labels
from ai_engine.prediction import ModelIdentity
from dicom_node.domain.calibration import (
    SCHEDULE,
    CalibrationVersion,
    gone_back,
    opened_again,
)
from dicom_node.domain.device import Device
from dicom_node.domain.warehouse import LabelTruth, Warehouse, WarehouseFilter, newest
from dicom_node.errors import NotFoundError
from dicom_node.workflow.ports import CalibrationKeeper, Clock

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DeviceCases:
    """The validated cases of one device and one model's weights, by label in the card's order.

    ``without_score`` counts verdicts that cannot be used: experts added what the model does not
    judge, or nothing says how it had scored the image.
    """

    device_id: str
    cases: tuple[LabelCases, ...]
    without_score: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOutcome:
    """A calibration as it was made now, and the version it became.

    ``version`` is None when it was only tried, or says the same as the one in use.
    """

    calibration: DeviceCalibration
    version: CalibrationVersion | None
    unchanged: bool
    without_score: int


class Calibrating:
    """Makes calibrations from the Warehouse: of all devices together, and of each."""

    def __init__(
        self,
        *,
        warehouse: Warehouse,
        calibrations: CalibrationKeeper,
        card: Callable[[str], ModelCard],
        minimum: Minimum,
        clock: Clock,
    ) -> None:
        self._warehouse = warehouse
        self._calibrations = calibrations
        self._card = card
        self.minimum = minimum
        self._clock = clock

    def calibrate(
        self,
        model: str,
        *,
        objective: Objective,
        actor: str,
        device_id: str = "",
        dry_run: bool = False,
    ) -> tuple[CalibrationOutcome, ...]:
        """Calibrate the active version of a model: all devices together, each model, each device.

        With ``device_id`` only that device is calibrated, or the devices of one model; labels
        without enough cases keep what their parent uses. A calibration that says the same as the
        one in use, for the same objective, is not kept again.

        Raises
        ------
        NotFoundError
            When nothing validated is known of the device.
        """
        card = self._card(model)
        devices = self.devices()
        if device_id and device_id not in (*self._families(), *devices):
            raise NotFoundError(
                f"device {device_id} has no validated cases; known are "
                f"{', '.join(devices) or 'none'}."
            )
        return tuple(
            self._one(card, each, objective, actor=actor, dry_run=dry_run)
            for each in ((device_id,) if device_id else (EVERY_DEVICE, *self._families(), *devices))
        )

    def calibrate_by_clock(
        self, model: str, *, objective: Objective
    ) -> tuple[CalibrationOutcome, ...]:
        """Calibrate as `calibrate` does without a device, and leave what people have decided.

        Where somebody has calibrated by hand, for the objective of then; ``objective`` is for the
        others. Where somebody has gone back to an earlier version, nothing is made until somebody
        calibrates by hand.
        """
        card = self._card(model)
        outcomes = []
        for device_id in (EVERY_DEVICE, *self._families(), *self.devices()):
            if (use := gone_back(self._calibrations.history(device_id, card.identity))) is not None:
                _LOG.info(
                    "not calibrated device=%s model=%s reason='%s went back to version %d; "
                    "`dicom-node calibrate` by hand goes on'",
                    device_id,
                    card.identity.key,
                    use.actor,
                    use.number,
                )
                continue
            asked = self._asked_by_hand(device_id, card.identity) or objective
            outcomes.append(self._one(card, device_id, asked, actor=SCHEDULE, dry_run=False))
        return tuple(outcomes)

    def open_again(
        self, device_id: str, model: ModelIdentity, *, why: str, settles: timedelta
    ) -> bool:
        """Let only what is validated from now on calibrate a device, because it has changed.

        What is in use stays until that tells something better. A change shows for as long as there
        are images from before it to compare with (``settles``), and is noted once in that time.
        Where somebody has gone back, that is left as it is.

        Returns
        -------
        bool
            Whether it was noted.
        """
        history = self._calibrations.history(device_id, model)
        now, opened = self._clock(), opened_again(history)
        if gone_back(history) is not None or (opened is not None and now - opened < settles):
            return False
        if not self._calibrations.open_again(device_id, model, at=now, why=why):
            return False
        _LOG.warning(
            "calibration opened again device=%s model=%s why=%r", device_id, model.key, why
        )
        return True

    def devices(self) -> tuple[str, ...]:
        """Return the devices that have validated cases."""
        return tuple(sorted(self._warehouse.devices()))

    def cases(self, card: ModelCard, device_id: str, *, label: str = "") -> DeviceCases:
        """Return the cases of a device, or of several, that the card's weights have scored.

        An image that was decided more than once is one case, with the last word on it. With
        ``label`` only that label's verdicts are read. Of a device that has changed, what was
        decided before does not count.
        """
        members = self._families().get(device_id)
        ids = [each.device_id for each in members] if members else [device_id]
        scored = (
            truth
            for each in ids
            for truth in self._truths(card, "" if each == EVERY_DEVICE else each, label)
            if truth.weights_digest == card.weights_digest
        )
        truths = [truth for truth in newest(scored) if truth.value is not None]
        by_label: dict[str, list[LabelTruth]] = defaultdict(list)
        for truth in truths:
            if truth.score is not None:
                by_label[truth.label].append(truth)
        return DeviceCases(
            device_id=device_id,
            cases=tuple(
                _cases(each.name, by_label[each.name])
                for each in reported_labels(card)
                if label in ("", each.name)
            ),
            without_score=sum(truth.score is None for truth in truths),
        )

    def parent(self, device_id: str, model: ModelIdentity) -> CalibrationVersion | None:
        """Return what a device without a calibration of its own would be decided by.

        A device that has changed goes on from its own. The devices of a model speak for one of
        them only where there is another: else its cases would count twice.
        """
        if device_id == EVERY_DEVICE:
            return None
        history = self._calibrations.history(device_id, model)
        if opened_again(history) and (own := self._calibrations.own(device_id, model)):
            return own
        device = self._warehouse.devices().get(device_id)
        if device is not None and len(self._families().get(device.family_id, ())) > 1:
            family = self._calibrations.own(device.family_id, model)
            if family is not None:
                return family
        return self._calibrations.own(EVERY_DEVICE, model)

    def _families(self) -> Mapping[str, Sequence[Device]]:
        return families(self._warehouse.devices().values())

    def _truths(self, card: ModelCard, device_id: str, label: str) -> Iterable[LabelTruth]:
        """The verdicts on a device's images; of one that has changed, those since."""
        since = opened_again(self._calibrations.history(device_id, card.identity))
        wanted = WarehouseFilter(
            device_id=device_id, model_name=card.name, label=label, decided_from=since
        )
        return self._warehouse.truths(wanted)

    def _one(
        self, card: ModelCard, device_id: str, objective: Objective, *, actor: str, dry_run: bool
    ) -> CalibrationOutcome:
        model = card.identity
        found = self.cases(card, device_id)
        parent = self.parent(device_id, model)
        made = calibrate(
            found.cases,
            device=device_id,
            model=model,
            parents=parent_points(card, parent),
            parent=parent.calibration.calibration_id if parent else "",
            made_at=self._clock(),
            objective=objective,
            minimum=self.minimum,
        )
        unchanged = self._says_the_same(made, model, by_hand=actor != SCHEDULE)
        version = None
        if not dry_run and not unchanged:
            version = self._calibrations.add(made, model, actor=actor)
            _LOG.info(
                "calibrated device=%s model=%s version=%d id=%s",
                device_id,
                model.key,
                version.number,
                made.calibration_id,
            )
        return CalibrationOutcome(
            calibration=made,
            version=version,
            unchanged=unchanged,
            without_score=found.without_score,
        )

    def _says_the_same(
        self, made: DeviceCalibration, model: ModelIdentity, *, by_hand: bool
    ) -> bool:
        """Whether the one in use has the same points; without one, whether all are the parents'.

        What is asked for by hand is kept as well where it ends a step back or has another
        objective: the clock goes on with that.
        """
        present = self._calibrations.own(made.device, model)
        if by_hand and gone_back(self._calibrations.history(made.device, model)) is not None:
            return False
        if present is None:
            return all(each.source is Source.PARENT for each in made.labels)
        if by_hand and present.calibration.objective != made.objective:
            return False
        return present.calibration.points == made.points

    def _asked_by_hand(self, device_id: str, model: ModelIdentity) -> Objective | None:
        """Return the objective of the last calibration that somebody made by hand, or None."""
        versions = self._calibrations.versions(device_id, model)
        by_hand = (each for each in reversed(versions) if each.made_by != SCHEDULE)
        last = next(by_hand, None)
        return last.calibration.objective if last else None


def families(devices: Iterable[Device]) -> Mapping[str, Sequence[Device]]:
    """Return the devices of each manufacturer and model, by the family's name."""
    found: dict[str, list[Device]] = defaultdict(list)
    for device in devices:
        if device.family_id:
            found[device.family_id].append(device)
    return dict(sorted(found.items()))


def parent_points(
    card: ModelCard, parent: CalibrationVersion | None
) -> Mapping[str, OperatingPoint]:
    """Return what decides each label where a device has nothing of its own."""
    points = {
        label.name: OperatingPoint(score_threshold=label.threshold, uncertain=label.uncertain)
        for label in reported_labels(card)
    }
    return {**points, **(parent.calibration.points if parent else {})}


def _cases(label: str, truths: Sequence[LabelTruth]) -> LabelCases:
    return LabelCases(
        label=label,
        scores=np.array([truth.score for truth in truths], dtype=np.float64),
        truth=np.array([truth.value for truth in truths], dtype=np.bool_),
        patients=tuple(truth.patient_key for truth in truths),
    )
