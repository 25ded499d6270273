"""The pointing game (Zhang et al., 2018): does a heat map's peak lie in the radiologist's box?"""

from dataclasses import dataclass

import numpy as np

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.evaluation.scoring import as_radiograph
from ai_engine.prediction import HeatMap, Region
from ai_engine.predictor import ChestRadiographPredictor


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingResult:
    """How many boxes were hit, and how many a point drawn at random would hit on average."""

    boxes: int
    hits: int
    expected_by_chance: float


def peak(shown: HeatMap) -> tuple[float, float]:
    """Centre (x, y) of the strongest cell, in source pixels."""
    rows, columns = shown.values.shape
    row, column = np.unravel_index(int(np.argmax(shown.values)), shown.values.shape)
    region = shown.region
    x = region.left + (column + 0.5) * (region.right - region.left) / columns
    y = region.top + (row + 0.5) * (region.bottom - region.top) / rows
    return float(x), float(y)


def play_pointing_game(
    predictor: ChestRadiographPredictor, dataset: CxrDataset, files: frozenset[str] | None = None
) -> PointingResult:
    """Point at every box with the first label's map; any box counts, whatever its label.

    The sample's boxes are few and of several labels, and all are abnormalities. ``files`` limits
    the game to some images, as those that the model wasn't trained on.
    """
    first: dict[str, list[Region]] = {}
    chosen = [box for box in dataset.boxes if files is None or box.file in files]
    for box in chosen:
        first.setdefault(box.file, []).append(box.region)
    hits, chance = 0, 0.0
    for box in {box.file: box for box in chosen}.values():
        radiograph = as_radiograph(dataset, box)
        x, y = peak(predictor.heat_maps(radiograph)[0])
        regions = first[box.file]
        hits += any(
            region.left <= x < region.right and region.top <= y < region.bottom
            for region in regions
        )
        area = sum((part.right - part.left) * (part.bottom - part.top) for part in regions)
        chance += min(area / radiograph.pixels.size, 1.0)
    return PointingResult(boxes=len(first), hits=hits, expected_by_chance=chance)
