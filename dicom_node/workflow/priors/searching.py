"""Searching for priors: what an archive has of a patient is sorted, and what is wanted is fetched.

One study is searched for at a time, and nothing else of the node waits for it. An archive that is
away is asked again a few times, less often each time; its answers are bounded where they are read.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from dicom_node.domain.prior import (
    FoundSeries,
    FoundStudy,
    Prior,
    PriorRule,
    PriorSearch,
    PriorState,
    SearchState,
    candidates,
    shows_images,
    wanted_series,
)
from dicom_node.domain.retrieval import ListedInstance, Purpose
from dicom_node.errors import NodeError
from dicom_node.workflow.ports import Clock, StudyStore
from dicom_node.workflow.priors.ports import LATE, PriorArchive, PriorLedger, RetrievalLedger

_LOG = logging.getLogger(__name__)
# Earlier studies that are looked into for series that fit.
_LOOKED_INTO = 20
# Seconds before a search is tried again; after the last of them it has failed.
RETRIES = (5.0, 60.0, 600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorParts:
    """What searching works with; ``archive`` is the one called ``title``."""

    ledger: PriorLedger
    index: StudyStore
    retrievals: RetrievalLedger
    archive: PriorArchive
    title: str
    rule: PriorRule
    clock: Clock


class PriorSearching:
    """Does one search after another."""

    def __init__(self, parts: PriorParts) -> None:
        self._parts = parts
        self._failures = 0

    def round(self) -> float | None:
        """Do one search; return the seconds to wait before the next, None where none is due."""
        ledger, now = self._parts.ledger, self._parts.clock()
        search = ledger.due(now)
        if search is None:
            return None
        study = search.study_instance_uid
        try:
            words = self._searched(study)
        except NodeError as error:
            self._failed(search, str(error))
            self._failures += 1
            return float(min(RETRIES[1], RETRIES[0] * 2 ** (self._failures - 1)))
        self._failures = 0
        ledger.end(study, SearchState.DONE, at=self._parts.clock(), reason=words)
        _LOG.info("priors searched study=%s outcome=%r", study, words)
        return 0.0

    def _failed(self, search: PriorSearch, reason: str) -> None:
        ledger, now = self._parts.ledger, self._parts.clock()
        study = search.study_instance_uid
        _LOG.warning("priors not searched study=%s reason=%r", study, reason)
        if search.tries < len(RETRIES):
            pause = timedelta(seconds=RETRIES[search.tries])
            ledger.postpone(study, now + pause, reason=reason)
        else:
            ledger.end(study, SearchState.FAILED, at=now, reason=reason)

    def _searched(self, study: str) -> str:
        """Search for a study's priors and fetch them; return what came of it."""
        new = self._parts.ledger.subject(study)
        if new is None or not any(map(shows_images, new.modalities)):
            return "it has no images to compare"
        if not new.patient.patient_id.strip():
            return "it names no Patient ID"
        if new.day is None:
            return "it names no Study Date"
        found = self._parts.archive.studies_of(new.patient.patient_id, until=new.study_date[:8])
        earlier = candidates(new, found, self._parts.rule)
        fetched = 0
        for each in earlier[:_LOOKED_INTO]:
            if fetched == self._parts.rule.number:
                break
            series = self._series(new, each)
            if series:
                self._fetch(new, each, series)
                fetched += 1
        return f"{_counted(len(earlier), 'earlier study', 'earlier studies')} of its kind"

    def _series(self, new: FoundStudy, prior: FoundStudy) -> tuple[FoundSeries, ...]:
        listed = self._parts.archive.series_of(prior.study_instance_uid)
        return wanted_series(new, prior, listed, self._parts.rule)

    def _fetch(self, new: FoundStudy, found: FoundStudy, series: Sequence[FoundSeries]) -> None:
        """Fetch what the node lacks of a prior.

        Raises
        ------
        NodeError
            The archive cannot be asked; the prior says so too.
        """
        uid = found.study_instance_uid
        chosen, left_out = _within(series, self._parts.rule.most_images)
        prior = Prior(
            study_instance_uid=new.study_instance_uid,
            prior_study_uid=uid,
            archive=self._parts.title,
            study_date=found.study_date,
            state=PriorState.WANTED,
            listed=sum(each.instances or 0 for each in chosen),
            reason=left_out,
        )
        if not chosen:
            self._parts.ledger.keep(replace(prior, state=PriorState.FAILED))
            return
        self._parts.ledger.keep(prior)
        try:
            listed = self._parts.archive.listed(uid, [each.series_instance_uid for each in chosen])
            self._complete(uid, listed)
        except NodeError as error:
            self._parts.ledger.keep(replace(prior, state=PriorState.FAILED, reason=str(error)))
            raise
        self._parts.ledger.keep(self._outcome(prior, listed))

    def _complete(self, uid: str, listed: Sequence[ListedInstance]) -> None:
        """Fetch those of a prior's images that are not here, and index them."""
        held = self._held(uid)
        missing = [each for each in listed if each.sop_instance_uid not in held]
        if not missing:
            return
        retrievals, title, clock = self._parts.retrievals, self._parts.title, self._parts.clock
        retrievals.begin(uid, title, Purpose.PRIOR, at=clock())
        late = LATE
        try:
            fetched = self._parts.archive.fetched(uid, missing)
            self._parts.index.record(fetched)
            late = timedelta()
        finally:
            retrievals.end(uid, title, Purpose.PRIOR, until=clock() + late)

    def _outcome(self, prior: Prior, listed: Sequence[ListedInstance]) -> Prior:
        """Say by its counts whether a prior is whole (Number of Series Related Instances)."""
        here = self._held(prior.prior_study_uid)
        held = sum(each.sop_instance_uid in here for each in listed)
        wanted = max(len(listed), prior.listed)
        if held < wanted:
            reason = f"{held} of {_counted(wanted, 'image', 'images')} came"
            words = "; ".join(filter(None, (reason, prior.reason)))
            return replace(
                prior, state=PriorState.INCOMPLETE, listed=wanted, held=held, reason=words
            )
        return replace(prior, state=PriorState.HELD, listed=wanted, held=held)

    def _held(self, study: str) -> frozenset[str]:
        return frozenset(each.sop_instance_uid for each in self._parts.index.instances(study))


def _within(series: Sequence[FoundSeries], most: int) -> tuple[list[FoundSeries], str]:
    """Choose series with no more images than are fetched; say what was left out."""
    chosen: list[FoundSeries] = []
    count = 0
    for each in series:
        count += each.instances or 0
        if count > most:
            break
        chosen.append(each)
    left = len(series) - len(chosen)
    words = f"{_counted(left, 'series', 'series')} left out: more than {most} images in all"
    return chosen, words if left else ""


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
