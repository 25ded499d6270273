"""Where heat maps point on held-out radiographs, before and after they are kept to the lungs.

    python -m bench.heat_maps --data ../shared/data/cxr --part test

For every positive image of a part: whether the strongest activation, and how many of the outlined
regions, lie outside the lungs (outlined by the lung model and widened by `WIDENED`), and which part
of the activation does. ``--version`` measures another installed version than the active one.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.loading import Loading, load_predictor
from ai_engine.kinds.locating import LungPlaces, located, widened
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.shipped import CHEST_MODEL, LUNG_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.prediction import HeatMap, ImagePrediction
from ai_engine.preprocessing.geometry import Mask
from ai_engine.preprocessing.planes import view_of_mask
from sr_templates.polygons import filled
from sr_templates.regions import outlines, smoothed

CACHE = Path("data/cache")
HALF = 0.5


def peak_is_outside(shown: HeatMap, inside: Mask) -> bool:
    """Whether a map is strongest where no lung is."""
    dense = smoothed(shown)
    row, column = np.unravel_index(int(dense.argmax()), dense.shape)
    region = shown.region
    x = region.left + (column + HALF) / dense.shape[1] * (region.right - region.left)
    y = region.top + (row + HALF) / dense.shape[0] * (region.bottom - region.top)
    rows, columns = inside.shape
    is_on_image = 0 <= x < columns and 0 <= y < rows
    return not (is_on_image and inside[int(y), int(x)])


def share_outside(shown: HeatMap, inside: Mask) -> float:
    """The part of a map's activation that lies where no lung is."""
    dense = smoothed(shown)
    within = view_of_mask(inside, shown.region, len(dense))
    return float(dense[~within].sum() / dense.sum())


def regions_outside(image: ImagePrediction, inside: Mask) -> Iterator[bool]:
    """For each outlined region of the positive findings, whether it lies mostly outside."""
    rows, columns = inside.shape
    for finding in image.positive:
        if finding.heat_map is not None:
            for outline in outlines(finding.heat_map, rows=rows, columns=columns):
                points = outline.points.astype(np.float64)
                mask = filled(points, rows=rows, columns=columns) > 0
                yield float(inside[mask].mean()) < HALF


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--config", type=Path, default=Path("config"))
    asked.add_argument("--part", choices=list(Split), default=Split.TEST.value)
    asked.add_argument("--version", default="")
    chosen = asked.parse_args()
    registry, active = ModelRegistry(), read_active_versions(chosen.config / "models.toml")
    versions = {**active, CHEST_MODEL: chosen.version or active[CHEST_MODEL]}
    predictor = load_predictor(registry, versions, CHEST_MODEL, cache=CACHE, threads=1)
    lung_card = registry.active(versions, LUNG_MODEL)
    loading = Loading(card=lung_card, registry=registry, cache=CACHE, threads=1)
    segmenter = part(lung_card, Part.OUTLINES)(loading)
    dataset = read_cxr(chosen.data)
    counts: Counter[str] = Counter()
    shares: list[float] = []
    cv2.setNumThreads(1)
    for item in dataset.part(Split(chosen.part)):
        shown = as_radiograph(dataset, item)
        for image in predictor.predict([shown]).images:
            if not image.positive:
                continue
            lungs = segmenter.segment(shown).both
            inside = widened(lungs)
            counts["positives"] += 1
            strongest = image.positive[0].heat_map
            if strongest is not None:
                counts["peak outside"] += peak_is_outside(strongest, inside)
                shares.append(share_outside(strongest, inside))
            made = located(image, partial(LungPlaces, lungs))
            counts["with a remark"] += bool(made.remarks)
            for words, judged in (("before", image), ("after", made.image)):
                found = list(regions_outside(judged, inside))
                counts[f"regions {words}"] += len(found)
                counts[f"regions mostly outside {words}"] += sum(found)
                counts[f"images with such a region {words}"] += any(found)
                counts[f"images with any region {words}"] += bool(found)
                counts[f"regions mostly beyond the lungs themselves {words}"] += sum(
                    regions_outside(judged, lungs)
                )
    for words, count in counts.items():
        print(f"{words}: {count}")
    print(f"mean share of the activation outside: {np.mean(shares):.3f}")


if __name__ == "__main__":
    main()
