"""An analysis of some slices of a volume, said of the whole volume."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from ai_engine.ct.explanation import explain
from ai_engine.ct.masks import PackedMask, pack_mask
from ai_engine.ct.results import Area, CtAnalysis, CtFinding, KeySlice, SliceRange
from ai_engine.ct.volume import VolumeGeometry

Numbered = TypeVar("Numbered", Area, KeySlice)


def placed(analysis: CtAnalysis, whole: VolumeGeometry, first: int) -> CtAnalysis:
    """Count slices as the whole volume does.

    Parameters
    ----------
    analysis
        Of the slices from ``first`` on.
    first
        The index, from 0, of the first slice that was analysed.
    """
    count = analysis.geometry.shape[0]
    if count == whole.shape[0]:
        return analysis
    ranges = tuple(_range(each, first) for each in analysis.ranges)
    return replace(
        analysis,
        geometry=whole,
        findings=tuple(_finding(each, first) for each in analysis.findings),
        ranges=ranges,
        explanation=explain(ranges, whole.shape[0]),
        corrections=(
            *analysis.corrections,
            f"Slices {first + 1} to {first + count} of {whole.shape[0]} show the chest; the others "
            "were not looked at.",
        ),
        key_slices=tuple(_numbered(each, first) for each in analysis.key_slices),
        outlines=tuple(_numbered(each, first) for each in analysis.outlines),
        right_lung=_padded(analysis.right_lung, whole, first),
        left_lung=_padded(analysis.left_lung, whole, first),
        inhomogeneity=tuple(
            (pattern, _padded(mask, whole, first)) for pattern, mask in analysis.inhomogeneity
        ),
    )


def _range(each: SliceRange, first: int) -> SliceRange:
    return replace(each, first=each.first + first, last=each.last + first)


def _finding(each: CtFinding, first: int) -> CtFinding:
    begin, end = each.slices
    slices = (begin + first, end + first)
    return replace(each, slices=slices, largest_slice=each.largest_slice + first)


def _numbered(each: Numbered, first: int) -> Numbered:
    return replace(each, number=each.number + first)


def _padded(mask: PackedMask, whole: VolumeGeometry, first: int) -> PackedMask:
    part = mask.unpack()
    every = np.zeros(whole.shape, bool)
    every[first : first + len(part)] = part
    return pack_mask(every)
