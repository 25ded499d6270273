"""Which calibration decides each image: that of the device it came from."""

from collections.abc import Sequence
from typing import Protocol

from ai_engine.kinds.deciding import Calibration
from ai_engine.prediction import ModelIdentity
from dicom_node.domain.calibration import CalibrationVersion
from dicom_node.domain.device import device_of
from dicom_node.domain.instance import ReceivedInstance


class Calibrations(Protocol):
    """The calibrations in use."""

    def in_use(
        self, device_id: str, model: ModelIdentity, *, family: str = ""
    ) -> CalibrationVersion | None:
        """Return what decides a device's images, or None for the model's own thresholds."""


def calibrations_of(
    instances: Sequence[ReceivedInstance], model: ModelIdentity, calibrations: Calibrations
) -> dict[str, Calibration]:
    """Return the calibration of each instance by its SOP Instance UID.

    Instances of devices without one are left out: the model's own thresholds decide them.
    """
    found: dict[str, Calibration | None] = {}
    for device in {device_of(instance) for instance in instances}:
        version = calibrations.in_use(device.device_id, model, family=device.family_id)
        found[device.device_id] = (
            Calibration(name=version.name, points=version.calibration.points) if version else None
        )
    return {
        instance.sop_instance_uid: calibration
        for instance in instances
        if (calibration := found[device_of(instance).device_id]) is not None
    }
