"""The lungs on a frontal radiograph: paper 3, section 3.1."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.inference.backend import Backend
from ai_engine.inference.views import model_view
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity
from ai_engine.preprocessing.geometry import FloatImage, Mask
from ai_engine.preprocessing.planes import map_on_source
from ai_engine.preprocessing.radiograph import Radiograph

MASK_THRESHOLD = 0.5
"""From which probability on a pixel belongs to a lung."""

SMALLEST_LUNG = 0.01
"""Areas below this part of the image are specks."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LungFields:
    """Both lungs on one image: bool masks (rows, columns), and which model outlined them.

    ``image_left`` is the lung on the image's left side, which in the usual display is the
    patient's right one. Either may be empty.
    """

    model: ModelIdentity
    image_left: Mask
    image_right: Mask

    @property
    def both(self) -> Mask:
        """Both lungs together."""
        return self.image_left | self.image_right


class LungSegmenter:
    """Outlines the lungs. Build it once; it is safe to call from many threads."""

    def __init__(self, card: ModelCard, backend: Backend) -> None:
        self._card = card
        self._backend = backend

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    def probabilities(self, radiograph: Radiograph) -> FloatImage:
        """How probable each pixel shows a lung: float32 (rows, columns), 0 to 1."""
        view = model_view(self._card, radiograph)
        pair = np.stack([view.values, view.values[:, ::-1]])[..., np.newaxis]
        shown, mirrored = self._backend.predict(pair).probabilities[..., 0]
        mean = np.asarray((shown + mirrored[:, ::-1]) / 2, dtype=np.float32)
        return map_on_source(mean, view.region, (radiograph.rows, radiograph.columns))

    def segment(self, radiograph: Radiograph) -> LungFields:
        """Outline both lungs of a frontal radiograph, without holes and specks."""
        threshold = self._card.labels[0].threshold
        image_left, image_right = separate(self.probabilities(radiograph) >= threshold)
        return LungFields(model=self._card.identity, image_left=image_left, image_right=image_right)


def separate(lungs: Mask) -> tuple[Mask, Mask]:
    """The lung on the image's left and on its right: bool (rows, columns) each, holes filled.

    The two largest areas are the lungs; where they touch, or only one is seen, the narrowest
    column near the middle of what is seen decides.
    """
    areas = _areas(lungs)
    if not areas:
        return np.zeros_like(lungs), np.zeros_like(lungs)
    if len(areas) == 2:
        first, second = sorted(areas, key=_center)
        if _center(first) < lungs.shape[1] / 2 < _center(second):
            return first, second
    both = np.logical_or.reduce(areas)
    if len(areas) == 1 and not _spans_middle(both):
        return _on_its_side(both)
    column = _narrowest_column(both)
    image_left, image_right = both.copy(), both.copy()
    image_left[:, column:] = False
    image_right[:, :column] = False
    return image_left, image_right


def _areas(lungs: Mask) -> list[Mask]:
    """The two largest connected areas, holes filled, as far as they are no specks."""
    seen = np.ascontiguousarray(lungs).view(np.uint8)
    contours, _ = cv2.findContours(seen, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:2]:
        area = np.zeros(lungs.shape, dtype=np.uint8)
        cv2.drawContours(area, [contour], 0, color=1, thickness=cv2.FILLED)
        if cv2.countNonZero(area) >= SMALLEST_LUNG * area.size:
            found.append(area.view(np.bool_))
    return found


def _center(area: Mask) -> float:
    return float(_columns(area).mean())


def _columns(area: Mask) -> npt.NDArray[np.intp]:
    """The columns in which an area has a pixel."""
    return np.flatnonzero(cv2.reduce(area.view(np.uint8), 0, cv2.REDUCE_MAX))


def _spans_middle(area: Mask) -> bool:
    """Whether an area reaches far to both sides of the image's middle: two lungs that touch."""
    columns = _columns(area)
    middle = area.shape[1] / 2
    reach = 0.15 * area.shape[1]
    return bool(columns[0] < middle - reach and columns[-1] > middle + reach)


def _on_its_side(area: Mask) -> tuple[Mask, Mask]:
    nothing = np.zeros_like(area)
    return (area, nothing) if _center(area) < area.shape[1] / 2 else (nothing, area)


def _narrowest_column(both: Mask) -> int:
    heights: npt.NDArray[np.intp] = both.sum(axis=0)
    columns = np.flatnonzero(heights)
    first, last = int(columns[0]), int(columns[-1])
    low, high = (round(first + (last - first) * share) for share in (0.35, 0.65))
    return low + int(np.argmin(heights[low : high + 1]))
