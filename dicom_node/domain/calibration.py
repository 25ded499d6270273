"""Calibrations as the node keeps them: numbered, never changed, one of them in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ai_engine.calibration.device import EVERY_DEVICE, DeviceCalibration
from dicom_node.domain.device import FAMILY

NO_VERSION = 0
"""The number that stands for no calibration of a device's own."""

SCHEDULE = "schedule"
"""Who made a calibration that nobody asked for by hand."""

DRIFT = "drift"
"""Who opens a calibration again because its device has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationVersion:
    """A calibration with its number, counted from 1 for each device and each model's weights."""

    number: int
    calibration: DeviceCalibration
    made_by: str

    @property
    def name(self) -> str:
        """What every report that used it states: id, date, version and whose it is."""
        return f"{self.calibration.title}, version {self.number} of {self.whose}"

    @property
    def whose(self) -> str:
        """Whose validated cases it was made from."""
        if self.calibration.device == EVERY_DEVICE:
            return "all devices"
        of_model = self.calibration.device.startswith(FAMILY)
        return "the devices of this model" if of_model else "this device"


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


def gone_back(history: Sequence[CalibrationUse]) -> CalibrationUse | None:
    """Return the last line of a device's history if by it somebody went back, or None."""
    by_people = [each for each in history if each.actor != DRIFT]
    if not by_people:
        return None
    *earlier, last = by_people
    known = {NO_VERSION, *(each.number for each in earlier)}
    return last if last.number in known else None


def opened_again(history: Sequence[CalibrationUse]) -> datetime | None:
    """Return from when on a device's cases count, because it has changed; None: all of them do."""
    return max((each.at for each in history if each.actor == DRIFT), default=None)


def number_before(history: Sequence[CalibrationUse]) -> int:
    """Return which version going back leads to: one that was taken back itself is passed over."""
    line: list[int] = []
    for use in history:
        if use.number == NO_VERSION:
            line.clear()
        elif use.number in line:
            del line[line.index(use.number) + 1 :]
        else:
            line.append(use.number)
    return line[-2] if len(line) > 1 else NO_VERSION
