"""From stored values to what is displayed, as a presentation state must say it again in full.

A viewer that applies a presentation state takes nothing from the image: neither rescale nor window
nor polarity (PS3.4 N.2). What the state leaves out is identity, which shows most radiographs black,
and a MONOCHROME1 image inverted.
"""

import copy
from collections.abc import Sequence
from types import MappingProxyType

from pydicom.dataset import Dataset

from sr_templates.errors import EvidenceError
from sr_templates.source_attributes import SourceAttributes

# Presentation LUT Shape (2050,0020) by photometric interpretation (PS3.3 C.11.6).
SHAPES = MappingProxyType({"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"})
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_VALUES = ("LUTDescriptor", "LUTData")
_LUT = ("LUTDescriptor", "LUTExplanation", "ModalityLUTType", "LUTData")


def add_grayscale(
    state: Dataset,
    source: Dataset,
    attributes: SourceAttributes,
    value_range: tuple[float, float] | None,
) -> None:
    """Modality LUT, Softcopy VOI LUT and Softcopy Presentation LUT modules (PS3.3 C.11).

    Raises
    ------
    EvidenceError
        The source is not grey, or nothing says which of its values are black and white.
    """
    shape = _shape(attributes)
    if shape is None:
        raise EvidenceError("the image is not a grey one: a grayscale state cannot be applied")
    _add_modality_lut(state, source, attributes)
    if item := _voi(source, attributes, value_range):
        state.SoftcopyVOILUTSequence = [item]
    state.PresentationLUTShape = shape


def _shape(attributes: SourceAttributes) -> str | None:
    """From Photometric Interpretation however it is spelt; without it, the image's own shape."""
    stated = "".join(attributes.values("PhotometricInterpretation"))
    own = "".join(attributes.values("PresentationLUTShape"))
    if not stated:
        return own if own in SHAPES.values() else None
    return SHAPES.get(stated.replace(" ", "").replace("_", ""))


def _add_modality_lut(state: Dataset, source: Dataset, attributes: SourceAttributes) -> None:
    """Copy the table or the rescale; an image without either has stored values for output."""
    if source.get("ModalityLUTSequence"):
        tables = _tables(source, "ModalityLUTSequence")
        if not tables:
            raise EvidenceError("the modality LUT is not stored so that a state may repeat it")
        for table in tables:
            if not table.get("ModalityLUTType"):  # type 1 here: US is an unspecified unit
                table.ModalityLUTType = "US"
        state.ModalityLUTSequence = tables
        return
    slope, intercept = (_number(attributes, f"Rescale{part}") for part in ("Slope", "Intercept"))
    if slope and intercept is not None:
        state.RescaleSlope = attributes.values("RescaleSlope")[0]
        state.RescaleIntercept = attributes.values("RescaleIntercept")[0]
        # Type 1 here, type 3 in some images: US says that the unit is not specified.
        state.RescaleType = (attributes.values("RescaleType") or ["US"])[0]


def _voi(
    source: Dataset, attributes: SourceAttributes, value_range: tuple[float, float] | None
) -> Dataset | None:
    """Item of Softcopy VOI LUT Sequence: the first table or window, else the range, else none.

    8-bit images need none: their full range is what every viewer shows.
    """
    item = Dataset()
    if tables := _tables(source, "VOILUTSequence"):
        item.VOILUTSequence = tables[:1]
        return item
    if (window := _window(attributes)) is not None:
        item.WindowCenter, item.WindowWidth = window
        if (function := _function(attributes)) != "LINEAR":
            item.VOILUTFunction = function
        return item
    if value_range is not None:
        low, high = value_range
        # The Standard's LINEAR function takes exactly low to black and high to white.
        item.WindowCenter = f"{(low + high + 1) / 2:.10g}"
        item.WindowWidth = f"{max(high - low + 1, 1):.10g}"
        return item
    if source.get("BitsStored") in (1, 8):
        return None
    raise EvidenceError("the image states no window: its range of values must be given")


def _window(attributes: SourceAttributes) -> tuple[str, str] | None:
    centers, widths = (attributes.values(f"Window{part}") for part in ("Center", "Width"))
    if not centers or not widths:
        return None
    least = 1.0 if _function(attributes) == "LINEAR" else 1e-9
    return (centers[0], widths[0]) if float(widths[0]) >= least else None


def _function(attributes: SourceAttributes) -> str:
    stated = "".join(attributes.values("VOILUTFunction"))
    return stated if stated in FUNCTIONS else "LINEAR"


def _tables(source: Dataset, keyword: str) -> list[Dataset]:
    """Copy the complete and valid items of a sequence of lookup tables."""
    items: Sequence[Dataset] = source.get(keyword) or []
    copies = []
    for item in items:
        table = Dataset()
        for name in _LUT:
            if name in item:
                table[name] = copy.deepcopy(item[name])
        kinds = tuple(table[name].VR if name in table else "" for name in _VALUES)
        if kinds[0] in {"US", "SS"} and kinds[1] in {"US", "OW"}:
            copies.append(table)
    return copies


def _number(attributes: SourceAttributes, keyword: str) -> float | None:
    values = attributes.values(keyword)
    return float(values[0]) if values else None
