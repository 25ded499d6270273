"""The lungs on a frontal radiograph: paper 3, section 3.1."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.inference.backend import Backend
from ai_engine.inference.views import model_batch, model_view
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity, Region
from ai_engine.preprocessing.geometry import FloatImage, Mask
from ai_engine.preprocessing.planes import map_on_source
from ai_engine.preprocessing.radiograph import Radiograph

MASK_THRESHOLD = 0.5
"""From which probability on a pixel belongs to a lung."""

SMALLEST_LUNG = 0.01
"""Areas below this part of the image are specks."""

COARSE_SIDE = 1024
"""Pixels of the longer side that are enough to tell where something lies: four for one that the
network saw."""


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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LungOutline:
    """What a network says of the lungs on one image, before anybody asks on which grid.

    ``probabilities`` are the network's, float32 (size, size), over ``region`` of an image of
    ``shape`` (rows, columns); from ``threshold`` on a pixel belongs to a lung.
    """

    model: ModelIdentity
    probabilities: FloatImage
    region: Region
    shape: tuple[int, int]
    threshold: float

    def fields(self) -> LungFields:
        """Both lungs on the image's own grid, without holes and specks."""
        return self._fields(self.shape)

    def coarse(self) -> LungFields:
        """The same on a grid of at most `COARSE_SIDE` pixels for the longer side.

        The network saw fewer, so of a large image only the borders are coarser; images that are not
        large have the same masks.
        """
        scale = min(COARSE_SIDE / max(self.shape), 1.0)
        rows, columns = (max(round(side * scale), 1) for side in self.shape)
        return self._fields((rows, columns))

    def _fields(self, shape: tuple[int, int]) -> LungFields:
        down, across = (on / of for on, of in zip(shape, self.shape, strict=True))
        region = Region(
            left=self.region.left * across,
            top=self.region.top * down,
            right=self.region.right * across,
            bottom=self.region.bottom * down,
        )
        shown = map_on_source(self.probabilities, region, shape)
        image_left, image_right = separate(shown >= self.threshold)
        return LungFields(model=self.model, image_left=image_left, image_right=image_right)


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
        seen = self.outline(radiograph)
        return map_on_source(seen.probabilities, seen.region, seen.shape)

    def segment(self, radiograph: Radiograph) -> LungFields:
        """Outline both lungs of a frontal radiograph, without holes and specks."""
        return self.outline(radiograph).fields()

    def outline(self, radiograph: Radiograph) -> LungOutline:
        """Look at a frontal radiograph; the masks are made when somebody asks for them."""
        view = model_view(self._card, radiograph)
        batch = model_batch(self._card, view.values[..., np.newaxis])
        found = self._backend.predict(batch).probabilities[..., 0]
        found[1:] = found[1:, :, ::-1]  # the mirror image's, where the card wants both
        return LungOutline(
            model=self._card.identity,
            probabilities=found.mean(axis=0, dtype=np.float32),
            region=view.region,
            shape=(radiograph.rows, radiograph.columns),
            threshold=self._card.labels[0].threshold,
        )


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
    return np.flatnonzero(area.any(axis=0))


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
