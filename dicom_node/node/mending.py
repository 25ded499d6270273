"""Puts together what has studies, deliveries and models' work go on, for node and command line."""

from typing import TYPE_CHECKING

from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.studies import Studies
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories

if TYPE_CHECKING:
    from dicom_node.administration.models import Suspensions


def make_studies(repositories: Repositories) -> Studies:
    """Return the administration of studies over a node's stores."""
    return Studies(
        index=repositories.index,
        lists=repositories.traffic,
        results=repositories.hotbase,
        deliveries=repositories.deliveries,
        wanted=repositories.wanted,
        archive=repositories.settings.retrieval.archive,
        trail=repositories.audit,
        clock=utc_now,
    )


def make_deliveries(repositories: Repositories) -> Deliveries:
    """Return the administration of deliveries over a node's stores."""
    return Deliveries(
        repositories.deliveries,
        study_of=lambda job_id: repositories.hotbase.job_instances(job_id)[0],
        trail=repositories.audit,
        clock=utc_now,
    )


def make_suspensions(repositories: Repositories) -> "Suspensions":
    """Return the administration of suspensions over a node's stores."""
    # Knows cards of models, which no other command here needs.
    from dicom_node.administration.models import Suspensions  # noqa: PLC0415

    return Suspensions(repositories.observations, clock=utc_now)
