"""What the guard lets pass, and what it catches of chests that are turned or inverted."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.errors import ImageRefusedError
from ai_engine.kinds.classifier.scoring import as_radiograph
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.library.card import Metric
from ai_engine.measures.metrics import Interval
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph

Pixels = npt.NDArray[np.float32]

MISTAKES: dict[Appearance, Callable[[Pixels], Pixels]] = {
    Appearance.QUARTER_TURN: lambda pixels: np.rot90(pixels, 1),
    Appearance.HALF_TURN: lambda pixels: np.rot90(pixels, 2),
    Appearance.THREE_QUARTER_TURN: lambda pixels: np.rot90(pixels, 3),
    Appearance.INVERTED: lambda pixels: 1 - pixels,
}


def passes(guard: ChestGuard, radiograph: Radiograph) -> bool:
    """Whether the guard lets an image pass."""
    try:
        guard.check(radiograph)
    except ImageRefusedError:
        return False
    return True


def guard_metrics(guard: ChestGuard, dataset: CxrDataset, split: Split) -> tuple[Metric, ...]:
    """Share of a split's images that pass, and of their spoiled copies that don't."""
    radiographs = [as_radiograph(dataset, item) for item in dataset.part(split)]
    passed = sum(passes(guard, radiograph) for radiograph in radiographs)
    found = [_metric("accepted", Appearance.FRONTAL, split, passed, len(radiographs))]
    for kind, mistake in MISTAKES.items():
        caught = sum(not passes(guard, _changed(radiograph, mistake)) for radiograph in radiographs)
        found.append(_metric("refused", kind, split, caught, len(radiographs)))
    return tuple(found)


def wilson(hits: int, count: int) -> Interval:
    """A share with its 95 % interval (Wilson, 1927), which holds near 0 and 1 too."""
    z = 1.96
    share = hits / count
    center = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    spread = np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) * z / (1 + z**2 / count)
    return Interval(value=share, low=float(center - spread), high=float(center + spread))


def _changed(radiograph: Radiograph, mistake: Callable[[Pixels], Pixels]) -> Radiograph:
    pixels = np.ascontiguousarray(mistake(radiograph.pixels))
    return Radiograph(
        sop_instance_uid=radiograph.sop_instance_uid,
        pixels=pixels,
        content=content_region(pixels),
    )


def _metric(name: str, kind: Appearance, split: Split, hits: int, count: int) -> Metric:
    interval = wilson(hits, count)
    return Metric(
        name=name,
        label=kind.name,
        split=split.value,
        group="all",
        images=count,
        value=round(interval.value, 4),
        low=round(interval.low, 4),
        high=round(interval.high, 4),
    )
