"""Traces of CT in the header of what is sent as a radiograph: a topogram, or a slice.

Stations export topograms as CR, DX or Secondary Capture and drop Image Type and description, but
what only a CT scanner has to say often stays (PS3.3 C.8.2.1).
"""

import re

from pydicom import Dataset
from pydicom.tag import Tag

_OF_CT = (
    "DataCollectionDiameter",
    "ReconstructionDiameter",
    "GantryDetectorTilt",
    "RotationDirection",
    "ConvolutionKernel",
    "RevolutionTime",
    "SingleCollimationWidth",
    "TotalCollimationWidth",
    "TableSpeed",
    "TableFeedPerRotation",
    "SpiralPitchFactor",
    "CTDIvol",
    "CTDIPhantomTypeCodeSequence",
)
_SCOUT = re.compile(
    r"\b(scout\w*|topo|topogram\w*|scano|scanogram\w*|surview|locali[sz]er)\b", re.IGNORECASE
)
_TEXTS = ("ScanOptions", "AcquisitionType", "AcquisitionProtocolName")


def has_traces_of_ct(dataset: Dataset) -> bool:
    """Whether a header has values that only CT has: geometry, kernel, dose, Hounsfield units."""
    if any(_text(dataset, keyword) for keyword in _OF_CT):
        return True
    if _text(dataset, "RescaleType").upper() == "HU":
        return True
    return any(_SCOUT.search(_text(dataset, each).replace("_", " ")) for each in _TEXTS)


def _text(dataset: Dataset, keyword: str) -> str:
    if keyword not in dataset:
        return ""
    value = dataset.get_item(Tag(keyword)).value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0")
