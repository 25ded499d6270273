"""Wires the stages of review over a node's stores."""

from collections.abc import Callable, Iterable
from datetime import datetime

from dicom_node.domain.route import Route
from dicom_node.persistence.worklist import HotbaseWorklist
from dicom_node.stores import Stores, utc_now
from dicom_node.workflow.conclude import Concluding
from dicom_node.workflow.file import Filing
from dicom_node.workflow.outside import OutsideVerdicts
from dicom_node.workflow.review import Reviewing
from dicom_node.workflow.review_stages import ReviewStages
from sr_templates.context import EvidenceContext


def review_stages(
    stores: Stores,
    worklist: HotbaseWorklist,
    routes: Iterable[Route],
    context: Callable[[datetime], EvidenceContext],
) -> ReviewStages:
    """Return the stages between a reported analysis and the Warehouse."""
    return ReviewStages(
        reviewing=Reviewing(
            index=stores.index,
            worklist=worklist,
            archive=stores.objects,
            routes=routes,
            clock=utc_now,
        ),
        outside=OutsideVerdicts(
            index=stores.index,
            own=stores.hotbase,
            worklist=worklist,
            outside=stores.outside,
            archive=stores.objects,
            clock=utc_now,
        ),
        concluding=Concluding(
            worklist=worklist,
            outside=stores.outside,
            results=stores.hotbase,
            instances=stores.item_instances,
            archive=stores.objects,
            context=context,
        ),
        filing=Filing(
            worklist=worklist,
            outside=stores.outside,
            results=stores.hotbase,
            instances=stores.item_instances,
            archive=stores.objects,
            files=stores.warehouse_files,
            warehouse=stores.warehouse,
            clock=utc_now,
        ),
    )
