"""Whether slices go on from each other as a body does: none blank, repeated, missing or misplaced.

Positions may be right in the header and wrong for the pixels: slices numbered anew after some were
lost, put in another order, filled in by copies, or taken from two breaths. Body and bones change
from slice to slice by little, and the more the farther slices lie apart, whatever the lungs hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.geometry import MINIMUM_SLICES, in_words
from ai_engine.ct.morphology import Mask, fill_planes
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.volume import CtVolume, Hounsfield

STEP = 4.0
"""mm of the pixels on which slices are compared."""

TISSUE = -300
BONES = (100.0, 400.0)
SKIN = 200.0
"""Hounsfield units of the body; those of bone, between which slices differ; and what a pixel counts
that is body in one slice and none in the next."""

BLANK = 0.02
"""Part of the usual section of the body below which a slice holds none."""

AROUND = 4
FLOOR = 1.0
JUMP = 2.2
"""A step between two slices is held against the median of so many on both sides and a little more;
it is 1.4 times that at most in six chests, in slices of 2 to 6 mm, and 2.6 and more where five
slices of 2 mm are missing."""

BACK = 0.75
LEAST = 1.0
"""Of the larger one of two steps that follow each other, what both together lead to at least where
they lead on: 1.1 and more in the same chests, 0.8 in a narrow view of one of them, 0.6 and less
where two slices have changed places.
What differs by less than `LEAST` is noise."""

METAL = 2500
METAL_AREA = 30.0
"""Hounsfield units that no bone and no contrast agent has, and mm² of them from which streaks of
metal may change a slice more than its place does: nothing is said of the steps to and from it."""

MOST_NAMED = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outlined:
    """A slice on pixels of `STEP`: its bones, what is tissue, and the body with what it encloses.

    Arms that touch the trunk, and a table's shell, enclose air in one slice and none in the next:
    so body counts as different only where one of both slices has tissue. ``has_metal`` says
    whether streaks may lie in the slice.
    """

    bones: npt.NDArray[np.float32]
    tissue: Mask
    body: Mask
    has_metal: bool


def with_body(volume: CtVolume) -> range:
    """Return the slices from the first to the last that hold some of the body.

    Raises
    ------
    CtRefusedError
        If one between them holds none, or too few are left.
    """
    sections = np.array([_section(plane, volume) for plane in volume.hounsfield])
    usual = float(np.median(sections[sections > 0])) if sections.any() else 0.0
    filled = np.flatnonzero(sections > BLANK * usual)
    if not len(filled):
        return range(len(sections))
    body = range(int(filled[0]), int(filled[-1]) + 1)
    if len(filled) < len(body):
        blank = np.setdiff1d(np.array(body), filled)
        detail = f"no image in {_named(blank)}, counted from the head; send the whole series"
        raise CtRefusedError(CtRefusalReason.MISSING_SLICES, detail)
    if len(body) < min(MINIMUM_SLICES, len(sections)):
        detail = f"{in_words(len(body))} with an image, at least {MINIMUM_SLICES} are needed"
        raise CtRefusedError(CtRefusalReason.TOO_FEW_SLICES, detail)
    return body


def require_continuous(volume: CtVolume, first: int = 0) -> None:
    """Refuse slices that don't go on from each other.

    Parameters
    ----------
    volume
        The slices to look at.
    first
        The index, from 0, of the first of them among all that were sent.

    Raises
    ------
    CtRefusedError
        If slices hold the same pixels, or neighbours are farther from each other than others.
    """
    planes = volume.hounsfield
    same = [index for index in range(len(planes) - 1) if _are_same(planes[index : index + 2])]
    if same:
        detail = f"the same pixels in {_named(same, first)} as in the next; send each slice once"
        raise CtRefusedError(CtRefusalReason.DUPLICATED_SLICES, detail)
    outlines = [_outlined(plane, volume) for plane in planes]
    steps, pairs = _steps(outlines, 1), _steps(outlines, 2)
    metal = np.array([each.has_metal for each in outlines], np.bool_)
    streaked = metal[:-1] | metal[1:]
    larger = np.maximum(steps[:-1], steps[1:])
    goes_back = (pairs < BACK * larger) & (pairs < larger - LEAST)
    back = np.flatnonzero(goes_back & ~(streaked[:-1] | streaked[1:]))
    if len(back):
        named = _named(back + 1, first)
        detail = f"out of order at {named}, counted from the head; send the series anew"
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)
    jumps = np.flatnonzero((steps > JUMP * (_usual(steps) + FLOOR)) & ~streaked)
    if len(jumps):
        named = _named(jumps, first)
        detail = (
            f"body and bones leap after {named}, counted from the head: slices are missing "
            "or lie elsewhere than stated; send the series anew"
        )
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)


def _section(plane: Hounsfield, volume: CtVolume) -> int:
    """How many pixels, every few millimetres, are body; none where all of a slice is one value."""
    _, height, width = volume.geometry.spacing
    thinned = plane[:: max(1, round(STEP / height)), :: max(1, round(STEP / width))]
    return int(np.count_nonzero(thinned > TISSUE)) if np.ptp(thinned) > 0 else 0


def _are_same(pair: Hounsfield) -> bool:
    return bool(np.ptp(pair[0]) > 0 and np.array_equal(pair[0], pair[1]))


def _shrunk(plane: Hounsfield, volume: CtVolume) -> npt.NDArray[np.float32]:
    _, height, width = volume.geometry.spacing
    rows, columns = plane.shape
    size = max(1, round(columns * width / STEP)), max(1, round(rows * height / STEP))
    size = min(size[0], columns), min(size[1], rows)
    return np.asarray(cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _outlined(plane: Hounsfield, volume: CtVolume) -> Outlined:
    """What of a slice is compared."""
    shrunk = _shrunk(plane, volume)
    tissue = shrunk > TISSUE
    _, height, width = volume.geometry.spacing
    return Outlined(
        bones=np.clip(shrunk, *BONES),
        tissue=tissue,
        body=fill_planes(tissue[None])[0],
        has_metal=bool(np.count_nonzero(plane > METAL) * height * width >= METAL_AREA),
    )


def _steps(planes: Sequence[Outlined], apart: int) -> Floats:
    """How much slices differ that lie so many apart: the mean over their pixels."""
    return np.array(
        [
            _difference(one, other)
            for one, other in zip(planes[:-apart], planes[apart:], strict=True)
        ]
    )


def _difference(one: Outlined, other: Outlined) -> float:
    bones = np.mean(np.abs(one.bones - other.bones))
    skin = np.mean((one.body != other.body) & (one.tissue | other.tissue))
    return float(bones + SKIN * skin)


def _usual(steps: Floats) -> Floats:
    """The median of the steps around each, without itself."""
    usual = np.empty_like(steps)
    for index in range(len(steps)):
        around = [*steps[max(0, index - AROUND) : index], *steps[index + 1 : index + 1 + AROUND]]
        usual[index] = np.median(around) if around else steps[index]
    return usual


def _named(places: Sequence[int] | npt.NDArray[np.intp], first: int = 0) -> str:
    """Slices by their number from the head."""
    words = ", ".join(str(first + int(place) + 1) for place in places[:MOST_NAMED])
    rest = len(places) - MOST_NAMED
    words = f"slice {words}" if len(places) == 1 else f"slices {words}"
    return f"{words} and {rest} more" if rest > 0 else words
