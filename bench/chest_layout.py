"""Whether crops and mirrored chests are noticed, and how often whole ones are taken for such.

    python -m bench.chest_layout --data ../shared/data/cxr --split test
    python -m bench.chest_layout --data ../shared/data/cxr --split train --every 3 --fit

``--fit`` writes ``ai_engine/kinds/usual_layout.toml``: ridge regression of 1 on what differs
between the halves of the lungs' box, of training images only.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.lungs.segmenter import LungSegmenter
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.shipped import LUNG_MODEL
from ai_engine.kinds.wholeness import MIRRORED, asymmetry, cut_off, heart_agreement, on_grid
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.preprocessing.geometry import FloatImage, content_region
from ai_engine.preprocessing.radiograph import Radiograph

WEIGHTS = Path("ai_engine/kinds/usual_layout.toml")
STIFFNESS = 100.0
VARIANTS: Mapping[str, Callable[[FloatImage], FloatImage]] = {
    "whole": lambda image: image,
    "centre quarter": lambda image: image[
        len(image) // 4 : -(len(image) // 4), image.shape[1] // 4 : -(image.shape[1] // 4)
    ],
    "upper 55 %": lambda image: image[: int(0.55 * len(image))],
    "left half": lambda image: image[:, : image.shape[1] // 2],
    "mirrored": lambda image: image[:, ::-1],
}


def radiograph(pixels: FloatImage) -> Radiograph:
    """An image's pixels as a radiograph of their own."""
    whole = np.ascontiguousarray(pixels)
    return Radiograph(sop_instance_uid="1", pixels=whole, content=content_region(whole))


def judged(segmenter: LungSegmenter, pixels: FloatImage) -> tuple[bool, bool, np.ndarray]:
    """Whether an image is said to be cut off, or mirrored; and its asymmetry."""
    fields = segmenter.segment(radiograph(pixels))
    left, right = on_grid(fields.image_left), on_grid(fields.image_right)
    if not (left | right).any():
        return True, False, np.zeros((16, 8))
    is_cut = bool(cut_off(left, right))
    is_mirrored = WEIGHTS.exists() and heart_agreement(left | right, pixels) < MIRRORED
    return is_cut, is_mirrored and not is_cut, asymmetry(left | right, pixels)


def fitted(rows: np.ndarray) -> np.ndarray:
    """The weights whose sum over each row of asymmetries comes nearest to 1."""
    spread = rows.T @ rows + STIFFNESS * np.eye(rows.shape[1])
    return np.asarray(np.linalg.solve(spread, rows.sum(axis=0)))


def main() -> None:
    """Measure and print; with ``--fit`` write the weights."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--split", default="test")
    asked.add_argument("--every", type=int, default=1)
    asked.add_argument("--fit", action="store_true")
    chosen = asked.parse_args()
    cv2.setNumThreads(1)
    registry = ModelRegistry()
    card = registry.active(read_active_versions(Path("config/models.toml")), LUNG_MODEL)
    loading = Loading(card=card, registry=registry, cache=Path("data/cache"), threads=1)
    segmenter: LungSegmenter = part(card, Part.OUTLINES)(loading)
    dataset = read_cxr(chosen.data)
    images = [
        np.asarray(dataset.image(item) / 255, dtype=np.float32)
        for item in dataset.part(Split(chosen.split))[:: chosen.every]
    ]
    if chosen.fit:
        rows = [judged(segmenter, image)[2].ravel() for image in images]
        weights = fitted(np.array([row for row in rows if row.any()]))
        lines = ", ".join(f"{value:.5f}" for value in weights)
        WEIGHTS.write_text(f"weights = [{lines}]\n", encoding="utf-8")
        return
    for name, change in VARIANTS.items():
        found = np.array([judged(segmenter, change(image))[:2] for image in images])
        print(f"{name}: {len(found)} images, said to be cut off {found[:, 0].mean():.3f}, ", end="")
        print(f"the heart on the other side {found[:, 1].mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
