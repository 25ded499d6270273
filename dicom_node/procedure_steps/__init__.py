"""The worklist as DICOM, whatever carries it: DIMSE (``network``) or HTTP (``dicomweb``)."""
