"""What the guard lets pass, and what it catches of chests that are turned or inverted."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.evaluating import Evaluation
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.guard.objects import judge_objects, objects_table, write_objects
from ai_engine.kinds.guarding import passes
from ai_engine.library.card import Metric
from ai_engine.measures.metrics import wilson
from ai_engine.measures.report import EvaluationReport
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph

Pixels = npt.NDArray[np.float32]

MISTAKES: dict[Appearance, Callable[[Pixels], Pixels]] = {
    Appearance.QUARTER_TURN: lambda pixels: np.rot90(pixels, 1),
    Appearance.HALF_TURN: lambda pixels: np.rot90(pixels, 2),
    Appearance.THREE_QUARTER_TURN: lambda pixels: np.rot90(pixels, 3),
    Appearance.INVERTED: lambda pixels: 1 - pixels,
}


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure what a guard lets pass of a split, and ask it about DICOM objects where some are.

    Raises
    ------
    ModelFolderError, BackendError, DatasetError
        If the model or the data can't be used as they are.
    """
    guard = ChestGuard(asked.card, asked.backend)
    items = asked.dataset.part(asked.split)
    report = EvaluationReport(
        model=asked.card.identity.key,
        split=asked.split.value,
        images=len(items),
        patients=len({item.patient_id for item in items}),
        metrics=guard_metrics(guard, asked.dataset, asked.split),
    )
    if asked.objects is not None:
        verdicts = judge_objects(guard, asked.objects)
        write_objects(verdicts, asked.out / "objects.json")
        asked.say(objects_table(verdicts))
    return report


def guard_metrics(guard: ChestGuard, dataset: CxrDataset, split: Split) -> tuple[Metric, ...]:
    """Share of a split's images that pass, and of their spoiled copies that don't."""
    radiographs = [as_radiograph(dataset, item) for item in dataset.part(split)]
    passed = sum(passes(guard, radiograph) for radiograph in radiographs)
    found = [_metric("accepted", Appearance.FRONTAL, split, passed, len(radiographs))]
    for kind, mistake in MISTAKES.items():
        caught = sum(not passes(guard, _changed(radiograph, mistake)) for radiograph in radiographs)
        found.append(_metric("refused", kind, split, caught, len(radiographs)))
    return tuple(found)


def _changed(radiograph: Radiograph, mistake: Callable[[Pixels], Pixels]) -> Radiograph:
    pixels = np.ascontiguousarray(mistake(radiograph.pixels))
    return Radiograph(
        sop_instance_uid=radiograph.sop_instance_uid,
        pixels=pixels,
        content=content_region(pixels),
    )


def _metric(name: str, kind: Appearance, split: Split, hits: int, count: int) -> Metric:
    interval = wilson(hits, count)
    return interval.as_metric(name, label=kind.name, split=split.value, images=count)
