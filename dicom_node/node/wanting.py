"""Puts together what fetches studies that somebody wants analysed."""

from collections.abc import Callable

from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.fetching import archive_of
from dicom_node.node.peers import patience
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.wanted import StudyFetching


def next_revision(repositories: Repositories, study_instance_uid: str) -> int:
    """Return what the next analysis of a study is that has to be fetched for it."""
    index = repositories.index
    known = index.knows(study_instance_uid)
    return index.study(study_instance_uid).revision + 1 if known else 1


def study_fetching(
    settings: NodeSettings,
    repositories: Repositories,
    completion: Completion,
    *,
    is_over: Callable[[], bool] = lambda: False,
) -> StudyFetching:
    """Return what fetches studies from the archives that have them."""
    return StudyFetching(
        book=repositories.wanted,
        index=repositories.index,
        archive=lambda title: archive_of(settings, repositories, title=title),
        completion=completion,
        patience=patience(settings),
        is_over=is_over,
    )
