"""Fetches studies that somebody wants analysed and only an archive has."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import FoundSeries
from dicom_node.domain.retrieval import ListedInstance
from dicom_node.domain.wanted_study import WantedBook, WantedState, WantedStudy
from dicom_node.errors import NodeError, NotFoundError
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.patience import Patience
from dicom_node.workflow.ports import StudyStore

_LOG = logging.getLogger(__name__)


class StudyArchive(Protocol):
    """An archive that has whole studies."""

    def series_of(self, study_instance_uid: str) -> tuple[FoundSeries, ...]:
        """Return the series that it has of a study."""

    def listed(self, study_instance_uid: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        """Return the instances that it has of some series of a study."""

    def fetched(
        self, study_instance_uid: str, wanted: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        """Get instances; return those that came, durable."""


class StudyFetching:
    """Fetches what is wanted; an archive that is away is asked again later."""

    def __init__(
        self,
        *,
        book: WantedBook,
        index: StudyStore,
        archive: Callable[[str], StudyArchive],
        completion: Completion,
        patience: Patience,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take the parts; ``archive`` returns an archive by its AE title.

        Between two studies ``is_over`` says whether the rest is left to the next start.
        """
        self._is_over = is_over
        self._book = book
        self._index = index
        self._archive = archive
        self._completion = completion
        self._patience = patience

    def sweep(self) -> None:
        """Fetch all that is due, one study after the other."""
        for wanted in self._book.due(self._patience.clock()):
            if self._is_over():
                return
            uid = wanted.study_instance_uid
            try:
                self._fetch(wanted)
            except NodeError as error:
                self._postpone(wanted, str(error))
            else:
                _LOG.info("wanted study looked for study=%s archive=%s", uid, wanted.archive)

    def _fetch(self, wanted: WantedStudy) -> None:
        uid = wanted.study_instance_uid
        archive = self._archive(wanted.archive)
        series = [each.series_instance_uid for each in archive.series_of(uid)]
        listed = archive.listed(uid, series)
        if not listed:
            words = f"{wanted.archive} has nothing of the study"
            self._book.settle(uid, WantedState.FAILED, words)
            return
        held = {each.sop_instance_uid for each in self._index.instances(uid)}
        missing = [each for each in listed if each.sop_instance_uid not in held]
        fetched = archive.fetched(uid, missing) if missing else ()
        if fetched:
            # Results go where those of whoever wanted the study go.
            self._index.record(fetched, sender=wanted.sender)
        if len(fetched) < len(missing):
            raise NotFoundError(f"{len(fetched)} of {len(missing)} images came")
        self._index.adopt(uid, sender=wanted.sender)
        self._book.settle(uid, WantedState.FETCHED)
        self._completion.expect(uid)

    def _postpone(self, wanted: WantedStudy, reason: str) -> None:
        uid = wanted.study_instance_uid
        _LOG.warning("wanted study not fetched study=%s reason=%r", uid, reason)
        if self._patience.is_over(wanted.attempts):
            self._book.settle(uid, WantedState.FAILED, reason)
            return
        self._book.postpone(uid, reason, not_before=self._patience.next_try(wanted.attempts))
