"""Puts together what finds the orders of studies whose images name none."""

from dicom_node.configuration.settings import NodeSettings
from dicom_node.network.order_scu import WorklistScu
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of, scu_timeouts
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.analysis.orders import NoOrders, Orders


def orders_of(settings: NodeSettings, repositories: Repositories) -> Orders | NoOrders:
    """Return what asks the worklist that the settings name; nobody where they name none."""
    worklist = settings.orders.worklist
    if not worklist:
        return NoOrders()
    return Orders(
        worklist=worklist,
        source=WorklistScu(
            address=lambda: address_of(settings, repositories.ae_titles.get(worklist)),
            calling_ae=settings.network.ae_title,
            timeouts=scu_timeouts(settings),
        ),
        store=repositories.orders,
        subjects=lambda study: repositories.subjects.of({study})[study],
        knows=repositories.index.knows,
        clock=utc_now,
    )
