"""Milliseconds to build the report and an overlay of one 2500 by 2048 radiograph."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import cv2
import numpy as np
from pydicom import Dataset

from bench.rows import Row
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.instance import InstanceHeader, ReceivedInstance
from dicom_node.workflow.testing.fakes import FAKE_MODEL, FakeModels
from sr_templates.context import EvidenceContext
from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays
from sr_templates.validation import problems

_ROUNDS = 20


def measure() -> list[Row]:
    """Build report and overlay again and again on one core."""
    cv2.setNumThreads(1)
    source = make_radiograph(StudyUids.fresh(), datetime.now(UTC)).dataset
    pixels = (source.pixel_array / source.pixel_array.max()).astype(np.float32)
    prediction = FakeModels().predict(FAKE_MODEL, [_received(source)])
    context = EvidenceContext(
        manufacturer="bench",
        model_name="bench",
        software_version="1",
        device_serial_number="1",
        content_datetime=datetime.now(UTC),
    )
    report = _median_ms(lambda: build_measurement_report(prediction, [source], context))
    overlay = _median_ms(lambda: build_overlays(prediction, source, pixels, context))
    made = build_measurement_report(prediction, [source], context)
    gate = _median_ms(lambda: problems(made))
    condition = "one DX of 2500 × 2048, one positive finding, one core, median"
    return [
        Row(name="Building the SR", value=report, unit="ms", condition=condition),
        Row(name="Building the SC", value=overlay, unit="ms", condition=condition),
        Row(name="Building SR and SC", value=report + overlay, unit="ms", condition=condition),
        Row(name="Gate on the SR", value=gate, unit="ms", condition=condition),
    ]


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000


def _received(source: Dataset) -> ReceivedInstance:
    return ReceivedInstance(
        sop_class_uid=source.SOPClassUID,
        sop_instance_uid=source.SOPInstanceUID,
        study_instance_uid=source.StudyInstanceUID,
        series_instance_uid=source.SeriesInstanceUID,
        transfer_syntax_uid="",
        calling_ae="BENCH",
        called_ae="AINODE",
        path="",
        digest="",
        size=0,
        received_at=datetime.now(UTC),
        conflict=False,
        header=InstanceHeader(rows=source.Rows, columns=source.Columns),
    )
