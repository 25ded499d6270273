"""Where a finding may be said to be: within the lungs, widened, and nowhere else.

What drives a network's verdict is not always where the disease is: a side marker, a shoulder, the
stomach. On held-out radiographs the strongest activation of a quarter of the positives lies outside
the lungs. A region there would read like a lesion, so there is none: the finding stays, and the
result says that its location is not reliable.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.library.labels import BEYOND_LUNGS
from ai_engine.prediction import (
    Finding,
    FoundBox,
    HeatMap,
    ImagePrediction,
    Region,
    Remark,
    RemarkKind,
)
from ai_engine.preprocessing.geometry import Mask
from ai_engine.preprocessing.planes import view_of_mask

WIDENED = 0.03
"""How far beyond the lungs a finding may lie, as a share of the image's longer side: the pleura,
the chest wall beside it, and the outline's own error; about a centimetre."""

HERE = 0.5
"""The share of a map's peak that counts as "here", as results outline it."""

MOSTLY = 0.5
"""The share of an area's activation, or of a box, that must lie within."""

MINOR = 0.5
"""The share of the largest area's activation from which on another one would be outlined."""

WIDENED_SIDE = 640
"""Pixels of the longer side at which outlines are widened: to widen ten times as many pixels by ten
times as much takes a second, and tells nothing more of an outline made from 256."""

GRID = 96
"""Cells along each side of the grid that says where a map may be outlined."""


class Placement(StrEnum):
    """What became of a finding's places, as a sentence about it."""

    KEPT = ""
    PARTLY = (
        "Part of the attention for {title} lies outside the lungs and is not outlined: its "
        "location is not reliable."
    )
    NOWHERE = (
        "The strongest attention for {title} lies outside the lungs: its location is not reliable, "
        "and no region is outlined."
    )
    UNKNOWN = (
        "The lungs could not be outlined on this image, so where {title} is was not checked, and "
        "no region is outlined."
    )


REMARKED: Mapping[RemarkKind, frozenset[Placement]] = MappingProxyType(
    {
        RemarkKind.OUTSIDE_LUNGS: frozenset({Placement.PARTLY, Placement.NOWHERE}),
        RemarkKind.LUNGS_UNKNOWN: frozenset({Placement.UNKNOWN}),
    }
)
"""Which remark says it."""

_WHOLE = np.uint8(255)

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LungPlaces:
    """Both lungs, bool (rows, columns), on an image of ``of`` rows and columns, or of as many."""

    mask: Mask
    of: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the image."""
        return self.of or self.mask.shape


Lungs = Callable[[], LungPlaces | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An image's findings with where they may be outlined, and what a reader must know of it."""

    image: ImagePrediction
    remarks: tuple[Remark, ...] = ()


def widened(lungs: Mask) -> Mask:
    """Both lungs and what lies within `WIDENED` of them: bool (rows, columns)."""
    reach = max(round(WIDENED * max(lungs.shape)), 1)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(lungs.view(np.uint8), element), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Inside:
    """Where findings may be outlined: bool (rows, columns), so many rows for one of the image."""

    mask: Mask
    rows: float
    columns: float

    @classmethod
    def of(cls, lungs: LungPlaces) -> "_Inside":
        """Both lungs, widened; at `WIDENED_SIDE` where the image is larger."""
        rows, columns = lungs.shape
        scale = min(WIDENED_SIDE / max(lungs.shape), 1.0)
        size = (max(round(columns * scale), 1), max(round(rows * scale), 1))
        shares = cv2.resize(lungs.mask.view(np.uint8) * _WHOLE, size, interpolation=cv2.INTER_AREA)
        mask = widened(np.asarray(shares > _WHOLE // 2, dtype=np.bool_))
        return cls(mask=mask, rows=size[1] / rows, columns=size[0] / columns)

    def region(self, region: Region) -> Region:
        """Where a region of the image lies on the mask."""
        return Region(
            left=region.left * self.columns,
            top=region.top * self.rows,
            right=region.right * self.columns,
            bottom=region.bottom * self.rows,
        )


def located(image: ImagePrediction, lungs: Lungs) -> Located:
    """Keep the places of an image's positive findings to the lungs.

    Parameters
    ----------
    image
        What a chest model says of one image.
    lungs
        Both lungs; None where they cannot be outlined. It is asked only where a positive finding
        has a place.
    """
    asked = [each for each in image.positive if _has_place(each)]
    if not asked:
        return Located(image=image)
    places = lungs()
    inside = _Inside.of(places) if places is not None and places.mask.any() else None
    kept, placements = dict[str, Finding](), dict[str, Placement]()
    for each in asked:
        kept[each.label], placements[each.label] = _within(each, inside)
    findings = tuple(kept.get(each.label, each) for each in image.findings)
    return Located(
        image=replace(image, findings=findings), remarks=tuple(_remarks(image, placements))
    )


def _has_place(finding: Finding) -> bool:
    is_seen = finding.heat_map is not None or bool(finding.boxes)
    return is_seen and finding.label not in BEYOND_LUNGS


def _within(finding: Finding, inside: _Inside | None) -> tuple[Finding, Placement]:
    """A finding kept to the lungs, and what became of its places."""
    boxes = tuple(box for box in finding.boxes if inside is not None and _lies_within(box, inside))
    placement = Placement.KEPT
    if boxes != finding.boxes:
        placement = Placement.PARTLY if boxes else Placement.NOWHERE
    heat_map = finding.heat_map
    if heat_map is not None:
        within, placement = _allowed(heat_map, inside)
        heat_map = replace(heat_map, within=within)
    if inside is None:
        placement = Placement.UNKNOWN
    return replace(finding, boxes=boxes, heat_map=heat_map), placement


def _lies_within(box: FoundBox, inside: _Inside) -> bool:
    region = inside.region(box.region)
    rows = slice(max(int(region.top), 0), max(round(region.bottom), int(region.top) + 1))
    columns = slice(max(int(region.left), 0), max(round(region.right), int(region.left) + 1))
    part = inside.mask[rows, columns]
    return bool(part.size) and float(part.mean()) >= MOSTLY


def _allowed(heat_map: HeatMap, inside: _Inside | None) -> tuple[FloatArray, Placement]:
    """Where a map may be outlined, float32 (GRID, GRID), and what becomes of its areas."""
    nowhere = np.zeros((GRID, GRID), dtype=np.float32)
    if inside is None:
        return nowhere, Placement.UNKNOWN
    within = view_of_mask(inside.mask, inside.region(heat_map.region), GRID)
    values = np.nan_to_num(heat_map.values)
    dense = np.asarray(
        cv2.resize(values, (GRID, GRID), interpolation=cv2.INTER_CUBIC), dtype=np.float32
    )
    dense = dense.clip(0, 1)
    peak = float(dense.max(initial=0.0))
    if not peak > 0:
        return within.astype(np.float32), Placement.KEPT
    outside = [area for area in _areas(dense, HERE * peak) if _share(area, within, dense) < MOSTLY]
    strongest = _strongest(values)
    if not within[strongest] or any(area[strongest] for area in outside):
        return nowhere, Placement.NOWHERE
    for area in outside:
        within &= ~area
    if not (within & (dense >= HERE * peak)).any():
        return nowhere, Placement.NOWHERE
    return within.astype(np.float32), Placement.PARTLY if outside else Placement.KEPT


def _strongest(values: FloatArray) -> tuple[int, int]:
    """Where the centre of a map's strongest cell lies on the grid of `GRID` cells."""
    place = np.unravel_index(int(values.argmax()), values.shape)
    row, column = (
        int((index + 0.5) / count * GRID) for index, count in zip(place, values.shape, strict=True)
    )
    return row, column


def _areas(dense: FloatArray, level: float) -> Iterator[Mask]:
    """The areas of a map that would be outlined."""
    _, labels = cv2.connectedComponents((dense >= level).astype(np.uint8), connectivity=8)
    areas = [labels == number for number in range(1, int(labels.max()) + 1)]
    largest = max(float(dense[area].sum()) for area in areas)
    peak = int(dense.argmax())
    yield from (
        area for area in areas if area.flat[peak] or float(dense[area].sum()) >= MINOR * largest
    )


def _share(area: Mask, within: Mask, dense: FloatArray) -> float:
    return float(dense[area & within].sum() / dense[area].sum())


def _remarks(image: ImagePrediction, placements: Mapping[str, Placement]) -> Iterator[Remark]:
    """One remark of each kind, with the sentences of all findings that it is about."""
    titles = {each.label: each.title[:1].lower() + each.title[1:] for each in image.findings}
    for kind, said in REMARKED.items():
        sentences = [
            placement.format(title=titles[label])
            for label, placement in placements.items()
            if placement in said
        ]
        if sentences:
            yield Remark(
                kind=kind,
                sop_instance_uid=image.sop_instance_uid,
                detail=" ".join(dict.fromkeys(sentences)),
            )
