"""Codes and UIDs of the worklist (PS3.16 CID 9231, PS3.6 Annex A)."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
UPS_WATCH = "1.2.840.10008.5.1.4.34.6.2"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
UPS_EVENT = "1.2.840.10008.5.1.4.34.6.4"
UPS_QUERY = "1.2.840.10008.5.1.4.34.6.5"
MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
VERIFICATION = "1.2.840.10008.1.1"

# CID 9231, General Purpose Workitem Definition: what a step may ask for here.
REVIEW_CODES: dict[str, str] = {
    "110005": "Interpretation",
    "110007": "Report Verification",
}
ANALYSIS_CODES: dict[str, str] = {
    "110004": "Computer Aided Detection",
    "110003": "Computer Aided Diagnosis",
    "110001": "Image Processing",
}
INTERPRETATION = ("110005", "DCM", "Interpretation")
DETECTION = ("110004", "DCM", "Computer Aided Detection")


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence (PS3.3 Table 8.8-1)."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def code_sequence(*codes: tuple[str, str, str]) -> Sequence:
    """Return a code sequence."""
    return Sequence([coded(*code) for code in codes])
