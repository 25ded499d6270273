"""Why a CT series was not analysed: a clear statement, not a wrong number."""

from enum import StrEnum

from ai_engine.errors import AiEngineError, ImageRefusedError
from ai_engine.prediction import RefusalReason


class CtRefusalReason(StrEnum):
    """Why a series was not analysed."""

    NOT_CT = "not CT images"
    LOCALIZER = "localizer instead of slices"
    PROJECTION = "projections through slices instead of slices"
    NO_GEOMETRY = "position, orientation or spacing missing"
    NO_HOUNSFIELD_UNITS = "values are not Hounsfield units"
    TOO_FEW_SLICES = "too few slices"
    MIXED_SERIES = "slices of more than one series"
    MIXED_GEOMETRY = "slices of different orientation, size or pixel spacing"
    NOT_AXIAL = "slices are not axial"
    DECUBITUS = "decubitus: the patient lies on the side"
    GANTRY_TILT = "gantry tilt"
    DUPLICATED_SLICES = "more than one slice at one position"
    MISSING_SLICES = "slices are missing"
    UNEVEN_SPACING = "slices are not evenly spaced"
    TOO_THICK = "slices are too far apart"
    UNDECODABLE = "pixel data cannot be decoded"
    CONTRADICTORY = "pixel data contradicts the header"
    UNSUPPORTED_COMPRESSION = "compression not supported"
    FIELD_OF_VIEW = "the field of view does not hold the chest"
    NO_LUNGS = "no lungs in the field of view"


class CtRefusedError(AiEngineError):
    """A series that must not or cannot be analysed; ``detail`` never holds header values."""

    def __init__(self, reason: CtRefusalReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


def undecodable_slice(error: ImageRefusedError) -> CtRefusedError:
    """The refusal of a series for a slice whose pixels could not be read."""
    reason = {
        RefusalReason.CONTRADICTORY: CtRefusalReason.CONTRADICTORY,
        RefusalReason.BITS_UNCLEAR: CtRefusalReason.CONTRADICTORY,
        RefusalReason.UNSUPPORTED_COMPRESSION: CtRefusalReason.UNSUPPORTED_COMPRESSION,
    }.get(error.reason, CtRefusalReason.UNDECODABLE)
    return CtRefusedError(reason, f"a slice: {error.detail}")
