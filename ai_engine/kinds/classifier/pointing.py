"""Does a heat map point at what radiologists drew a box around?

Two measures: the pointing game (Zhang et al., 2018), whether the map's peak lies in a box, and the
boxes that are hit (Wang et al., ChestX-ray8, CVPR 2017, section 4.2), for which the map is cut into
boxes of its own.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.measures.scored import PointingResult
from ai_engine.prediction import HeatMap, Region

MARKED = 0.5
"""From which part of its peak on a map marks something."""

OVERLAP = 0.25
"""Which part of a marked box must lie in a drawn one (ChestX-ray8's IoBB)."""


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
    hits, chance, boxes_hit = 0, 0.0, 0
    for box in {box.file: box for box in chosen}.values():
        radiograph = as_radiograph(dataset, box)
        shown = predictor.heat_maps(radiograph)[0]
        x, y = peak(shown)
        regions = first[box.file]
        hits += any(
            region.left <= x < region.right and region.top <= y < region.bottom
            for region in regions
        )
        boxes_hit += sum(is_hit(region, marked_boxes(shown)) for region in regions)
        area = sum((part.right - part.left) * (part.bottom - part.top) for part in regions)
        chance += min(area / radiograph.pixels.size, 1.0)
    return PointingResult(
        boxes=len(first),
        hits=hits,
        expected_by_chance=chance,
        boxes_drawn=len(chosen),
        boxes_hit=boxes_hit,
    )


def marked_boxes(shown: HeatMap) -> list[Region]:
    """The boxes around each connected area of a map that reaches half of its peak."""
    rows, columns = shown.values.shape
    marked = (shown.values >= MARKED) & (shown.values > 0)
    _, _, stats, _ = cv2.connectedComponentsWithStats(marked.astype(np.uint8))
    region = shown.region
    width = (region.right - region.left) / columns
    height = (region.bottom - region.top) / rows
    return [
        Region(
            left=region.left + left * width,
            top=region.top + top * height,
            right=region.left + (left + across) * width,
            bottom=region.top + (top + down) * height,
        )
        for left, top, across, down, _ in stats[1:].tolist()
    ]


def is_hit(drawn: Region, marked: Sequence[Region]) -> bool:
    """Whether a quarter of one of the marked boxes lies in a drawn one."""
    for one in marked:
        width = min(drawn.right, one.right) - max(drawn.left, one.left)
        height = min(drawn.bottom, one.bottom) - max(drawn.top, one.top)
        area = (one.right - one.left) * (one.bottom - one.top)
        if min(width, height) > 0 and width * height >= OVERLAP * area:
            return True
    return False
