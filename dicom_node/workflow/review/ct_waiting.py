"""A CT's analysis as what an expert is shown of it: figures, and outlines slice by slice."""

import gzip
import json
from collections.abc import Iterator

import numpy as np

from ai_engine.ct.contours import outlines
from ai_engine.ct.masks import PackedMask
from ai_engine.ct.results import CtAnalysis, LungMeasurement, Pattern, Side
from dicom_node.domain.review.review import (
    CtUnderReview,
    KeySliceUnderReview,
    LungUnderReview,
    PatternUnderReview,
)


def figures_of(analysis: CtAnalysis) -> CtUnderReview:
    """Return the figures of an analysis."""
    right, left, both = (_lung(each) for each in analysis.measurements)
    return CtUnderReview(
        lungs=(right, left),
        both=both,
        patterns=tuple(_patterns(analysis)),
        key_slices=tuple(
            KeySliceUnderReview(
                number=each.number, patterns=tuple(pattern.value for pattern in each.patterns)
            )
            for each in analysis.key_slices
        ),
        slices=tuple(
            (each.sop_instance_uid, each.frame_number) for each in analysis.geometry.references
        ),
        explanation=analysis.explanation,
        doubts=tuple(each.value for each in analysis.doubts),
        cautions=tuple(each.value for each in analysis.cautions if not each.forbids_grade),
    )


def contours_of(analysis: CtAnalysis) -> bytes:
    """Return what the page draws: ``{slice: {what: [[x, y, x, y, …], …]}}``, gzipped JSON.

    Slices count from 1 at the head; coordinates are pixels of the image, (0, 0) being the top left
    corner of its top left pixel.
    """
    drawn: dict[int, dict[str, list[list[float]]]] = {}
    for what, packed in _masks(analysis):
        mask = packed.unpack()
        for index in np.flatnonzero(mask.any(axis=(1, 2))):
            rings = [
                [round(value, 1) for point in ring for value in point]
                for ring in outlines(mask[index])
            ]
            drawn.setdefault(int(index) + 1, {})[what] = rings
    return gzip.compress(json.dumps(drawn, separators=(",", ":")).encode(), mtime=0)


def _masks(analysis: CtAnalysis) -> Iterator[tuple[str, PackedMask]]:
    yield Side.RIGHT.value, analysis.right_lung
    yield Side.LEFT.value, analysis.left_lung
    for pattern, packed in analysis.inhomogeneity:
        yield pattern.value, packed


def _lung(row: LungMeasurement) -> LungUnderReview:
    return LungUnderReview(
        side=row.side.value,
        volume_ml=row.volume_ml,
        aerated_ml=row.aerated_ml,
        percentage=row.percentage,
        grade=None if row.severity is None else row.severity.grade,
    )


def _patterns(analysis: CtAnalysis) -> Iterator[PatternUnderReview]:
    """Give the patterns, the largest first."""
    both = [each for each in analysis.patterns if each.side is Side.BOTH]
    for row in sorted(both, key=lambda each: -each.volume_ml):
        yield PatternUnderReview(
            pattern=row.pattern.value,
            volume_ml=row.volume_ml,
            percentage=row.percentage,
            sides=tuple(
                each.side.value
                for each in analysis.patterns
                if each.pattern is row.pattern and each.side is not Side.BOTH
            ),
            slice_number=_largest_slice(analysis, row.pattern),
        )


def _largest_slice(analysis: CtAnalysis, pattern: Pattern) -> int:
    areas = [each for each in analysis.outlines if each.what is pattern]
    return areas[0].number if areas else 1
