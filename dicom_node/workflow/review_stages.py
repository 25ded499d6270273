"""The stages from a reported analysis to the Warehouse, and what an expert does between them."""

from dataclasses import dataclass

from dicom_node.workflow.conclude import Concluding
from dicom_node.workflow.file import Filing
from dicom_node.workflow.outside import OutsideVerdicts
from dicom_node.workflow.review import Reviewing


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewStages:
    """An item waits (``reviewing``), is decided here or elsewhere (``outside``), and concluded."""

    reviewing: Reviewing
    outside: OutsideVerdicts
    concluding: Concluding
    filing: Filing
