"""Drift and suspensions as gauges for Prometheus; devices go by their identifiers."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dicom_node.domain.observation import Suspension
from dicom_node.workflow.devices.drift import DeviceDrift

_DEVICE = ["device", "model"]


class DriftCollector(Collector):
    """What the last run of the drift job found, and which suspensions are in force now."""

    def __init__(
        self,
        *,
        measured: Callable[[], Sequence[DeviceDrift]],
        suspensions: Callable[[], Sequence[Suspension]],
    ) -> None:
        self._measured = measured
        self._suspensions = suspensions

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges of every device."""
        scores = GaugeMetricFamily(
            "dicom_node_device_score_psi",
            "Population stability index of a label's recent scores.",
            labels=[*_DEVICE, "label"],
        )
        quality = GaugeMetricFamily(
            "dicom_node_device_image_psi",
            "Population stability index of a figure of recent images' quality.",
            labels=[*_DEVICE, "figure"],
        )
        accepted = GaugeMetricFamily(
            "dicom_node_device_acceptance",
            "Share of recent verdicts that accept what the model said.",
            labels=_DEVICE,
        )
        alerts = GaugeMetricFamily(
            "dicom_node_device_alerts", "Alerts of the last drift job.", labels=_DEVICE
        )
        for drift in self._measured():
            device = [drift.device_id, drift.model.name]
            for family, shifts in ((scores, drift.scores), (quality, drift.quality)):
                for name, found in shifts.items():
                    if found is not None:
                        family.add_metric([*device, name], found.psi)
            if drift.acceptance is not None:
                accepted.add_metric(device, drift.acceptance.value)
            alerts.add_metric(device, len(drift.alerts))
        suspended = GaugeMetricFamily(
            "dicom_node_model_suspended", "1 for each suspension in force.", labels=_DEVICE
        )
        for each in self._suspensions():
            suspended.add_metric([each.device_id, each.model_name], 1)
        yield from (scores, quality, accepted, alerts, suspended)
