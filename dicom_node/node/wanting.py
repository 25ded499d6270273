"""Puts together what fetches studies that somebody wants analysed."""

from datetime import timedelta

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.delivery import RetryPolicy
from dicom_node.node.clock import utc_now
from dicom_node.node.fetching import archive_of
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.wanted import StudyFetching


def study_fetching(
    settings: NodeSettings, repositories: Repositories, completion: Completion
) -> StudyFetching:
    """Return what fetches studies from the archives that have them."""
    workflow = settings.workflow
    return StudyFetching(
        book=repositories.wanted,
        index=repositories.index,
        archive=lambda title: archive_of(settings, repositories, title=title),
        completion=completion,
        policy=RetryPolicy(
            first_delay=timedelta(seconds=workflow.first_retry_delay),
            longest_delay=timedelta(seconds=workflow.longest_retry_delay),
            give_up_after=timedelta(seconds=workflow.give_up_after),
        ),
        clock=utc_now,
    )
