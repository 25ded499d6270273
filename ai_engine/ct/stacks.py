"""One series' objects, parted into what can be stacks of slices.

A series should be one acquisition in one geometry (PS3.3 A.1.2.3 leaves it open), but scouts that
don't call themselves localizers and second acquisitions come under one Series Instance UID. They
are parted by size, spacing and orientation, and where slices then still lie on each other, by the
first attribute that parts them into stacks of their own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import TypeVar

import numpy as np
from pydicom import Dataset

from ai_engine.ct.geometry import MINIMUM_SLICES, stack_slices
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.slices import Slice, read_slices

PARTED_BY = (
    "AcquisitionNumber",
    "AcquisitionUID",
    "TemporalPositionIdentifier",
    "ConvolutionKernel",
    "SliceThickness",
    "ImageType",
    "KVP",
    "ContrastBolusAgent",
    "AcquisitionDateTime",
    "AcquisitionTime",
)
"""What tells acquisitions and reconstructions in one series from each other, tried in this order;
times come last, because some scanners give each slice its own."""

MIXED = frozenset({CtRefusalReason.DUPLICATED_SLICES, CtRefusalReason.UNEVEN_SPACING})
"""What slices of several acquisitions are refused for."""

Headers = tuple[Dataset, ...]
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
    if not _is_mixed(headers):
        return (headers,)
    for keyword in PARTED_BY:
        parts = _grouped(headers, partial(_value, keyword))
        whole = [part for part in parts if len(part) >= MINIMUM_SLICES and not _is_mixed(part)]
        if len(parts) > 1 and whole:
            return tuple(tuple(part) for part in parts)
    return (headers,)


def _value(keyword: str, header: Dataset) -> Key:
    return (str(header.get(keyword, "")),)


def _is_mixed(headers: Sequence[Dataset]) -> bool:
    try:
        stack_slices(read_slices(headers))
    except CtRefusedError as error:
        return error.reason in MIXED
    return False


def _geometry(entry: Slice) -> Key:
    """Size, spacing and orientation, as far as slices of one stack agree in them."""
    directions = np.round([*entry.columns_along, *entry.rows_along], 2) + 0.0
    return (*entry.shape, *np.round(entry.spacing, 3), *directions)


def _grouped(items: Sequence[Item], key: Callable[[Item], Key]) -> list[list[Item]]:
    ordered = sorted(items, key=lambda item: str(key(item)))
    return [list(group) for _, group in groupby(ordered, key=lambda item: str(key(item)))]
