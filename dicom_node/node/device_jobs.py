"""The jobs that look after devices: calibration and drift, by command or by the clock."""

import logging
import threading

from ai_engine.calibration.cases import Minimum
from ai_engine.calibration.objective import parse_objective
from ai_engine.kinds.registry import kind_of
from ai_engine.library.card import ModelCard
from dicom_node.configuration.work import DriftSettings
from dicom_node.errors import NodeError
from dicom_node.models.cards import ModelCards
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.web.devices.ports import DeviceDesk
from dicom_node.workflow.devices.calibrate import Calibrating, CalibrationOutcome
from dicom_node.workflow.devices.drift import DeviceDrift, DriftRules, DriftWatch

_LOG = logging.getLogger(__name__)


class DeviceJobs:
    """Calibrates devices and watches them drift, for every active classifier."""

    def __init__(self, repositories: Repositories, cards: ModelCards) -> None:
        self._settings = repositories.settings
        self._repositories = repositories
        self._cards = cards
        calibration = self._settings.calibration
        self.calibrating = Calibrating(
            warehouse=repositories.warehouse,
            calibrations=repositories.calibrations,
            card=cards.active,
            minimum=Minimum(
                positives=calibration.min_positives, negatives=calibration.min_negatives
            ),
            clock=utc_now,
        )
        self.watch = DriftWatch(
            warehouse=repositories.warehouse,
            observations=repositories.observations,
            rules=drift_rules(self._settings.drift),
            clock=utc_now,
        )
        self._lock = threading.Lock()
        self._measured: tuple[DeviceDrift, ...] = ()

    @property
    def measured(self) -> tuple[DeviceDrift, ...]:
        """What the last run of the drift job found; nothing before the first."""
        with self._lock:
            return self._measured

    def desk(self) -> DeviceDesk:
        """Return what the pages of calibration and drift read."""
        return DeviceDesk(
            cards=self.models,
            devices=self._repositories.warehouse.devices,
            watched=self._repositories.observations.devices,
            book=self._repositories.calibrations,
            calibrating=self.calibrating,
            watch=self.watch,
            floor=self._settings.drift.floor_acceptance,
        )

    def models(self) -> tuple[ModelCard, ...]:
        """Return the active models that have probabilities to calibrate."""
        return tuple(card for card in self._cards.all_active() if kind_of(card).is_calibrated)

    def calibrate_all(self) -> tuple[CalibrationOutcome, ...]:
        """Calibrate every model by the clock; one that cannot be is logged, others go on."""
        objective = parse_objective(self._settings.calibration.objective)
        outcomes: list[CalibrationOutcome] = []
        for card in self.models():
            try:
                outcomes += self.calibrating.calibrate_by_clock(card.name, objective=objective)
            except NodeError as error:
                _LOG.error("not calibrated model=%s reason=%r", card.name, str(error))
        return tuple(outcomes)

    def watch_all(self) -> tuple[DeviceDrift, ...]:
        """Measure every model on every device, alert, and suspend below the floor.

        The calibration of a device whose scores or images have shifted is opened again.
        """
        found = tuple(drift for card in self.models() for drift in self.watch.check(card.identity))
        for drift in found:
            if drift.shifts:
                self.calibrating.open_again(
                    drift.device_id,
                    drift.model,
                    why="; ".join(drift.shifts),
                    settles=self.watch.settles,
                )
        with self._lock:
            self._measured = found
        return found


def drift_rules(settings: DriftSettings) -> DriftRules:
    """Return the rules that the settings give."""
    return DriftRules(
        recent_days=settings.recent_days,
        reference_days=settings.reference_days,
        alert_psi=settings.alert_psi,
        alert_p_value=settings.alert_p_value,
        alert_acceptance=settings.alert_acceptance,
        floor_acceptance=settings.floor_acceptance,
        fewest_verdicts=settings.fewest_verdicts,
    )
