"""Calibrations as the node keeps them: numbered, never changed, one of them in use."""

from dataclasses import dataclass
from datetime import datetime

from ai_engine.calibration.device import EVERY_DEVICE, DeviceCalibration


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationVersion:
    """A calibration with its number, counted from 1 for each device and each model's weights."""

    number: int
    calibration: DeviceCalibration
    made_by: str

    @property
    def name(self) -> str:
        """What every report that used it states: id, date, version and whose it is."""
        whose = "all devices" if self.calibration.device == EVERY_DEVICE else "this device"
        return f"{self.calibration.title}, version {self.number} of {whose}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationUse:
    """One line of history: from ``at`` on a device used version ``number`` of a model.

    ``number`` 0 stands for none: what is used is the calibration of all devices, or the model's
    own thresholds.
    """

    device_id: str
    model_name: str
    weights_digest: str
    number: int
    at: datetime
    actor: str
    why: str
