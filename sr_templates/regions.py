"""Where on the image a finding is: a detector's boxes, or the heat map's strongest areas."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Finding, FoundBox, HeatMap

# The share of the strongest activation above which the map counts as "here".
LEVEL = 0.5
# A further area is reported when it holds at least this share of the largest area's activation.
MINOR_SHARE = 0.5
MAX_REGIONS = 3
# Feature grids are coarse (12 by 12 cells on 384 pixels); this many samples a cell draw a smooth
# outline without inventing detail.
SAMPLES_PER_CELL = 16
# How far, in samples, a polygon's edge may be from the smooth outline it stands for.
TOLERANCE = 0.25


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outline:
    """A closed polygon in a source image's pixel coordinates, (x, y) by row, first equals last.

    Coordinates follow PS3.3 C.18.6.1.2: the top left pixel's top left corner is (0, 0), so its
    centre is (0.5, 0.5).
    """

    points: npt.NDArray[np.float32]
    activation: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Place:
    """One place of a finding: a closed polygon as in `Outline`, and how probable the place is."""

    points: npt.NDArray[np.float32]
    probability: float


def places_of(finding: Finding, *, rows: int, columns: int) -> tuple[Place, ...]:
    """Say where a finding is on an image of so many pixels; empty where that is not known."""
    if finding.boxes:
        return tuple(
            Place(points=points, probability=box.probability)
            for box in finding.boxes
            if (points := _rectangle(box, rows=rows, columns=columns)) is not None
        )
    if finding.heat_map is None:
        return ()
    return tuple(
        Place(points=outline.points, probability=finding.probability)
        for outline in outlines(finding.heat_map, rows=rows, columns=columns)
    )


def _rectangle(box: FoundBox, *, rows: int, columns: int) -> npt.NDArray[np.float32] | None:
    """Give a box as a closed polygon, clockwise from its top left corner, cut at the edges."""
    region = box.region
    left, right = (min(max(round(x, 2), 0.0), columns) for x in (region.left, region.right))
    top, bottom = (min(max(round(y, 2), 0.0), rows) for y in (region.top, region.bottom))
    if right <= left or bottom <= top:
        return None
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return np.array(corners, dtype=np.float32)


def outlines(
    heat_map: HeatMap, *, rows: int, columns: int, level: float = LEVEL
) -> tuple[Outline, ...]:
    """Outline the areas at or above ``level`` of the map's maximum, strongest first.

    Parameters
    ----------
    heat_map
        Values 0 to 1 on the model's grid, and the part of the image that the grid covers.
    rows, columns
        The source image's size in pixels; outlines are clipped to it.

    Returns
    -------
    tuple[Outline, ...]
        The area with the most activation, that with the map's peak, and others that are not much
        weaker, three in all; empty where nothing of the map lies on the image, or where it may be
        outlined (``HeatMap.within``).
    """
    dense = smoothed(heat_map)
    peak = float(dense.max(initial=0.0))
    if not peak > 0.0:
        return ()
    # One cell of border keeps contours closed where an area touches the grid's edge.
    mask = np.pad(((dense >= level * peak) & _within(heat_map, dense)).astype(np.uint8), 1)
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    found = {
        number: outline
        for number in range(1, int(labels.max()) + 1)
        if (outline := _outline(labels == number, dense, heat_map, rows, columns)) is not None
    }
    least = MINOR_SHARE * max((one.activation for one in found.values()), default=0.0)
    # However small: a reader looks for an outline where the colour is strongest.
    at_peak = int(labels[1:-1, 1:-1].flat[int(dense.argmax())])
    kept = [number for number, one in found.items() if number == at_peak or one.activation >= least]
    kept.sort(key=lambda number: (number != at_peak, -found[number].activation))
    chosen = [found[number] for number in kept[:MAX_REGIONS]]
    return tuple(sorted(chosen, key=lambda outline: -outline.activation))


def smoothed(heat_map: HeatMap) -> npt.NDArray[np.float32]:
    """Give the map `SAMPLES_PER_CELL` times finer, interpolated between cell centres."""
    height, width = heat_map.values.shape
    size = (width * SAMPLES_PER_CELL, height * SAMPLES_PER_CELL)
    values = np.nan_to_num(heat_map.values.astype(np.float32))
    dense = cv2.resize(values, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(dense, 0.0, 1.0).astype(np.float32)


def _within(heat_map: HeatMap, dense: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Where a map may be outlined, on its finer grid."""
    if heat_map.within is None:
        return np.ones(dense.shape, dtype=np.bool_)
    size = (dense.shape[1], dense.shape[0])
    shown = cv2.resize(heat_map.within, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(shown >= 0.5, dtype=np.bool_)


def _outline(
    area: npt.NDArray[np.bool_],
    dense: npt.NDArray[np.float32],
    heat_map: HeatMap,
    rows: int,
    columns: int,
) -> Outline | None:
    contours, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    ring = _rounded(max(contours, key=cv2.contourArea)[:, 0, :].astype(np.float32))
    corners = cv2.approxPolyDP(ring[:, None, :], epsilon=TOLERANCE, closed=True)[:, 0, :]
    points = _to_image(corners.astype(np.float64), dense.shape, heat_map)
    points[:, 0] = points[:, 0].clip(0, columns)
    points[:, 1] = points[:, 1].clip(0, rows)
    points = _without_repeats(points)
    if len(points) < 3 or cv2.contourArea(points.astype(np.float32)) < 1.0:
        return None
    closed = np.vstack([points, points[:1]]).astype(np.float32)
    return Outline(points=closed, activation=float(dense[area[1:-1, 1:-1]].sum()))


def _rounded(ring: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average each point of a closed ring with its neighbours, which takes the samples' stairs."""
    reach = min(SAMPLES_PER_CELL // 3, (len(ring) - 1) // 2)
    shifted = [np.roll(ring, shift, axis=0) for shift in range(-reach, reach + 1)]
    return np.asarray(np.mean(shifted, axis=0), dtype=np.float32)


def _to_image(
    ring: npt.NDArray[np.float64], shape: tuple[int, ...], heat_map: HeatMap
) -> npt.NDArray[np.float64]:
    """Take sample centres (the border of 1 included) to the image's pixel coordinates."""
    region = heat_map.region
    height, width = shape
    x = region.left + (ring[:, 0] - 0.5) / width * (region.right - region.left)
    y = region.top + (ring[:, 1] - 0.5) / height * (region.bottom - region.top)
    return np.stack([x, y], axis=1)


def _without_repeats(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Drop points that clipping laid onto their predecessor."""
    rounded = np.round(points, 2)
    keep = np.any(rounded != np.roll(rounded, 1, axis=0), axis=1)
    return np.asarray(rounded[keep])
