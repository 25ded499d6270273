"""The order of a study whose images name none, added to their headers before results are made.

What images say themselves always stands: only what they lack is added.
"""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sr_templates.requested_procedure import RequestedProcedure

_OF_REQUEST = (
    ("RequestedProcedureID", "requested_procedure_id"),
    ("RequestedProcedureDescription", "requested_procedure_description"),
)
_OF_HEADER = (
    ("PlacerOrderNumberImagingServiceRequest", "placer_order_number"),
    ("FillerOrderNumberImagingServiceRequest", "filler_order_number"),
)


def add_request(header: Dataset, procedure: RequestedProcedure) -> Dataset:
    """Return a header with an order, where it names none; else as it is."""
    if str(header.get("AccessionNumber") or "").strip():
        return header
    header.AccessionNumber = procedure.accession_number
    # Text of other alphabets would need another character set than the header's.
    said = {
        keyword: value
        for keyword, field in _OF_REQUEST
        if (value := getattr(procedure, field)) and value.isascii()
    }
    if said and not header.get("RequestAttributesSequence"):
        item = Dataset()
        for keyword, value in said.items():
            setattr(item, keyword, value)
        header.RequestAttributesSequence = Sequence([item])
    for keyword, field in _OF_HEADER:
        value = getattr(procedure, field)
        if value and value.isascii() and keyword not in header:
            setattr(header, keyword, value)
    return header
