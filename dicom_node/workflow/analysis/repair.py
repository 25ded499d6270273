"""Repair: images that a transfer lacks are fetched from the archive that has them.

A CT series with gaps is not measured, and a transfer that broke off is waited for. Where an archive
has the whole of the series, what is missing is got from there. It counts as late images: another
revision of the study, whose report follows the one that said what was missing.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import FoundSeries
from dicom_node.domain.retrieval import ListedInstance, Purpose
from dicom_node.domain.study import StudyRecord
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.ports import Clock, StudyStore
from dicom_node.workflow.priors.ports import LATE, ImageArchive, RetrievalLedger

_LOG = logging.getLogger(__name__)
# Studies in one sweep that an archive does not answer for.
_ENOUGH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """How many images of a study were missing, and how many of them came."""

    study_instance_uid: str
    missing: int
    fetched: int


class Repairing:
    """Asks one archive for what studies lack, each time a study has other images than before."""

    def __init__(
        self,
        *,
        index: StudyStore,
        candidates: Callable[[], Sequence[StudyRecord]],
        archive: ImageArchive,
        completion: Completion,
        retrievals: RetrievalLedger,
        title: str,
        clock: Clock,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Keep the parts; ``candidates`` are studies that may lack images, ``title`` the archive's.

        ``retrievals`` are told what comes for which study. Between two studies ``is_over`` says
        whether the rest is left to the next start.
        """
        self._is_over = is_over
        self._retrievals = retrievals
        self._title = title
        self._clock = clock
        self._index = index
        self._candidates = candidates
        self._archive = archive
        self._completion = completion
        self._asked: dict[str, int] = {}

    def sweep(self) -> tuple[Repaired, ...]:
        """Repair what can be; an archive that does not answer is asked again at the next sweep."""
        done = []
        failures = 0
        candidates = self._candidates()
        asked = {each.study_instance_uid for each in candidates} & self._asked.keys()
        self._asked = {uid: self._asked[uid] for uid in asked}
        for study in candidates:
            if self._asked.get(study.study_instance_uid) == study.instance_count:
                continue
            if self._is_over() or failures == _ENOUGH:  # away: others would only wait for it too
                break
            try:
                repaired = self.repair(study)
            except NodeError as error:
                self._failed(study, str(error))
                failures += 1
                continue
            self._asked[study.study_instance_uid] = study.instance_count
            if repaired.missing:
                done.append(repaired)
        return tuple(done)

    def repair(self, study: StudyRecord) -> Repaired:
        """Fetch what the archive has of the study's series and the node has not.

        The archive's counts decide (Number of Series Related Instances): a series of which it has
        no more than the node is not looked into.

        Raises
        ------
        NodeError
            The archive cannot be asked.
        """
        uid = study.study_instance_uid
        instances = self._index.instances(uid)
        held = {each.sop_instance_uid for each in instances}
        counted = {each.series_instance_uid: each for each in self._archive.series_of(uid)}
        listed = self._archive.listed(uid, tuple(_doubtful(instances, counted)))
        missing = [each for each in listed if each.sop_instance_uid not in held]
        fetched = self._fetched(study, missing) if missing else ()
        is_there = {each.series_instance_uid for each in instances} <= counted.keys()
        if is_there and len(fetched) == len(missing):
            self._index.resumed(uid, sender=study.sender)
        if fetched:
            self._completion.expect(uid)
        self._told(study, len(missing), len(fetched), is_known=bool(counted))
        return Repaired(study_instance_uid=uid, missing=len(missing), fetched=len(fetched))

    def _told(self, study: StudyRecord, missing: int, fetched: int, *, is_known: bool) -> None:
        uid = study.study_instance_uid
        if missing:
            words = f"{fetched} of {missing} missing images came"
        else:
            words = "it has no more images" if is_known else "it does not have the study"
        _LOG.info("repaired study=%s missing=%d fetched=%d", uid, missing, fetched)
        now = self._clock()
        self._retrievals.note(uid, self._title, Purpose.REPAIR, words, at=now)

    def _failed(self, study: StudyRecord, reason: str) -> None:
        uid = study.study_instance_uid
        _LOG.warning("not repaired study=%s reason=%r", uid, reason)
        self._retrievals.note(uid, self._title, Purpose.REPAIR, reason, at=self._clock())

    def _fetched(
        self, study: StudyRecord, missing: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        uid = study.study_instance_uid
        self._retrievals.begin(uid, self._title, Purpose.REPAIR, at=self._clock())
        try:
            fetched = self._archive.fetched(uid, missing)
            if fetched:
                # Results go where those of the study's own sender go.
                self._index.record(fetched, sender=study.sender)
            return fetched
        finally:
            self._retrievals.end(uid, self._title, Purpose.REPAIR, until=self._clock() + LATE)


def _doubtful(
    instances: Sequence[ReceivedInstance], counted: Mapping[str, FoundSeries]
) -> Iterator[str]:
    """Yield the series of which the archive has more images than are here, or may have."""
    here = Counter(each.series_instance_uid for each in instances)
    for uid, count in here.items():
        if uid in counted:
            there = counted[uid].instances
            if there is None or there > count:
                yield uid
