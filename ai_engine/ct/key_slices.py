"""Which slices a reader should look at, and what is outlined on them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ai_engine.ct.contours import outlines
from ai_engine.ct.counting import by_slice
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, LungMasks
from ai_engine.ct.regions import LABELS, Regions
from ai_engine.ct.results import Area, KeySlice, Pattern, Side
from ai_engine.ct.volume import VolumeGeometry

SIDES = {Side.RIGHT: RIGHT, Side.LEFT: LEFT}

Areas = npt.NDArray[np.intp]
"""Pixels on each slice."""


def select_key_slices(
    geometry: VolumeGeometry, lungs: LungMasks, regions: Regions
) -> tuple[KeySlice, ...]:
    """The slices where each lung has most inhomogeneity and each pattern is largest.

    They come in anatomical order. Without any inhomogeneity it is one, with most lung.
    """
    by_pattern = _areas(regions.labels, len(LABELS))
    wanted = [*_dense_areas(lungs, regions), *by_pattern]
    chosen = {int(np.argmax(areas)) for areas in wanted if areas.any()}
    chosen = chosen or {int(np.argmax(np.sum(_areas(lungs.labels, len(SIDES)), axis=0)))}
    return tuple(_key_slice(index, geometry, lungs, regions) for index in sorted(chosen))


def largest_areas(geometry: VolumeGeometry, lungs: LungMasks, regions: Regions) -> tuple[Area, ...]:
    """The outline of each lung and each pattern on the slice where it is largest."""
    found = (
        *_largest(SIDES, lungs.labels),
        *_largest(LABELS, regions.labels),
    )
    return tuple(
        Area(
            what=what,
            number=index + 1,
            reference=geometry.references[index],
            ring=outlines(mask)[0],
        )
        for what, index, mask in found
    )


def _largest(
    numbers: dict[Side, int] | dict[Pattern, int], labels: Labels
) -> Iterator[tuple[Side | Pattern, int, npt.NDArray[np.bool_]]]:
    """What is there, the slice where it is largest, and its mask on that slice."""
    areas = _areas(labels, len(numbers))
    for what, number in numbers.items():
        if areas[number - 1].any():
            index = int(np.argmax(areas[number - 1]))
            yield what, index, labels[index] == number


def _areas(labels: Labels, count: int) -> tuple[Areas, ...]:
    """The areas of the labels 1 to ``count``, slice by slice."""
    return tuple(by_slice(labels, count))


def _dense_areas(lungs: LungMasks, regions: Regions) -> tuple[Areas, ...]:
    """The areas of any inhomogeneity in the right and in the left lung, slice by slice."""
    found = [
        by_slice(
            (regions.labels[index : index + 1] > 0) * lungs.labels[index : index + 1], len(SIDES)
        )
        for index in range(len(lungs.labels))
    ]
    return tuple(np.concatenate(found, axis=1))


def _key_slice(
    index: int, geometry: VolumeGeometry, lungs: LungMasks, regions: Regions
) -> KeySlice:
    labels, inside = regions.labels[index], lungs.labels[index]
    present = np.bincount(labels.ravel(), minlength=len(LABELS) + 1) > 0
    return KeySlice(
        number=index + 1,
        reference=geometry.references[index],
        patterns=tuple(pattern for pattern, label in LABELS.items() if present[label]),
        areas=outlines(labels > 0),
        lungs=tuple(ring for label in SIDES.values() for ring in outlines(inside == label)),
    )
