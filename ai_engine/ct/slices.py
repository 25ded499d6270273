"""What is known of each CT slice before its pixels are decoded.

Single-frame CT Image Storage (PS3.3 A.3) has one slice per object; Enhanced CT (PS3.3 A.38) and
its legacy converted form have one per frame, described in functional groups (PS3.3 C.7.6.16).
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.preprocessing.header_values import UnreadableValueError, integer, numbers

Vector = tuple[float, float, float]

CT_CLASSES = frozenset(
    {CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage}
)
PROJECTIONS = frozenset({"MIP", "MAX_IP", "MINIP", "MIN_IP", "MEAN_IP", "PROJECTION IMAGE"})
_NO_AGENT = re.compile(
    r"(no|non|none|nil|null|0|n a|na|not applicable|without|w o|wo|ohne|kein|keine|sans|sin|senza|"
    r"native?|plain|unenhanced|нет|без)( (iv|oral))?( (contrast|agent|kontrast\w*|km|"
    r"contraste|contrasto|контраста?))?",
)
MALFORMED = (AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReference:
    """Where a slice comes from; ``frame_number`` counts from 1 in multi-frame objects."""

    sop_instance_uid: str
    frame_number: int | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Slice:
    """One slice's place in space (mm, patient coordinates) and the way to its pixels.

    ``spacing`` is between rows and between columns; ``gantry_tilt`` is in degrees, as stated.
    ``thickness`` is in mm as stated, 0 where none can be read.
    ``position_unit`` is the last decimal place (mm) to which each coordinate was written.
    """

    dataset: Dataset
    reference: SliceReference
    series_uid: str
    shape: tuple[int, int]
    position: Vector
    position_unit: Vector
    rows_along: Vector
    columns_along: Vector
    spacing: tuple[float, float]
    slope: float
    intercept: float
    gantry_tilt: float
    contrast: bool
    thickness: float = 0.0


def read_slices(datasets: Sequence[Dataset]) -> tuple[Slice, ...]:
    """Read every slice's header, in the order given.

    Raises
    ------
    CtRefusedError
        If one of the objects isn't an axial CT slice in Hounsfield units with a known place.
    """
    return tuple(entry for dataset in datasets for entry in _slices(dataset))


def _slices(dataset: Dataset) -> Iterator[Slice]:
    modality = str(dataset.get("Modality") or "").strip(" \0").upper()
    if dataset.get("SOPClassUID") not in CT_CLASSES or modality != "CT":
        raise CtRefusedError(CtRefusalReason.NOT_CT, "send the slices of one chest CT series")
    _require_slice(dataset)
    frames = dataset.get("PerFrameFunctionalGroupsSequence")
    if frames is None:
        yield _read(dataset, (dataset,), None)
        return
    _require_groups(dataset, len(frames))
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or ())
    for number, frame in enumerate(frames, start=1):
        yield _read(dataset, _groups(frame, *shared), number)


def _require_groups(dataset: Dataset, described: int) -> None:
    """Each frame has an item of its own, in the order of the frames (PS3.3 C.7.6.16)."""
    try:
        frames = integer(dataset, "NumberOfFrames")
    except UnreadableValueError:
        frames = None
    if frames != described:
        detail = (
            f"{described} frames are described, and the object states another number of them; "
            "send it anew"
        )
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)


def _require_slice(dataset: Dataset) -> None:
    kinds = {
        str(kind).strip(" \0").upper()
        for kind in (*_many(dataset.get("ImageType")), *_frame_types(dataset))
    }
    if "LOCALIZER" in kinds:
        raise CtRefusedError(CtRefusalReason.LOCALIZER, "leave localizers out of the series")
    if kinds & PROJECTIONS:
        raise CtRefusedError(
            CtRefusalReason.PROJECTION, "send the slices that the projections were made from"
        )


def _frame_types(dataset: Dataset) -> Iterator[object]:
    """Yield what an enhanced object calls all of its frames (PS3.3 C.8.15.3.1)."""
    for shared in dataset.get("SharedFunctionalGroupsSequence") or ():
        for kind in shared.get("CTImageFrameTypeSequence") or ():
            yield from _many(kind.get("FrameType"))


def _groups(*levels: Dataset) -> tuple[Dataset, ...]:
    """The functional group macros of a frame, its own before the shared ones."""
    return tuple(
        element.value[0]
        for level in levels
        for element in level
        if element.VR == "SQ" and element.value
    )


def _read(dataset: Dataset, places: Sequence[Dataset], frame: int | None) -> Slice:
    try:
        orientation = _floats(_first(places, "ImageOrientationPatient"), 6)
        written = _first(places, "ImagePositionPatient")
        position = _floats(written, 3)
        spacing = _floats(_first(places, "PixelSpacing"), 2)
        shape = (int(dataset.Rows), int(dataset.Columns))
        series_uid, sop_uid = str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID)
        tilt = _tilt((*places, dataset))
    except MALFORMED:
        detail = "a slice lacks what places it in space, or states it wrongly"
        raise CtRefusedError(CtRefusalReason.NO_GEOMETRY, detail) from None
    slope, intercept = _rescale(places)
    return Slice(
        dataset=dataset,
        reference=SliceReference(sop_instance_uid=sop_uid, frame_number=frame),
        series_uid=series_uid,
        shape=shape,
        position=(position[0], position[1], position[2]),
        position_unit=_units(written),
        rows_along=(orientation[3], orientation[4], orientation[5]),
        columns_along=(orientation[0], orientation[1], orientation[2]),
        spacing=(spacing[0], spacing[1]),
        slope=slope,
        intercept=intercept,
        gantry_tilt=tilt,
        contrast=any(_has_contrast(level) for level in (*places, dataset)),
        thickness=_thickness(places),
    )


def _tilt(levels: Sequence[Dataset]) -> float:
    """Gantry/Detector Tilt in degrees, of an object or of a frame; 0 where none is stated."""
    stated = (numbers(level, "GantryDetectorTilt").values for level in levels)
    return next((value for values in stated for value in values), 0.0)


def _thickness(places: Sequence[Dataset]) -> float:
    """Slice Thickness in mm, of an object or of a frame (PS3.3 C.7.6.2, C.7.6.16.2.1)."""
    try:
        return abs(_floats(_first(places, "SliceThickness"), 1)[0])
    except MALFORMED:
        return 0.0


def _has_contrast(dataset: Dataset) -> bool:
    """Whether a contrast agent is named; scanners also write that there was none."""
    agent = re.sub(r"\W+", " ", str(dataset.get("ContrastBolusAgent") or "")).strip().casefold()
    if agent:
        return _NO_AGENT.fullmatch(agent) is None
    return bool(dataset.get("ContrastBolusAgentSequence"))


def _rescale(places: Sequence[Dataset]) -> tuple[float, float]:
    """Rescale slope and intercept (PS3.3 C.8.2.1): type 1 in CT images, in Hounsfield units."""
    detail = "the rescale to Hounsfield units is missing or leads to another unit"
    try:
        slope, intercept = (
            *_floats(_first(places, "RescaleSlope"), 1),
            *_floats(_first(places, "RescaleIntercept"), 1),
        )
        unit = next((str(place.RescaleType) for place in places if "RescaleType" in place), "HU")
    except MALFORMED:
        raise CtRefusedError(CtRefusalReason.NO_HOUNSFIELD_UNITS, detail) from None
    if slope == 0.0:
        detail = "the rescale slope is 0, so that every voxel would have one value"
    elif slope < 0.0:
        detail = "the rescale slope is negative, so that air would be denser than bone"
    if slope <= 0.0 or unit.strip().upper() not in {"HU", "HU_MOD", ""}:
        raise CtRefusedError(CtRefusalReason.NO_HOUNSFIELD_UNITS, detail)
    return slope, intercept


def _first(places: Sequence[Dataset], keyword: str) -> object:
    for place in places:
        if keyword in place:
            return numbers(place, keyword).values
    raise KeyError(keyword)


def _floats(value: object, count: int) -> tuple[float, ...]:
    numbers = tuple(float(str(part)) for part in _many(value))
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise ValueError
    return numbers


def _units(written: object) -> Vector:
    """The unit of the last decimal place of each of three decimal strings (PS3.5 6.2, DS)."""
    x, y, z = (Decimal(str(part)).as_tuple().exponent for part in _many(written))
    return _power(x), _power(y), _power(z)


def _power(exponent: int | str) -> float:
    return 10.0 ** min(0, exponent) if isinstance(exponent, int) else 0.0


def _many(value: object) -> tuple[object, ...]:
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    return tuple(value) if hasattr(value, "__iter__") else (value,)
