"""Tiny pairs in the layout of dual energy sets: a soft gradient, and bright ribs over it."""

from pathlib import Path

import cv2
import numpy as np

SIDE = 80


def write_pairs(folder: Path, *, layout: str = "bones", patients: int = 20) -> Path:
    """Write them; ``layout`` is ``bones`` or ``suppressed``."""
    for name in ("radiographs", layout):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(4)
    for patient in range(patients):
        soft = np.linspace(0.1, 0.6, SIDE)[None] * np.ones((SIDE, 1))
        soft = soft + rng.uniform(0, 0.02, soft.shape)
        bones = np.zeros((SIDE, SIDE))
        start = int(rng.integers(8, 14))
        bones[start::16] = bones[start + 1 :: 16] = 0.2
        files = {"radiographs": soft + bones, "bones": bones, "suppressed": soft}
        for name in ("radiographs", layout):
            image = np.rint(np.clip(files[name], 0, 1) * 255).astype(np.uint8)
            cv2.imwrite(str(folder / name / f"p{patient:02d}_1.png"), image)
    return folder
