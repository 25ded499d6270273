"""Wires the stages of review over a node's stores."""

from collections.abc import Callable
from datetime import datetime

from dicom_node.domain.route import Route
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.workflow.review.conclude import Concluding
from dicom_node.workflow.review.external_reports import ExternalVerdicts
from dicom_node.workflow.review.file import Filing
from dicom_node.workflow.review.stages import ReviewStages
from dicom_node.workflow.review.waiting import Reviewing
from sr_templates.context import EvidenceContext


def review_stages(
    repositories: Repositories,
    review_queue: HotbaseReviewQueue,
    routes: Callable[[], tuple[Route, ...]],
    context: Callable[[datetime], EvidenceContext],
) -> ReviewStages:
    """Return the stages between a reported analysis and the Warehouse."""
    return ReviewStages(
        reviewing=Reviewing(
            index=repositories.index,
            review_queue=review_queue,
            archive=repositories.objects,
            routes=routes,
            clock=utc_now,
        ),
        external=ExternalVerdicts(
            index=repositories.index,
            own=repositories.hotbase,
            review_queue=review_queue,
            external=repositories.external,
            archive=repositories.objects,
            clock=utc_now,
        ),
        concluding=Concluding(
            review_queue=review_queue,
            external=repositories.external,
            results=repositories.hotbase,
            instances=repositories.item_instances,
            archive=repositories.objects,
            context=context,
        ),
        filing=Filing(
            review_queue=review_queue,
            external=repositories.external,
            results=repositories.hotbase,
            instances=repositories.item_instances,
            archive=repositories.objects,
            files=repositories.warehouse_files,
            warehouse=repositories.warehouse,
            clock=utc_now,
        ),
    )
