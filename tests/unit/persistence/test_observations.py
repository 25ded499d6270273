"""Observations and suspensions by device."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ai_engine.prediction import ImageQuality
from dicom_node.domain.observation import Observation, Suspension
from dicom_node.errors import NotFoundError
from dicom_node.persistence.devices.observations import ObservationStore
from tests.unit.builders import EPOCH


def an_observation(job: str, device: str = "cr1", days: int = 0) -> Observation:
    return Observation(
        job_id=job,
        sop_instance_uid=f"1.{job}",
        frame_number=None,
        device_id=device,
        model_name="chest",
        weights_digest="a" * 64,
        observed_at=EPOCH + timedelta(days=days),
        quality=ImageQuality(exposure=0.5, contrast=0.4, noise=0.01, sharpness=0.02),
        scores={"Pneumonia": 0.25},
    )


@pytest.fixture
def store(engine: sa.Engine) -> ObservationStore:
    return ObservationStore(engine)


def test_a_devices_observations_come_back_in_order_of_time(store: ObservationStore) -> None:
    late, early = an_observation("1", days=2), an_observation("2", days=1)
    store.observe([late])
    store.observe([early, an_observation("2", "cr2")])
    store.observe([late])
    found = list(store.observations("cr1", "chest"))
    assert found == [early, late]
    assert list(store.observations("cr1", "chest", since=late.observed_at)) == [late]
    assert list(store.observations("cr1", "chest", until=late.observed_at)) == [early]
    assert store.devices("chest") == ("cr1", "cr2")
    assert [each.job_id for each in store.of_jobs(["1"])] == ["1"]


def test_a_suspension_holds_until_it_is_lifted(store: ObservationStore) -> None:
    suspension = Suspension(
        device_id="cr1", model_name="chest", at=EPOCH, actor="drift job", reason="below the floor"
    )
    store.suspend(suspension)
    assert store.suspension("cr1", "chest") == suspension
    assert store.suspension("cr2", "chest") is None
    assert store.suspensions() == (suspension,)
    assert store.resumed_at("cr1", "chest") is None
    assert store.resume("cr1", "chest", actor="ann", at=EPOCH) == suspension
    assert store.suspensions() == ()
    assert store.resumed_at("cr1", "chest") == EPOCH
    later = EPOCH + timedelta(days=1)
    store.suspend(suspension)
    store.resume("cr1", "chest", actor="ann", at=later)
    assert store.resumed_at("cr1", "chest") == later
    assert store.resumed_at("cr2", "chest") is None
    with pytest.raises(NotFoundError, match="not suspended for device cr1"):
        store.resume("cr1", "chest", actor="ann", at=EPOCH)
