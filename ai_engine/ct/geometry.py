"""Slices in anatomical order, and what must hold before a volume may be measured.

Order and spacing come from Image Position and Image Orientation (PS3.3 C.7.6.2.1.1), never from
instance numbers, slice locations or the order of arrival. Positions are decimal strings, often
rounded to a tenth of a millimetre: steps of 1.25 mm are then 1.2 and 1.3 by turns. Therefore the
spacing is the whole length over the number of steps, in which rounding hardly counts, and evenness
is judged with the precision of the decimals allowed for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.slices import Slice
from ai_engine.preprocessing.header_values import word

MINIMUM_SLICES = 20
"""Paper 5, section 3: chest CT has 30 to 300 slices; below 20 it is a sample of the lungs."""

MAXIMUM_SPACING = 10.0
"""mm between slices; MosMedData, which paper 5 trained on, has 8."""

TILT_TOLERANCE = 2.0
"""Degrees between the slices' normal and their stacking direction."""

AXIAL_COSINE = 0.9
"""Least cosine between normal and body axis, and between columns and the patient's left."""

ON_THE_SIDE = frozenset({"HFDR", "HFDL", "FFDR", "FFDL"})
"""Patient Positions of decubitus."""

ASTRAY = 2.0
"""mm that a slice may lie off the straight line from the first to the last."""

SAME = 1e-3
GAP = 1.5
UNEVEN = 0.1
"""Direction cosines agree within SAME; a step above GAP median steps is a hole, and one that
differs by UNEVEN of the mean is uneven; both beyond what rounding explains."""

MOST_GAPS = 0.1
"""Part of the steps above which wider ones are no holes, but another distance."""

FIELD = (60.0, 1100.0)
"""mm that rows and columns are long, from a newborn's to the widest field of view; others are in
another unit, or wrong."""

MOST_NAMED = 3
"""Gaps that a refusal names one by one."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Slices from head to feet, with the distance between them in mm."""

    slices: tuple[Slice, ...]
    step: float


def stack_slices(slices: Sequence[Slice]) -> Stack:
    """Put the slices of one series in anatomical order, from head to feet.

    Raises
    ------
    CtRefusedError
        If they aren't one evenly spaced axial stack without tilt, gaps or duplicates.
    """
    if len(slices) < MINIMUM_SLICES:
        detail = f"{in_words(len(slices))}, at least {MINIMUM_SLICES} are needed"
        raise CtRefusedError(CtRefusalReason.TOO_FEW_SLICES, detail)
    _require_alike(slices)
    normal = _axial_normal(slices[0])
    positions = np.array([entry.position for entry in slices])
    along = positions @ normal
    order = np.argsort(-along, kind="stable")
    step = _even_step(-np.diff(along[order]), _rounding(slices, normal))
    _require_no_tilt(slices, positions[order], normal)
    return Stack(slices=tuple(slices[index] for index in order), step=step)


def _require_alike(slices: Sequence[Slice]) -> None:
    if len({entry.series_uid for entry in slices}) > 1:
        raise CtRefusedError(CtRefusalReason.MIXED_SERIES, "send one series at a time")
    first = slices[0]
    for entry in slices:
        same = (
            entry.shape == first.shape
            and np.allclose(entry.spacing, first.spacing, rtol=SAME, atol=0.0)
            and np.allclose(entry.rows_along, first.rows_along, atol=SAME)
            and np.allclose(entry.columns_along, first.columns_along, atol=SAME)
        )
        if not same:
            detail = "the slices do not fit on each other; send one reconstruction at a time"
            raise CtRefusedError(CtRefusalReason.MIXED_GEOMETRY, detail)
    if min(first.spacing) <= 0 or min(first.shape) < 2:
        raise CtRefusedError(CtRefusalReason.NO_GEOMETRY, "pixel spacing or size is not positive")
    sides = [count * step for count, step in zip(first.shape, first.spacing, strict=True)]
    if min(sides) < FIELD[0] or max(sides) > FIELD[1]:
        detail = "by the pixel spacing the images are too small or too large for a body"
        raise CtRefusedError(CtRefusalReason.NO_GEOMETRY, detail)


def _axial_normal(entry: Slice) -> Floats:
    """The slices' unit normal, turned towards the head."""
    columns, rows = np.array(entry.columns_along), np.array(entry.rows_along)
    lengths = np.linalg.norm(columns), np.linalg.norm(rows)
    if not np.allclose(lengths, 1.0, atol=0.01) or abs(columns @ rows) > 0.01:
        detail = "the orientation is not a pair of perpendicular unit vectors"
        raise CtRefusedError(CtRefusalReason.NO_GEOMETRY, detail)
    normal = np.cross(columns, rows)
    normal = normal / np.linalg.norm(normal)
    if is_decubitus(entry):
        detail = "slices of a patient who lies on the side are not measured"
        raise CtRefusedError(CtRefusalReason.DECUBITUS, detail)
    if not is_axial(entry):
        raise CtRefusedError(CtRefusalReason.NOT_AXIAL, "send the axial reconstruction")
    return np.asarray(normal if normal[2] > 0 else -normal)


def is_axial(entry: Slice) -> bool:
    """Whether a slice is axial, its columns running from right to left or back."""
    return _is_across_the_body(entry) and abs(entry.columns_along[0]) >= AXIAL_COSINE


def is_decubitus(entry: Slice) -> bool:
    """Whether a slice is axial, but of a patient on the side: its columns run front to back.

    Or it is stated (PS3.3 C.7.3.1.1.2): where slices were turned upright, or their orientation is
    not the patient's.
    """
    if word(entry.dataset, "PatientPosition") in ON_THE_SIDE:
        return True
    return _is_across_the_body(entry) and abs(entry.columns_along[1]) >= AXIAL_COSINE


def _is_across_the_body(entry: Slice) -> bool:
    normal = np.cross(entry.columns_along, entry.rows_along)
    return bool(abs(normal[2]) >= AXIAL_COSINE * np.linalg.norm(normal))


def _rounding(slices: Sequence[Slice], normal: Floats) -> float:
    """mm that rounding of the positions may change one step by: half a unit at each of its ends."""
    units = np.min([entry.position_unit for entry in slices], axis=0)
    return float(np.abs(normal) @ units)


def _even_step(steps: Floats, rounding: float) -> float:
    """The mean step in mm; ``rounding`` is what may change a single one."""
    middle = float(np.median(steps))
    if middle < 0.01 or steps.min() < 0.1 * middle:
        detail = "the same part was reconstructed or sent twice; send each slice once"
        raise CtRefusedError(CtRefusalReason.DUPLICATED_SLICES, detail)
    gaps = np.flatnonzero(steps > GAP * middle + rounding)
    if len(gaps) and len(gaps) <= max(MOST_NAMED, MOST_GAPS * len(steps)):
        raise CtRefusedError(CtRefusalReason.MISSING_SLICES, _gaps_in_words(gaps, steps, middle))
    step = float(steps.mean())
    if np.abs(steps - step).max() > UNEVEN * step + rounding:
        detail = (
            "distances between slices differ; send the whole series, one reconstruction at a time"
        )
        raise CtRefusedError(CtRefusalReason.UNEVEN_SPACING, detail)
    if step > MAXIMUM_SPACING:
        detail = f"lungs are measured on slices at most {MAXIMUM_SPACING:g} mm apart"
        raise CtRefusedError(CtRefusalReason.TOO_THICK, detail)
    return step


def in_words(count: int) -> str:
    """So many slices."""
    return "1 slice" if count == 1 else f"{count} slices"


def _gaps_in_words(gaps: npt.NDArray[np.intp], steps: Floats, middle: float) -> str:
    """Where slices are missing, counted from the head, and about how many."""
    first = gaps[:MOST_NAMED]
    missing = (max(1, round(float(steps[gap]) / middle) - 1) for gap in first)
    named = [
        f"about {count} after slice {number}"
        for count, number in zip(missing, first + 1, strict=True)
    ]
    if (rest := len(gaps) - MOST_NAMED) > 0:
        named.append("and in 1 more place" if rest == 1 else f"and in {rest} more places")
    return f"{', '.join(named)} (counted from the head); send the whole series"


def _require_no_tilt(slices: Sequence[Slice], positions: Floats, normal: Floats) -> None:
    """Refuse stacks that are sheared or stated as tilted, and slices beside the stack's line."""
    whole = positions[-1] - positions[0]
    cosine = abs(whole @ normal) / np.linalg.norm(whole)
    sheared = np.degrees(np.arccos(min(1.0, float(cosine)))) > TILT_TOLERANCE
    if sheared or any(abs(entry.gantry_tilt) > TILT_TOLERANCE for entry in slices):
        detail = "the slices are sheared or the gantry is stated as tilted; send a series without"
        raise CtRefusedError(CtRefusalReason.GANTRY_TILT, detail)
    line = np.linspace(positions[0], positions[-1], len(positions))
    if np.abs(positions - line).max() > ASTRAY:
        detail = "slices lie beside each other; send one reconstruction at a time"
        raise CtRefusedError(CtRefusalReason.MIXED_GEOMETRY, detail)
