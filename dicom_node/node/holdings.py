"""What each receiver process answers queries and retrievals from."""

from typing import Any

from dicom_node.configuration.settings import NodeSettings
from dicom_node.network.associations import Destination
from dicom_node.network.sources import QuerySource
from dicom_node.node.archive_catalogue import ArchiveCatalogue
from dicom_node.node.own_address import own_address
from dicom_node.node.peers import address_of, scu_timeouts
from dicom_node.node.repositories import Repositories
from dicom_node.query.holdings import Holdings


def query_source(values: dict[str, Any]) -> QuerySource:
    """Return what is held: received objects and the evidence made of them, but nothing held back.

    C-MOVE sends to administered AE titles, whatever their roles. ``values`` are the node's settings
    as they travel to another process.
    """
    settings = NodeSettings.model_validate(values)
    repositories, own = Repositories(settings), own_address(settings)

    def destination(title: str) -> Destination | None:
        entity = repositories.ae_titles.find(title)
        return address_of(settings, entity) if entity is not None and not entity.url else None

    def is_node(title: str) -> bool:
        entity = repositories.ae_titles.find(title)
        return entity is not None and own.is_called_by(entity.host, entity.port)

    return QuerySource(
        holdings=Holdings(repositories.search, ArchiveCatalogue(repositories)),
        destination=destination,
        is_node=is_node,
        timeouts=scu_timeouts(settings),
        max_results=settings.network.max_query_results,
    )
