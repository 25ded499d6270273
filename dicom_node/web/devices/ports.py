"""What the device pages read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity
from dicom_node.domain.calibration import CalibrationUse, CalibrationVersion
from dicom_node.domain.device import Device
from dicom_node.workflow.devices.calibrate import Calibrating
from dicom_node.workflow.devices.drift import DriftWatch


class CalibrationBook(Protocol):
    """The calibrations of devices, to be read."""

    def own(self, device_id: str, model: ModelIdentity) -> CalibrationVersion | None:
        """Return the version that a device itself uses, or None."""

    def in_use(
        self, device_id: str, model: ModelIdentity, *, family: str = ""
    ) -> CalibrationVersion | None:
        """Return what decides a device's images, or None for the model's own thresholds."""

    def history(self, device_id: str, model: ModelIdentity) -> tuple[CalibrationUse, ...]:
        """Return which version was in use from when on, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDesk:
    """Everything that the device pages need.

    ``cards`` gives the active models that have probabilities; ``devices`` the devices with
    validated cases; ``watched`` those whose images a model has seen; ``floor`` the acceptance below
    which a model is suspended.
    """

    cards: Callable[[], tuple[ModelCard, ...]]
    devices: Callable[[], Mapping[str, Device]]
    watched: Callable[[str], tuple[str, ...]]
    book: CalibrationBook
    calibrating: Calibrating
    watch: DriftWatch
    floor: float
