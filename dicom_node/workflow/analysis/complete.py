"""Completion: when has a study been received as far as anybody can tell?

DICOM has no message that says so. A study counts as complete when every association that brought
instances of it has ended and nothing has arrived for the sender's quiet period. An association
that stays open without bringing more is waited for no longer than ``patience``.

An association that was aborted, timed out or lost may have had more to bring: its sender's retry is
waited for with the patience of its AE title, and what is analysed after that says so. An instance
that comes later opens the study again and leads to a successor result.

Where the modality reports its procedure step (MPPS), or an archive which instances it has, that is
better than silence: a study is complete when the step is completed and all that was announced is
here, without waiting; while the step is in progress, or a series has come in part, the rest is
waited for with the same patience.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from dicom_node.domain.application_entity import DEFAULT_PATIENCE
from dicom_node.domain.performed_step import NOTHING_ANNOUNCED, Announced
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.study import StoredStudy, StudyRecord, StudyState
from dicom_node.workflow.analysis.route import Routed
from dicom_node.workflow.ports import (
    AeTitles,
    Clock,
    Expected,
    ResultStore,
    StudyStarter,
    StudyStore,
)

_LOG = logging.getLogger(__name__)
# By so much of a quiet period, and by so many seconds at most, clocks may differ at its end.
_SLACK, _MOST_SLACK = 0.25, 0.5
# What arrived so much later than now arrived before the clock was put back.
_AHEAD = timedelta(minutes=1)


class ExpectedHere:
    """The studies that workflows will look at, kept for as long as this process lives.

    They may wait for their turn in a backlog.
    """

    def __init__(self) -> None:
        self._studies: set[str] = set()

    def announce(self, study_instance_uid: str) -> None:
        """Note that a workflow is about to be started for a study."""
        self._studies.add(study_instance_uid)

    def add(self, study_instance_uid: str, workflow_id: str) -> None:
        """Do nothing more: it may have looked already."""

    def discard(self, study_instance_uid: str) -> None:
        """Note that one has looked."""
        self._studies.discard(study_instance_uid)

    def waiting(self, studies: Sequence[str]) -> frozenset[str]:
        """Return which of these studies one will still look at."""
        return frozenset(self._studies.intersection(studies))


class Completion:
    """Decides when studies are complete and hands them on, each revision once."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        ae_titles: AeTitles,
        is_carried: Callable[[str], bool],
        patience: float,
        clock: Clock,
        announced: Callable[[str], Announced] = lambda _study: NOTHING_ANNOUNCED,
        expected: Expected | None = None,
    ) -> None:
        """Take the parts; ``announced`` says what others have said of a study."""
        self._announced = announced
        self._index = index
        self._results = results
        self._ae_titles = ae_titles
        self._is_carried = is_carried
        self._patience = patience
        self._clock = clock
        self._starter: StudyStarter | None = None
        self._expected = expected or ExpectedHere()
        self._to_check: frozenset[str] = frozenset()

    def start_with(self, starter: StudyStarter) -> None:
        """Say who starts analyses; until then nothing is started."""
        self._starter = starter

    def will_check(self, study_instance_uids: Iterable[str]) -> None:
        """Note the studies whose transfer has ended and that are about to be checked, all of them.

        One association may bring hundreds, and they are checked one after the other: no sweep in
        between may take the last of them for studies whose end nobody saw.
        """
        self._to_check = frozenset(study_instance_uids)

    def expect(self, study_instance_uid: str) -> None:
        """Start the analysis of a study when its sender's quiet period has passed.

        Raises
        ------
        NotFoundError
            Nothing of the study has come.
        """
        study = self._index.study(study_instance_uid)
        if study.state is not StudyState.RECEIVING or self._starter is None:
            return
        self._expected.announce(study_instance_uid)
        period = self._quiet_period(study)
        try:
            if period > 0:
                workflow = self._starter.analyse_when_quiet(study_instance_uid, period)
            else:
                workflow = self._starter.analyse_now(study_instance_uid)
        except BaseException:
            # Nobody will look: a sweep that took it for awaited would leave it for ever.
            self._expected.discard(study_instance_uid)
            raise
        self._expected.add(study_instance_uid, workflow)

    def sweep(self) -> int:
        """Start what nothing else would start: studies that a crash or an open association left.

        Returns how many were started.
        """
        receiving = self._index.receiving()
        self._take_back(study for study in receiving if study.last_received_at > self._latest())
        # What is quiet for too short a time anyway costs no query: in a burst that is every one.
        quiet = [
            study
            for study in receiving
            if study.is_quiet(self._clock(), self._patience)
            and study.is_quiet(self._clock(), self._quiet_period(study) + self._patience)
        ]
        waiting = self._expected.waiting([each.study_instance_uid for each in quiet])
        waiting |= self._to_check
        overdue = [each for each in quiet if each.study_instance_uid not in waiting]
        for study in overdue:
            if self._broke_off_unseen(study):
                continue
            _LOG.info("study overdue study=%s: completing it", study.study_instance_uid)
            if self._starter is not None:
                workflow = self._starter.analyse_now(study.study_instance_uid)
                self._expected.add(study.study_instance_uid, workflow)
        return len(overdue)

    def _take_back(self, ahead: Iterable[StudyRecord]) -> None:
        """Begin the quiet periods anew that a clock would have end days from now."""
        for study in ahead:
            _LOG.warning("clock put back study=%s: its quiet begins now", study.study_instance_uid)
            self._index.date_back(study.study_instance_uid, to=self._clock())
            if not self._is_carried(study.study_instance_uid):
                self.expect(study.study_instance_uid)

    def _latest(self) -> datetime:
        return self._clock() + _AHEAD

    def _broke_off_unseen(self, study: StudyRecord) -> bool:
        """Note that nobody saw the transfer of a new study end: the node stopped in its midst."""
        uid = study.study_instance_uid
        if study.revision or study.interruption is not None or self._is_carried(uid):
            return False
        if uid in self._to_check:  # its transfer ended while this was asked
            return True
        self._index.left_unseen(uid, AssociationEnd.NODE_STOPPED, sender=study.sender)
        if (now := self._index.study(uid)).state is StudyState.RECEIVING and now.interruption:
            _LOG.warning("transfer interrupted study=%s how=%s", uid, now.interruption.value)
        return True

    def claim(self, study_instance_uid: str, workflow_id: str) -> StoredStudy | None:
        """Freeze a study for one workflow; None when it is not, or no longer, its turn.

        Until it is frozen it stays expected: a sweep that finds a study quiet, and nobody who will
        look at it, takes its transfer for one that broke off.
        """
        study = self._index.study(study_instance_uid)
        if study.state is StudyState.RECEIVING and not self._is_complete(study):
            self._expected.discard(study_instance_uid)
            return None
        claimed = self._index.claim(study_instance_uid, by=workflow_id, at=self._clock())
        self._expected.discard(study_instance_uid)
        return claimed

    def finish(self, study: StoredStudy, routed: Routed) -> None:
        """Record how the analysis of a revision ended."""
        failures = self._results.failures(routed.job_ids)
        if failures:
            self._index.finish(study, StudyState.FAILED, "; ".join(failures))
        elif routed.undecided:
            self._index.finish(study, StudyState.UNDECIDED, routed.reason)
        elif routed.jobs:
            self._index.finish(study, StudyState.ANALYSED)
        else:
            self._index.finish(study, StudyState.NOT_ROUTED, routed.reason)

    def claimed(self, study_instance_uid: str, workflow_id: str) -> StoredStudy | None:
        """Return what a workflow has claimed of a study; None where that is not its any more."""
        record = self._index.study(study_instance_uid)
        is_its = self._index.workflow_of(study_instance_uid) == workflow_id
        if record.state is not StudyState.COMPLETE or not is_its:
            return None
        instances = self._index.instances(study_instance_uid)
        return StoredStudy(
            study_instance_uid=study_instance_uid,
            revision=record.revision,
            sender=record.sender,
            completed_at=self._clock(),
            sop_instance_uids=tuple(each.sop_instance_uid for each in instances),
            interruption=record.interruption,
        )

    def abandon(self, study_instance_uid: str, workflow_id: str, reason: str) -> None:
        """Record that the analysis that ``workflow_id`` had claimed ended in an error."""
        self._index.give_up(study_instance_uid, StudyState.FAILED, by=workflow_id, reason=reason)

    def release(self, study_instance_uid: str, workflow_id: str) -> None:
        """Let a study be analysed anew whose analysis nobody goes on with."""
        self._index.give_up(study_instance_uid, StudyState.RECEIVING, by=workflow_id, reason="")

    def _is_complete(self, study: StudyRecord) -> bool:
        now, period = self._clock(), self._quiet_period(study)
        if period and self._is_carried(study.study_instance_uid):
            return study.is_quiet(now, period + self._patience)
        # Who stamped the last arrival, who noticed the end of the period and who claims may be
        # three hosts: each knows the database's time a little differently, and differently later.
        return study.is_quiet(now, period - min(period * _SLACK, _MOST_SLACK))

    def _quiet_period(self, study: StudyRecord) -> float:
        announced = self._announced(study.study_instance_uid)
        if announced.is_whole:
            return 0.0
        is_awaited = study.interruption is not None or announced.lacks
        sender = self._ae_titles.find(study.sender)
        if sender is None:  # no longer administered, or somebody at the upload page
            return DEFAULT_PATIENCE if is_awaited else 0.0
        if is_awaited:
            return max(sender.patience, sender.quiet_period)
        return sender.quiet_period
