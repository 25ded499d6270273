"""From the slices of one chest CT to its figures, findings and explanation (paper 5)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydicom import Dataset

from ai_engine.ct.air import air_inside
from ai_engine.ct.body_axes import (
    require_possible_volume,
    require_two_sides,
    require_upright,
    require_whole_view,
)
from ai_engine.ct.cautions import Measurements, find_cautions
from ai_engine.ct.chest_part import chest_levels
from ai_engine.ct.continuity import require_continuous, with_body
from ai_engine.ct.explanation import explain, slice_ranges
from ai_engine.ct.grid import reduce_volume
from ai_engine.ct.high_attenuation import HighAttenuation
from ai_engine.ct.hounsfield_scale import require_air, require_hounsfield, require_one_scale
from ai_engine.ct.inhomogeneity import measure
from ai_engine.ct.key_slices import largest_areas, select_key_slices
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, LungMasks, find_lungs, find_lungs_on
from ai_engine.ct.mask_source import MaskSource
from ai_engine.ct.masks import pack_label
from ai_engine.ct.placing import placed
from ai_engine.ct.regions import LABELS, find_regions, measure_patterns
from ai_engine.ct.results import Caution, CtAnalysis, Pattern
from ai_engine.ct.skeleton_axes import SkeletonAxes, skeleton_axes
from ai_engine.ct.volume import CtVolume, read_volume


def analyse_ct(
    datasets: Sequence[Dataset], *, source: MaskSource | None = None, threads: int = 2
) -> CtAnalysis:
    """Analyse one CT series; the order of its slices doesn't matter.

    Parameters
    ----------
    datasets
        The objects of one series, with pixel data, compressed or not.
    source
        Where the inhomogeneity mask comes from; high-attenuation areas unless given.
    threads
        How many threads decode and draw slices.

    Raises
    ------
    CtRefusedError
        If the objects aren't one measurable axial chest CT, with the reason.
    """
    return analyse_volume(read_volume(datasets, threads=threads), source=source, threads=threads)


def analyse_volume(
    volume: CtVolume, *, source: MaskSource | None = None, threads: int = 2
) -> CtAnalysis:
    """Analyse a volume that was read already.

    Raises
    ------
    CtRefusedError
        If there are no lungs in it, or it is no body whose slices go on from each other as stated.
    """
    body = with_body(volume)
    seen = volume.part(body)
    grid = reduce_volume(seen)
    require_air(grid)
    require_one_scale(seen, body.start)
    require_hounsfield(grid)
    air = air_inside(grid)
    slices = grid.slices_of(chest_levels(grid, air), len(seen.hounsfield))
    chest = seen.part(slices)
    if chest is seen:
        lungs = find_lungs_on(grid, air, seen, threads=threads)
    else:
        lungs = find_lungs(chest, threads=threads)
    require_possible_volume(lungs)
    first, levels = body.start + slices.start, _levels(lungs, len(chest.hounsfield))
    require_continuous(chest.part(levels), first + levels.start)
    require_whole_view(lungs)
    axes = skeleton_axes(lungs.cavity.thorax, lungs.cavity.lungs)
    require_upright(lungs, axes)
    require_two_sides(lungs)
    analysis = _analysed(chest, lungs, axes, source or HighAttenuation(), threads)
    return placed(analysis, volume.geometry, first)


def _levels(lungs: LungMasks, count: int) -> range:
    """The slices, of ``count``, from the lungs' first to their last."""
    levels = np.flatnonzero((lungs.coarse_labels > 0).any(axis=(1, 2)))
    return lungs.grid.slices_of(range(int(levels[0]), int(levels[-1]) + 1), count)


def _analysed(
    volume: CtVolume, lungs: LungMasks, axes: SkeletonAxes, source: MaskSource, threads: int
) -> CtAnalysis:
    mask = source.find(volume, lungs, threads=threads)
    regions = find_regions(volume.geometry, lungs, mask)
    measurements = measure(volume, lungs, regions.labels)
    cautions = find_cautions(volume, lungs, axes, mask, measurements)
    ranges = slice_ranges([_patterns(plane) for plane in regions.labels])
    return CtAnalysis(
        method=source.identity,
        geometry=volume.geometry,
        measurements=_graded(measurements, cautions),
        findings=regions.findings,
        ranges=ranges,
        explanation=explain(ranges, len(volume.hounsfield)),
        cautions=cautions,
        corrections=volume.corrections,
        patterns=measure_patterns(volume.geometry, lungs, regions),
        key_slices=select_key_slices(volume.geometry, lungs, regions),
        outlines=largest_areas(volume.geometry, lungs, regions),
        right_lung=pack_label(lungs.labels, RIGHT),
        left_lung=pack_label(lungs.labels, LEFT),
        inhomogeneity=tuple(
            (pattern, pack_label(regions.labels, LABELS[pattern]))
            for pattern in Pattern
            if any(finding.pattern is pattern for finding in regions.findings)
        ),
    )


def _graded(measurements: Measurements, cautions: Sequence[Caution]) -> Measurements:
    """Without grades where something forbids them."""
    if not any(caution.forbids_grade for caution in cautions):
        return measurements
    right, left, both = (replace(row, severity=None) for row in measurements)
    return right, left, both


def _patterns(plane: Labels) -> frozenset[Pattern]:
    if not plane.any():
        return frozenset()
    return frozenset(pattern for pattern, label in LABELS.items() if (plane == label).any())
