"""Repair: images that a transfer lacks are fetched from the archive that has them.

A CT series with gaps is not measured, and a transfer that broke off is waited for. Where an archive
has the whole of the series, what is missing is got from there. It counts as late images: another
revision of the study, whose report follows the one that said what was missing.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.retrieval import ListedInstance, Purpose
from dicom_node.domain.study import StudyRecord
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.ports import Clock, StudyStore
from dicom_node.workflow.priors.ports import LATE, ImageArchive, RetrievalLedger

_LOG = logging.getLogger(__name__)


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
    ) -> None:
        """Keep the parts; ``candidates`` are studies that may lack images, ``title`` the archive's.

        ``retrievals`` are told what comes for which study.
        """
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
        for study in self._candidates():
            if self._asked.get(study.study_instance_uid) == study.instance_count:
                continue
            try:
                repaired = self.repair(study)
            except NodeError as error:
                _LOG.warning(
                    "not repaired study=%s reason=%r", study.study_instance_uid, str(error)
                )
                continue
            self._asked[study.study_instance_uid] = study.instance_count
            if repaired.missing:
                done.append(repaired)
        return tuple(done)

    def repair(self, study: StudyRecord) -> Repaired:
        """Fetch what the archive has of the study's series and the node has not.

        Raises
        ------
        NodeError
            The archive cannot be asked.
        """
        uid = study.study_instance_uid
        instances = self._index.instances(uid)
        held = {each.sop_instance_uid for each in instances}
        series = tuple(dict.fromkeys(each.series_instance_uid for each in instances))
        listed = self._archive.listed(uid, series)
        missing = [each for each in listed if each.sop_instance_uid not in held]
        fetched = self._fetched(study, missing) if missing else ()
        if listed and len(fetched) == len(missing):
            self._index.resumed(uid, sender=study.sender)
        if fetched:
            self._completion.expect(uid)
        _LOG.info("repaired study=%s missing=%d fetched=%d", uid, len(missing), len(fetched))
        return Repaired(study_instance_uid=uid, missing=len(missing), fetched=len(fetched))

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
