"""Puts together what the node tells others of itself, over associations that it opens."""

import functools

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import Role
from dicom_node.network.message_scu import MessageScu
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of, patience, scu_timeouts
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.sole import DestinationLocks
from dicom_node.workflow.delivery.availability import AvailabilityNews
from dicom_node.workflow.delivery.messages import MessageSending


class Messages:
    """What is to be told, and its sending."""

    def __init__(self, settings: NodeSettings, repositories: Repositories) -> None:
        scu = MessageScu(calling_ae=settings.network.ae_title, timeouts=scu_timeouts(settings))
        self._news = AvailabilityNews(
            book=repositories.messages,
            receivers=lambda: informed(repositories),
            clock=utc_now,
        )
        self._sending = MessageSending(
            book=repositories.messages,
            ae_titles=repositories.ae_titles,
            send=lambda entity, messages: scu.send(address_of(settings, entity), messages),
            patience=patience(settings),
            sole=functools.partial(DestinationLocks(repositories.engine).one, "messages"),
        )

    def sweep(self) -> None:
        """Write what is to be told, and send what is due."""
        self._news.sweep()
        self._sending.sweep()


def informed(repositories: Repositories) -> tuple[str, ...]:
    """Return the AE titles that are told which results are available."""
    entities = repositories.ae_titles.all()
    return tuple(each.title for each in entities if Role.INFORMED in each.roles)
