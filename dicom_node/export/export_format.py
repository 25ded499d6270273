"""What forms an export has; whoever only names them loads nothing that makes them."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What an export looks like."""

    DICOM = "dicom"
    NIH = "nih"
    COCO = "coco"
