"""Puts fetching together: one archive, asked for priors and for what transfers lack."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from ai_engine.ct.refusal import CtRefusalReason
from ai_engine.prediction import RemarkKind
from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.archive import WebArchive
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import FoundSeries, FoundStudy, PriorRule
from dicom_node.domain.retrieval import ListedInstance
from dicom_node.domain.study import StudyRecord
from dicom_node.network.retrieve_scu import ArchiveScu
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of, scu_timeouts, web_peer_of, web_timeouts
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.repair import Repairing
from dicom_node.workflow.priors.comparing import Comparing
from dicom_node.workflow.priors.fetching import PriorFetching
from dicom_node.workflow.priors.giving import Giving, ModelsWithPriors
from dicom_node.workflow.priors.ports import PriorArchive
from dicom_node.workflow.priors.searching import PriorParts, PriorSearching

# What an archive has sent to the node's own port is indexed this soon after it said so.
_INDEXED_WITHIN, _LOOK_EVERY = 5.0, 0.05
# Recent studies that a sweep asks about, at most: those longest quiet come first.
_REPAIRED_AT_ONCE = 1000


def archive_of(
    settings: NodeSettings, repositories: Repositories, *, title: str = ""
) -> PriorArchive:
    """Return the archive that the settings name, or another: asked by associations or DICOMweb."""
    wanted = settings.retrieval
    title = title or wanted.archive
    web = WebArchive(
        lambda: web_peer_of(settings, repositories.ae_titles.get(title)),
        timeouts=web_timeouts(settings),
        store=repositories.received,
        called_ae=settings.network.ae_title,
        now=utc_now,
        deadline=wanted.deadline,
    )
    scu = ArchiveScu(
        lambda: address_of(settings, repositories.ae_titles.get(title)),
        calling_ae=settings.network.ae_title,
        timeouts=scu_timeouts(settings),
        store=repositories.received,
        now=utc_now,
        arrived=_Arrivals(repositories.index).wait_for,
        way=wanted.way,
        deadline=wanted.deadline,
    )
    return _EitherWay(web, scu, is_web=lambda: bool(repositories.ae_titles.get(title).url))


class _EitherWay:
    """An archive that is asked as its entry says at that moment."""

    def __init__(self, web: PriorArchive, scu: PriorArchive, *, is_web: Callable[[], bool]) -> None:
        self._web = web
        self._scu = scu
        self._is_web = is_web

    def studies_of(self, patient_id: str, *, until: str) -> tuple[FoundStudy, ...]:
        """Return the studies of a patient, up to a date (YYYYMMDD)."""
        return self._asked().studies_of(patient_id, until=until)

    def series_of(self, study_instance_uid: str) -> tuple[FoundSeries, ...]:
        """Return the series of a study."""
        return self._asked().series_of(study_instance_uid)

    def listed(self, study_instance_uid: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        """Return what it has of some series of a study."""
        return self._asked().listed(study_instance_uid, series)

    def fetched(
        self, study_instance_uid: str, wanted: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        """Get instances; return those that came, durable."""
        return self._asked().fetched(study_instance_uid, wanted)

    def _asked(self) -> PriorArchive:
        return self._web if self._is_web() else self._scu


def repairing_of(
    settings: NodeSettings,
    repositories: Repositories,
    completion: Completion,
    *,
    is_over: Callable[[], bool] = lambda: False,
) -> Repairing:
    """Return what repairs studies from the archive that the settings name."""
    wanted = settings.retrieval

    def candidates() -> tuple[StudyRecord, ...]:
        since = utc_now() - timedelta(seconds=wanted.look_back)
        return repositories.index.lacking(
            CtRefusalReason.MISSING_SLICES,
            remark=RemarkKind.MAY_BE_INCOMPLETE,
            since=since,
            every=wanted.counted == "all",
            limit=_REPAIRED_AT_ONCE,
        )

    return Repairing(
        index=repositories.index,
        candidates=candidates,
        archive=archive_of(settings, repositories),
        completion=completion,
        retrievals=repositories.retrievals,
        title=wanted.archive,
        clock=utc_now,
        is_over=is_over,
    )


def fetching_of(
    settings: NodeSettings,
    repositories: Repositories,
    *,
    leads: Callable[[], bool] = lambda: True,
) -> PriorFetching | None:
    """Return what fetches priors; None where the settings want none."""
    wanted = settings.retrieval
    if not wanted.archive or not wanted.priors:
        return None
    parts = PriorParts(
        ledger=repositories.priors,
        index=repositories.index,
        retrievals=repositories.retrievals,
        archive=archive_of(settings, repositories),
        title=wanted.archive,
        rule=prior_rule(settings),
        clock=utc_now,
    )
    return PriorFetching(
        PriorSearching(parts),
        repositories.priors,
        archive=wanted.archive,
        look_every=settings.workflow.sweep_interval,
        clock=utc_now,
        leads=leads,
    )


def giving_of(
    settings: NodeSettings,
    repositories: Repositories,
    models: ModelsWithPriors,
    fetching: PriorFetching | None,
) -> Giving:
    """Return what gives priors to models that want them."""
    return Giving(
        models=models,
        index=repositories.index,
        priors=repositories.priors.of_study,
        wait_for=fetching.wait_for if fetching is not None else _not_at_all,
        patience=settings.retrieval.prior_patience,
    )


def _not_at_all(_study_instance_uid: str, _patience: float) -> bool:
    """Wait for nothing: no archive is asked."""
    return True


def comparing_of(repositories: Repositories, review_queue: HotbaseReviewQueue) -> Comparing:
    """Return what finds the results that new ones are compared with."""
    return Comparing(
        studies=repositories.priors,
        results=repositories.hotbase,
        review_queue=review_queue,
        external=repositories.external,
        received=repositories.index,
    )


def prior_rule(settings: NodeSettings) -> PriorRule:
    """Return the rule that the settings give."""
    wanted = settings.retrieval
    return PriorRule(
        number=wanted.priors,
        longest=timedelta(days=wanted.prior_days),
        same_modality="modality" in wanted.prior_same,
        same_body_part="body part" in wanted.prior_same,
        most_images=wanted.prior_images,
    )


class _Arrivals:
    """Waits for objects that the node has asked an archive to send."""

    def __init__(self, index: StudyIndex) -> None:
        self._index = index

    def wait_for(self, sop_instance_uids: Sequence[str]) -> tuple[ReceivedInstance, ...]:
        """Return those of these objects that are indexed, waiting a little for the others."""
        until = time.monotonic() + _INDEXED_WITHIN
        while True:
            found = self._index.these(sop_instance_uids)
            if len(found) == len(sop_instance_uids) or time.monotonic() > until:
                return found
            time.sleep(_LOOK_EVERY)
