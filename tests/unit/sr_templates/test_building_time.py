"""Report and overlay of one radiograph are made, and compressed, within 150 ms of one core."""

import time

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless

from ai_engine.prediction import Prediction
from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays
from tests.unit.sr_templates.builders import (
    a_context,
    a_finding,
    a_heat_map,
    a_negative,
    a_prediction,
    a_source,
    an_image,
    some_pixels,
)

pytestmark = pytest.mark.slow

ROWS, COLUMNS = 2500, 2048
BUDGET = 0.150


def test_report_and_overlay_of_a_full_size_radiograph_are_made_in_time() -> None:
    source, pixels = a_source(Rows=ROWS, Columns=COLUMNS), some_pixels(ROWS, COLUMNS)
    heat_map = a_heat_map(rows=ROWS, columns=COLUMNS)
    prediction = a_prediction(an_image(a_finding(heat_map=heat_map), a_negative()))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        # The best of several: other programs of the machine are not what is measured.
        seconds = min(_built(prediction, source, pixels) for _ in range(5))
    finally:
        cv2.setNumThreads(threads)
    assert seconds < BUDGET, f"{1000 * seconds:.0f} ms of processor time"


def _built(prediction: Prediction, source: Dataset, pixels: npt.NDArray[np.float32]) -> float:
    begun = time.process_time()
    build_measurement_report(prediction, [source], a_context())
    (overlay,) = build_overlays(prediction, source, pixels, a_context())
    overlay.compress(JPEGLSLossless, generate_instance_uid=False)
    return time.process_time() - begun
