"""Puts the administration together over a node's stores, with a running node or without."""

from collections.abc import Callable

from dicom_node.administration.administration import Administration
from dicom_node.administration.ae_titles import AeTitles, OwnAddress
from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.overview import Operations
from dicom_node.administration.studies import Studies
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.network.storage_scu import echo
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of, scu_timeouts, tls_files
from dicom_node.node.repositories import Repositories


def make_administration(
    repositories: Repositories, *, problems: Callable[[], tuple[str, ...]] = tuple
) -> Administration:
    """Return what can be administered; ``problems`` says what keeps a running node from its work.

    A running node reads the same databases: what is changed here counts there at once.
    """
    settings = repositories.settings
    studies = Studies(
        index=repositories.index,
        lists=repositories.traffic,
        results=repositories.hotbase,
        trail=repositories.audit,
        clock=utc_now,
    )
    return Administration(
        operations=Operations(
            traffic=repositories.traffic,
            studies=studies,
            problems=problems,
            held=lambda: sum(repositories.hotbase.held_counts().values()),
            suspensions=repositories.observations.suspensions,
            clock=utc_now,
        ),
        studies=studies,
        deliveries=Deliveries(repositories.hotbase, trail=repositories.audit, clock=utc_now),
        ae_titles=AeTitles(
            repositories.ae_titles,
            own=_own_address(settings),
            call=lambda entity: _echo(settings, entity),
            clock=utc_now,
        ),
    )


def _own_address(settings: NodeSettings) -> OwnAddress:
    return OwnAddress(
        ae_title=settings.network.ae_title,
        port=settings.network.port,
        tls_port=settings.tls.port if tls_files(settings) else None,
    )


def _echo(settings: NodeSettings, entity: ApplicationEntity) -> float:
    return echo(
        address_of(settings, entity),
        calling_ae=settings.network.ae_title,
        timeouts=scu_timeouts(settings),
    )
