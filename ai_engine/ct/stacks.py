"""One series' objects, parted into what can be stacks of slices.

A series should be one acquisition in one geometry (PS3.3 A.1.2.3 leaves it open), but scouts that
don't call themselves localizers and second acquisitions come under one Series Instance UID. They
are parted by size, spacing and orientation; then by the first attribute that parts them into stacks
of their own, where slices lie on each other or where such stacks are of one and the same region:
slices of two breaths that lie between each other look like one thinner stack.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.ct.geometry import MINIMUM_SLICES, stack_slices
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.slices import Slice, read_slices

PARTED_BY = (
    "AcquisitionNumber",
    "AcquisitionUID",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "NominalCardiacTriggerDelayTime",
    "TriggerTime",
    "ConvolutionKernel",
    "SliceThickness",
    "ImageType",
    "KVP",
    "ContrastBolusAgent",
    "ImageComments",
    "AcquisitionDateTime",
    "AcquisitionTime",
)
"""What tells acquisitions and reconstructions in one series apart, tried in this order. Comments
name phases and energies where nothing else does."""

ORDERED_BY = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime", "InstanceNumber")
"""What slices that have each their own value were made in the order of: a scan begins anew where
they go back to where they began."""

BACK = 0.5
"""Part of the whole length by which slices go back where another scan begins."""

SAME_REGION = 0.5
"""Part of the shorter of two stacks that lies beside the longer, from which both are of one region;
the slabs of a scan in steps follow each other."""

MIXED = frozenset({CtRefusalReason.DUPLICATED_SLICES, CtRefusalReason.UNEVEN_SPACING})
"""What slices of several acquisitions are refused for."""

Headers = tuple[Dataset, ...]
Floats = npt.NDArray[np.float64]
Key = tuple[object, ...]
Item = TypeVar("Item")


def part_series(headers: Sequence[Dataset]) -> tuple[Headers, ...]:
    """Part one series' objects into stacks, the largest first; those that fit stay together.

    Objects whose place can't be read stay together as well: they are refused later, with a reason.
    """
    try:
        slices = [read_slices([header]) for header in headers]
    except CtRefusedError:
        return (tuple(headers),)
    pairs = list(zip(headers, slices, strict=True))
    parts: list[Headers] = []
    for alike in _grouped(pairs, lambda pair: _geometry(pair[1][0])):
        parts.extend(_by_acquisition(tuple(header for header, _ in alike)))
    return tuple(sorted(parts, key=lambda part: -len(part)))


def _by_acquisition(headers: Headers) -> tuple[Headers, ...]:
    is_mixed = _is_mixed(headers)
    for parts in _partings(headers):
        if is_mixed and any(len(each) >= MINIMUM_SLICES and not _is_mixed(each) for each in parts):
            return tuple(parts)
        if not is_mixed and _are_of_one_region([each for each in parts if not _refusal(each)]):
            return tuple(parts)
    return (headers,)


def _partings(headers: Headers) -> Iterator[list[Headers]]:
    """Yield each way in which attributes part objects into several, the surest first."""
    for keyword in PARTED_BY:
        if len(parts := _grouped(headers, partial(_value, keyword))) > 1:
            yield [tuple(part) for part in parts]
    heights = _heights(headers)
    for keyword in ORDERED_BY:
        if len(scans := _scans(headers, heights, keyword)) > 1:
            yield scans


def _scans(headers: Headers, heights: Floats, keyword: str) -> list[Headers]:
    """Part objects where their slices, in an attribute's order, go back to where they began.

    Slices of one value, as of the rows of a detector, are in any order.
    """
    values = [_number(header, keyword) for header in headers]
    if None in values:
        return [headers]
    _, at = np.unique(np.array(values, np.float64), return_inverse=True)
    begins = _begins(np.bincount(at, heights) / np.bincount(at))
    scans: list[list[Dataset]] = [[] for _ in range(len(begins) + 1)]
    for header, scan in zip(headers, np.searchsorted(begins, at, side="right"), strict=True):
        scans[int(scan)].append(header)
    return [tuple(scan) for scan in scans]


def _begins(heights: Floats) -> npt.NDArray[np.intp]:
    """Where the heights, in the order of time, begin anew: they jump back, or they turn."""
    steps, jump = np.diff(heights), BACK * float(np.ptp(heights))
    forward = np.sign(np.median(steps)) if len(steps) else 0.0
    jumps = np.flatnonzero((np.abs(steps) > jump) & (np.sign(steps) != forward)) + 1
    if len(jumps):
        return jumps
    turns = np.array([heights.argmin(), heights.argmax()])
    whole = [
        min(np.ptp(heights[: turn + 1]), np.ptp(heights[turn:])) > jump for turn in turns.tolist()
    ]
    return np.unique(turns[whole]) + 1


def _number(header: Dataset, keyword: str) -> float | None:
    """A number, or a time as it is written; None where there is none."""
    try:
        return float(str(header.get(keyword, "")).partition("+")[0])
    except ValueError:
        return None


def _heights(headers: Sequence[Dataset]) -> Floats:
    """Where each object's first slice lies along the stack, in mm."""
    slices = [read_slices([header])[0] for header in headers]
    normal = np.cross(slices[0].columns_along, slices[0].rows_along)
    return np.array([np.dot(entry.position, normal) for entry in slices])


def _are_of_one_region(parts: Sequence[Headers]) -> bool:
    """Whether two stacks or more lie beside each other."""
    ends = sorted((float(each.min()), float(each.max())) for each in map(_heights, parts))
    return any(
        min(one[1], other[1]) - other[0] > SAME_REGION * min(one[1] - one[0], other[1] - other[0])
        for one, other in pairwise(ends)
    )


def _value(keyword: str, header: Dataset) -> Key:
    return (str(header.get(keyword, "")),)


def _is_mixed(headers: Sequence[Dataset]) -> bool:
    return _refusal(headers) in MIXED


def _refusal(headers: Sequence[Dataset]) -> CtRefusalReason | None:
    """Why slices are no stack; None where they are one."""
    try:
        stack_slices(read_slices(headers))
    except CtRefusedError as error:
        return error.reason
    return None


def _geometry(entry: Slice) -> Key:
    """Size, spacing and orientation, as far as slices of one stack agree in them."""
    directions = np.round([*entry.columns_along, *entry.rows_along], 2) + 0.0
    return (*entry.shape, *np.round(entry.spacing, 3), *directions)


def _grouped(items: Sequence[Item], key: Callable[[Item], Key]) -> list[list[Item]]:
    ordered = sorted(items, key=lambda item: str(key(item)))
    return [list(group) for _, group in groupby(ordered, key=lambda item: str(key(item)))]
