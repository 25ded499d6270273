"""Milliseconds from a DICOM object to a prediction, with the model that the node serves."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from ai_engine.inference.choice import BackendChoice
from ai_engine.inference.openvino_backend import Precision
from ai_engine.kinds.loading import load_predictor
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.preprocessing.radiograph import read_radiograph
from bench.rows import Row
from dicom_node.demo.synthetic import StudyUids, make_radiograph

_CONFIG = Path(__file__).parents[1] / "config"
_ROUNDS = 20


def measure() -> list[Row]:
    """Read, then predict in each precision; conversion and loading are timed once."""
    dataset = make_radiograph(StudyUids.fresh(), datetime.now(UTC)).dataset
    image = read_radiograph(dataset)
    size = "one DX of 2500 × 2048"
    rows = [
        Row(
            name="Pixels to display values",
            value=_median_ms(lambda: read_radiograph(dataset)),
            unit="ms",
            condition=f"{size}, uncompressed, median",
        )
    ]
    versions = read_active_versions(_CONFIG / "models.toml")
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as cache:
        for precision in Precision:
            started = time.perf_counter()
            predictor = load_predictor(
                ModelRegistry(),
                versions,
                CHEST_MODEL,
                cache=Path(cache),
                choice=BackendChoice(precision=precision),
            )
            loading = time.perf_counter() - started
            rows += [
                Row(
                    name=f"Loading the models, {precision.value}",
                    value=loading,
                    unit="s",
                    condition="first: converts them too" if len(rows) == 1 else "converted before",
                ),
                Row(
                    name=f"Guard, prediction and heat maps, {precision.value}",
                    value=_median_ms(partial(predictor.predict, [image])),
                    unit="ms",
                    condition=f"{size}, all cores, median",
                ),
            ]
    return rows


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000
