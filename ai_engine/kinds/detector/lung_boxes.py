"""The simplest way to box opacities: in each lung, the box that is usual there.

What a detector has to be better than: it knows where lungs are, and nothing of what is in them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.kinds.boxes import area
from ai_engine.prediction import FoundBox, Region

Mask = npt.NDArray[np.bool_]

LEAST = 0.01
"""Part of an image below which an area is no lung."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualBoxes:
    """For the lung on the image's left and right: edges in parts of the lung's own box, and how
    often a lung has such a box."""

    edges: tuple[FloatArray, FloatArray]
    shares: tuple[float, float]

    def of(self, lungs: Sequence[Region]) -> tuple[FoundBox, ...]:
        """The usual boxes of an image's lungs, the more frequent one first."""
        found = [
            FoundBox(region=_within(lung, self.edges[side]), probability=self.shares[side])
            for side, lung in enumerate(lungs)
        ]
        return tuple(sorted(found, key=lambda box: -box.probability))


def usual_boxes(
    images: Sequence[tuple[Sequence[Region], Sequence[Region]]],
) -> UsualBoxes:
    """What is usual among images: the lungs of each, and its boxes.

    A box belongs to the lung that it covers most of. A side without any box has the whole lung.
    """
    edges: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    seen = [0, 0]
    for lungs, boxes in images:
        for side, lung in enumerate(lungs):
            seen[side] += 1
            edges[side].extend(
                _relative(box, lung) for box in boxes if _side_of(box, lungs) == side
            )
    whole = np.array([0.0, 0.0, 1.0, 1.0])
    middle = tuple(np.median(one, axis=0) if one else whole for one in edges)
    shares = tuple(
        min(len(one) / max(count, 1), 1.0) for one, count in zip(edges, seen, strict=True)
    )
    return UsualBoxes(edges=(middle[0], middle[1]), shares=(shares[0], shares[1]))


def lung_regions(lungs: Mask) -> tuple[Region, ...]:
    """The boxes of the two largest areas of a mask, from the left; fewer where fewer are seen."""
    labels, count = ndimage.label(lungs)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    places = ndimage.find_objects(labels)
    large = [one for one in np.argsort(-sizes)[:2] if sizes[one] >= LEAST * lungs.size]
    found = (
        Region(
            left=float(columns.start),
            top=float(rows.start),
            right=float(columns.stop),
            bottom=float(rows.stop),
        )
        for rows, columns in (places[one] for one in large)
    )
    return tuple(sorted(found, key=lambda region: region.left + region.right))


def _side_of(box: Region, lungs: Sequence[Region]) -> int:
    return int(np.argmax(list(_covered(box, lungs))))


def _covered(box: Region, lungs: Sequence[Region]) -> Iterator[float]:
    for lung in lungs:
        common = Region(
            left=max(box.left, lung.left),
            top=max(box.top, lung.top),
            right=min(box.right, lung.right),
            bottom=min(box.bottom, lung.bottom),
        )
        yield area(common) if common.right > common.left and common.bottom > common.top else 0.0


def _relative(box: Region, lung: Region) -> FloatArray:
    width, height = lung.right - lung.left, lung.bottom - lung.top
    return np.array(
        [
            (box.left - lung.left) / width,
            (box.top - lung.top) / height,
            (box.right - lung.left) / width,
            (box.bottom - lung.top) / height,
        ]
    )


def _within(lung: Region, edges: FloatArray) -> Region:
    width, height = lung.right - lung.left, lung.bottom - lung.top
    left, top, right, bottom = edges.tolist()
    return Region(
        left=lung.left + left * width,
        top=lung.top + top * height,
        right=lung.left + right * width,
        bottom=lung.top + bottom * height,
    )
