"""Take the picture of what the default models make of a radiograph that a computer drew.

    .venv/bin/python scripts/model_pictures.py

No patient's image is shown: the radiograph is the demonstration's. The models are those that a
node begins with, and ``bone-suppression``, which a route switches on.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ai_engine.kinds.bones.loading import load_subtractor
from ai_engine.kinds.loading import Loading, load_predictor
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.shipped import CHEST_MODEL, LUNG_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.preprocessing.radiograph import Radiograph, read_radiograph
from dicom_node.demo.synthetic import SAMPLE, StudyUids, make_radiograph
from dicom_node.network.libraries import set_up_dicom_libraries
from sr_templates.overlay import draw_overlay

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "default-models.webp"
CACHE = ROOT / "data" / "cache"
BONES_MODEL, BONES_VERSION = "bone-suppression", "1.0.0"
HEIGHT, GAP = 520, 8
BRIGHTER = 3
"""Times that the bones are drawn as bright as they are taken away."""
_OUTLINE = (64, 200, 255)

Pixels = npt.NDArray[np.uint8]


def main() -> None:
    """Draw the sheet: radiograph, heat map, lungs, bones, and the radiograph without them."""
    set_up_dicom_libraries()
    drawn = make_radiograph(StudyUids.fresh(), datetime.now(UTC), SAMPLE).dataset
    radiograph = read_radiograph(drawn)
    registry = ModelRegistry()
    versions = read_active_versions(ROOT / "config" / "models.toml")
    bones = _bones(radiograph, registry, versions)
    without = np.clip(radiograph.pixels - bones, 0, 1)
    panels = (
        _grey(radiograph.pixels),
        _with_heat_map(radiograph, registry, versions),
        _with_lungs(radiograph, registry, versions),
        _grey(bones * BRIGHTER),
        _grey(without),
    )
    Image.fromarray(_side_by_side(panels)).save(PICTURE, "WEBP", quality=85, method=6)


def _with_heat_map(
    radiograph: Radiograph, registry: ModelRegistry, versions: Mapping[str, str]
) -> Pixels:
    predictor = load_predictor(registry, versions, CHEST_MODEL, cache=CACHE)
    prediction = predictor.predict([radiograph])
    (image,) = prediction.images
    found = next(iter(image.positive), None)
    return draw_overlay(radiograph.pixels, image, found, prediction.model)


def _with_lungs(
    radiograph: Radiograph, registry: ModelRegistry, versions: Mapping[str, str]
) -> Pixels:
    card = registry.active(versions, LUNG_MODEL)
    segment = part(card, Part.OUTLINES)(Loading(card=card, registry=registry, cache=CACHE))
    lungs = segment.segment(radiograph).both
    borders, _ = cv2.findContours(
        lungs.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    shown = _grey(radiograph.pixels).copy()
    width = max(2, round(3 * len(shown) / HEIGHT))
    cv2.drawContours(shown, borders, -1, _OUTLINE, width, lineType=cv2.LINE_AA)
    return shown


def _bones(
    radiograph: Radiograph, registry: ModelRegistry, versions: Mapping[str, str]
) -> npt.NDArray[np.float32]:
    card = registry.active({**versions, BONES_MODEL: BONES_VERSION}, BONES_MODEL)
    draw = load_subtractor(Loading(card=card, registry=registry, cache=CACHE)).draw
    return draw(radiograph).bones(rows=radiograph.rows, columns=radiograph.columns)


def _grey(values: npt.NDArray[np.float32]) -> Pixels:
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return np.repeat(levels[..., np.newaxis], 3, axis=2)


def _side_by_side(panels: tuple[Pixels, ...]) -> Pixels:
    between = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    sheet: list[Pixels] = []
    for panel in panels:
        width = round(panel.shape[1] * HEIGHT / panel.shape[0])
        resized = cv2.resize(panel, (width, HEIGHT), interpolation=cv2.INTER_AREA)
        sheet += [np.asarray(resized, np.uint8), between]
    return np.hstack(sheet[:-1])


if __name__ == "__main__":
    main()
