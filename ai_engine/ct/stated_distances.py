"""What a header says of distances and places that contradicts where its slices lie.

Positions, orientation and Pixel Spacing decide (PS3.3 C.7.6.2.1.1, C.7.6.3.1.1). Where other
attributes say otherwise, one of both was changed, and volumes may be wrong: a reader is told.
"""

from collections.abc import Iterator
from itertools import chain

from pydicom import Dataset

from ai_engine.ct.geometry import Stack
from ai_engine.preprocessing.header_values import UnreadableValueError, numbers, word

ALIKE = 0.1
"""Part by which two statements of one distance may differ: rounding, and borders left out."""

OVERLAP = 1.5
THICK = 3.0
"""How many times as thick as they lie apart slices are, and mm of thickness, from which partial
volume is that of thick slices, which distances do not show."""

THICKEST = 20.0
"""mm of slices at most; what is stated beyond is in another unit, or wrong."""

OVERLAPPING = (
    "Slice Thickness is more than the distance between slices: they overlap, and small lesions and "
    "borders are blurred as in slices so far apart."
)
BETWEEN = (
    "Spacing Between Slices contradicts the positions of the slices, which were followed: volumes "
    "may be wrong."
)
FIELD = (
    "Reconstruction Diameter contradicts Rows, Columns and Pixel Spacing, which were followed: "
    "volumes may be wrong."
)
FRAMES = (
    "The slices name more than one Frame of Reference: they were taken as one stack, since they "
    "lie and look so."
)


def contradicting_distances(stack: Stack) -> Iterator[str]:
    """Yield a sentence for each statement that contradicts the stack."""
    headers = [entry.dataset for entry in stack.slices]
    if any(_differs(each, stack.step) for each in _stated(headers, "SpacingBetweenSlices")):
        yield BETWEEN
    if slice_thickness(stack) > max(THICK, OVERLAP * stack.step):
        yield OVERLAPPING
    first = stack.slices[0]
    sides = [count * step for count, step in zip(first.shape, first.spacing, strict=True)]
    originals = [each for each in headers if "ORIGINAL" in word(each, "ImageType")]
    if any(_differs(each, max(sides)) for each in _stated(originals, "ReconstructionDiameter")):
        yield FIELD
    if len({word(each, "FrameOfReferenceUID") for each in headers}) > 1:
        yield FRAMES


def slice_thickness(stack: Stack) -> float:
    """The largest Slice Thickness in mm that is stated of the stack, 0 where none is."""
    stated = (entry.thickness for entry in stack.slices)
    return max((each for each in stated if each <= THICKEST), default=0.0)


def _stated(headers: list[Dataset], keyword: str) -> set[float]:
    """What headers state of a distance in mm; none where it cannot be read or is none."""
    return set(chain.from_iterable(_readable(header, keyword) for header in headers)) - {0.0}


def _readable(header: Dataset, keyword: str) -> tuple[float, ...]:
    try:
        return tuple(map(abs, numbers(header, keyword).values[:1]))
    except UnreadableValueError:
        return ()


def _differs(stated: float, found: float) -> bool:
    return abs(stated - found) > ALIKE * max(found, 1.0)
