"""Calibrations are numbered, put in use, taken back, and never lost."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ai_engine.calibration.device import EVERY_DEVICE, DeviceCalibration
from ai_engine.calibration.objective import Objective
from dicom_node.errors import NotFoundError
from dicom_node.persistence.devices.calibrations import CalibrationStore
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from tests.unit.builders import EPOCH


def a_calibration(device: str = "cr1", hours: int = 0) -> DeviceCalibration:
    return DeviceCalibration(
        device=device,
        model_name=FAKE_MODEL.name,
        model_version=FAKE_MODEL.version,
        weights_digest=FAKE_MODEL.weights_digest,
        made_at=EPOCH + timedelta(hours=hours),
        objective=Objective(),
        parent="",
        labels=(),
    )


@pytest.fixture
def store(engine: sa.Engine) -> CalibrationStore:
    return CalibrationStore(engine)


def test_a_device_without_one_uses_that_of_all_devices_or_none(store: CalibrationStore) -> None:
    assert store.in_use("cr1", FAKE_MODEL) is None
    everywhere = store.add(a_calibration(EVERY_DEVICE), FAKE_MODEL, actor="t")
    assert store.in_use("cr1", FAKE_MODEL) == everywhere
    assert everywhere.name.endswith("version 1 of all devices")
    own = store.add(a_calibration("cr1", 1), FAKE_MODEL, actor="t")
    assert store.in_use("cr1", FAKE_MODEL) == own
    assert store.in_use("cr2", FAKE_MODEL) == everywhere


def test_versions_count_up_and_the_newest_is_used(store: CalibrationStore) -> None:
    made = [store.add(a_calibration(hours=hour), FAKE_MODEL, actor="t") for hour in range(3)]
    assert [each.number for each in made] == [1, 2, 3]
    assert store.versions("cr1", FAKE_MODEL) == tuple(made)
    assert store.own("cr1", FAKE_MODEL) == made[2]
    assert store.devices(FAKE_MODEL) == ("cr1",)


def test_going_back_is_history_too_and_ends_at_the_models_own(store: CalibrationStore) -> None:
    for hour in range(2):
        store.add(a_calibration(hours=hour), FAKE_MODEL, actor="t")
    back = {"at": EPOCH + timedelta(days=1), "actor": "ann", "why": "too strict"}
    first = store.roll_back("cr1", FAKE_MODEL, **back)
    assert first is not None
    assert first.number == 1
    assert store.roll_back("cr1", FAKE_MODEL, **back) is None
    assert store.in_use("cr1", FAKE_MODEL) is None
    with pytest.raises(NotFoundError, match="nothing to go back from"):
        store.roll_back("cr1", FAKE_MODEL, **back)
    again = store.roll_back("cr1", FAKE_MODEL, **back, number=2)
    assert again is not None
    assert again.number == 2
    uses = store.history("cr1", FAKE_MODEL)
    assert [each.number for each in uses] == [1, 2, 1, 0, 2]
    assert uses[-1].actor == "ann"
    assert uses[-1].why == "too strict"


def test_going_back_again_passes_over_what_was_taken_back(store: CalibrationStore) -> None:
    back = {"at": EPOCH + timedelta(days=1), "actor": "ann", "why": "too strict"}
    for hour in range(2):
        store.add(a_calibration(hours=hour), FAKE_MODEL, actor="t")
    store.roll_back("cr1", FAKE_MODEL, **back)
    store.add(a_calibration(hours=2), FAKE_MODEL, actor="t")
    found = store.roll_back("cr1", FAKE_MODEL, **back)
    assert found is not None
    assert found.number == 1
    assert store.roll_back("cr1", FAKE_MODEL, **back) is None
    for number in (2, 3):
        store.roll_back("cr1", FAKE_MODEL, **back, number=number)
    found = store.roll_back("cr1", FAKE_MODEL, **back)
    assert found is not None
    assert found.number == 2


def test_a_version_that_there_never_was_cannot_be_used(store: CalibrationStore) -> None:
    store.add(a_calibration(), FAKE_MODEL, actor="t")
    with pytest.raises(NotFoundError, match="no calibration version 7"):
        store.roll_back("cr1", FAKE_MODEL, at=EPOCH, actor="t", why="w", number=7)
    found = store.own("cr1", FAKE_MODEL)
    assert found is not None
    assert found.number == 1
