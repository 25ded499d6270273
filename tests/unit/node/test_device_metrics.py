"""Drift and suspensions as Prometheus reads them."""

from prometheus_client import CollectorRegistry, generate_latest

from ai_engine.drift.agreement import rate
from ai_engine.drift.shift import Shift
from dicom_node.domain.observation import Suspension
from dicom_node.node.device_metrics import DriftCollector
from dicom_node.workflow.devices.drift import DeviceDrift
from tests.unit.builders import EPOCH
from tests.unit.validated import CARD

SHIFT = Shift(psi=0.5, ks=0.2, p_value=0.001, reference=90, recent=30)


def a_drift() -> DeviceDrift:
    return DeviceDrift(
        device_id="cr1",
        model=CARD.identity,
        measured_at=EPOCH,
        scores={"Pneumonia": SHIFT},
        quality={"exposure": SHIFT, "noise": None},
        acceptance=rate(9, 10),
        for_floor=None,
        labels=(),
        periods=(),
        suspension=None,
        alerts=("score of Pneumonia has shifted",),
    )


def test_every_device_has_its_gauges_and_what_is_unknown_has_none() -> None:
    registry = CollectorRegistry()
    suspension = Suspension(
        device_id="cr2", model_name=CARD.name, at=EPOCH, actor="drift job", reason="rejected"
    )
    registry.register(
        DriftCollector(measured=lambda: (a_drift(),), suspensions=lambda: (suspension,))
    )
    device = f'device="cr1",model="{CARD.name}"'
    lines = generate_latest(registry).decode().splitlines()
    wanted = (
        f'dicom_node_device_score_psi{{device="cr1",label="Pneumonia",model="{CARD.name}"}} 0.5',
        f'dicom_node_device_image_psi{{device="cr1",figure="exposure",model="{CARD.name}"}} 0.5',
        f"dicom_node_device_acceptance{{{device}}} 0.9",
        f"dicom_node_device_alerts{{{device}}} 1.0",
        f'dicom_node_model_suspended{{device="cr2",model="{CARD.name}"}} 1.0',
    )
    for line in wanted:
        assert line in lines
    assert not any('figure="noise"' in line for line in lines)
