"""Each image is decided by the calibration of the device that it came from."""

from dataclasses import replace

import sqlalchemy as sa

from ai_engine.calibration.device import EVERY_DEVICE, DeviceCalibration, LabelCalibration, Source
from ai_engine.calibration.objective import Objective
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.kinds.testing import fake_predictor
from ai_engine.prediction import ModelIdentity
from dicom_node.domain.calibration import CalibrationVersion
from dicom_node.domain.device import device_of
from dicom_node.models.calibrations import calibrations_of
from dicom_node.persistence.devices.calibrations import CalibrationStore
from tests.unit.ai_engine.test_chest_predictor import radiograph
from tests.unit.builders import EPOCH, an_instance

OURS, THEIRS = an_instance("1.1"), an_instance("1.2", calling_ae="CR2")


class OneDevice:
    """A calibration of CR1 alone: pneumonia from 0.95 on."""

    def in_use(
        self, device_id: str, model: ModelIdentity, *, family: str = ""
    ) -> CalibrationVersion | None:
        del model, family
        if device_id != device_of(OURS).device_id:
            return None
        return CalibrationVersion(number=3, calibration=a_calibration(device_id), made_by="t")


def a_calibration(device_id: str) -> DeviceCalibration:
    label = LabelCalibration(
        label="Pneumonia",
        source=Source.DEVICE,
        reason="chosen for f1",
        point=OperatingPoint(score_threshold=0.95),
        cases=40,
        positives=20,
        patients=40,
    )
    return DeviceCalibration(
        device=device_id,
        model_name="chest",
        model_version="1.0.0",
        weights_digest="0" * 64,
        made_at=EPOCH,
        objective=Objective(),
        parent="",
        labels=(label,),
    )


def test_two_devices_in_one_study_are_decided_apart_and_the_report_names_both() -> None:
    predictor = fake_predictor(probability=0.9)
    found = calibrations_of((OURS, THEIRS), predictor.card.identity, OneDevice())
    assert set(found) == {"1.1"}
    prediction = predictor.predict([radiograph("1.1"), radiograph("1.2")], calibrations=found)
    assert [bool(image.positive) for image in prediction.images] == [False, True]
    stated = a_calibration(device_of(OURS).device_id)
    assert prediction.calibration == (
        f"{stated.calibration_id} of 2026-01-01, version 3 of this device; model default"
    )


def test_a_calibration_of_all_devices_says_so() -> None:
    version = CalibrationVersion(number=1, calibration=a_calibration(EVERY_DEVICE), made_by="t")
    assert version.name.endswith("version 1 of all devices")


def test_a_promoted_version_starts_with_its_cards_thresholds_and_reports_say_so(
    engine: sa.Engine,
) -> None:
    store = CalibrationStore(engine)
    champion = fake_predictor(probability=0.9)
    before = champion.card.identity
    for device in (device_of(OURS).device_id, EVERY_DEVICE):
        store.add(a_calibration(device), before, actor="t")
    candidate = replace(before, version="2.1.0", weights_digest="b" * 64)
    assert set(calibrations_of((OURS, THEIRS), before, store)) == {"1.1", "1.2"}
    found = calibrations_of((OURS, THEIRS), candidate, store)
    assert found == {}
    prediction = champion.predict([radiograph("1.1")], calibrations=found)
    assert prediction.calibration == "model default"
    assert prediction.images[0].findings[0].threshold == champion.card.labels[0].threshold
    # Back to the champion: what had been calibrated for it holds again.
    assert set(calibrations_of((OURS, THEIRS), before, store)) == {"1.1", "1.2"}
