"""The stages from a reported analysis to the Warehouse, and what an expert does between them."""

from dataclasses import dataclass

from dicom_node.workflow.review.conclude import Concluding
from dicom_node.workflow.review.external_reports import ExternalVerdicts
from dicom_node.workflow.review.file import Filing
from dicom_node.workflow.review.waiting import Reviewing


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewStages:
    """An item waits (``reviewing``), is decided here or elsewhere (``outside``), and concluded."""

    reviewing: Reviewing
    external: ExternalVerdicts
    concluding: Concluding
    filing: Filing
