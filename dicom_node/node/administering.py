"""Puts the administration together over a node's stores, with a running node or without."""

from collections.abc import Callable

from dicom_node.administration.administration import Administration
from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.overview import Operations
from dicom_node.administration.studies import Studies
from dicom_node.node.administration import make_ae_titles, make_people
from dicom_node.node.clock import utc_now
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
        deliveries=repositories.deliveries,
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
        deliveries=Deliveries(repositories.deliveries, trail=repositories.audit, clock=utc_now),
        ae_titles=make_ae_titles(settings, repositories.ae_titles),
        people=make_people(repositories.users, repositories.tokens),
        changes=repositories.audit,
    )
