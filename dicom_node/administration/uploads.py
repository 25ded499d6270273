"""What people have uploaded: how far each study is on its way, and what came of it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from dicom_node.administration.studies import JobDetail, Studies, StudyDetail
from dicom_node.domain.delivery import WAITING, DeliveryState
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.errors import NotFoundError
from sr_templates.evidence_kind import EvidenceKind

# Once more than this is asked for, nobody looks at it one by one.
MOST_STUDIES = 50
_REPORTS = frozenset({EvidenceKind.SR})
_OVERLAYS = frozenset({EvidenceKind.SC})


class Progress(StrEnum):
    """How far one step of a study's way is."""

    AHEAD = "ahead"
    NOW = "now"
    DONE = "done"
    STOPPED = "stopped"


_OF_STATE = {
    StudyState.RECEIVING: ("Analysed", Progress.AHEAD),
    StudyState.COMPLETE: ("Being analysed", Progress.NOW),
    StudyState.ANALYSED: ("Analysed", Progress.DONE),
    StudyState.NOT_ROUTED: ("Not analysed", Progress.STOPPED),
    StudyState.FAILED: ("The analysis failed", Progress.STOPPED),
    StudyState.PRIOR: ("Kept beside a later study", Progress.STOPPED),
    StudyState.UNDECIDED: ("Somebody has to say whose it is", Progress.STOPPED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a study's way, with what is to be said of it."""

    title: str
    progress: Progress
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a model said of a study: in one sentence, and drawn; both empty before it has."""

    job_id: str
    model: str
    words: str
    overlays: tuple[EvidenceObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedStudy:
    """A study on its way."""

    study: StudyRecord
    steps: tuple[Step, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it by itself."""
        return all(each.progress in (Progress.DONE, Progress.STOPPED) for each in self.steps)


class UploadedStudies:
    """Says how far studies are."""

    def __init__(self, studies: Studies, sentence: Callable[[EvidenceObject], str]) -> None:
        """Keep the parts; ``sentence`` reads the impression of a report, empty without one."""
        self._studies = studies
        self._sentence = sentence

    def on_their_way(self, study_instance_uids: Collection[str]) -> tuple[UploadedStudy, ...]:
        """Return those of the studies that the index knows, in the order asked for."""
        return tuple(self._found(list(dict.fromkeys(study_instance_uids))[:MOST_STUDIES]))

    def _found(self, study_instance_uids: Collection[str]) -> Iterator[UploadedStudy]:
        for uid in study_instance_uids:
            try:
                detail = self._studies.detail(uid)
            except NotFoundError:
                continue
            yield UploadedStudy(
                study=detail.study,
                steps=(_received(detail.study), _analysed(detail.study), *_sent(detail)),
                outcomes=tuple(map(self._outcome, detail.jobs)),
            )

    def _outcome(self, detail: JobDetail) -> Outcome:
        shown = [each for each in detail.evidence if each.is_here]
        reports = (self._sentence(each) for each in shown if each.kind in _REPORTS)
        return Outcome(
            job_id=detail.job["job_id"],
            model=detail.job["model_name"],
            words=next(filter(None, reports), ""),
            overlays=tuple(each for each in shown if each.kind in _OVERLAYS),
        )


def _received(study: StudyRecord) -> Step:
    count = "1 image" if study.instance_count == 1 else f"{study.instance_count} images"
    if study.state is StudyState.RECEIVING:
        return Step(
            title="Received", progress=Progress.NOW, words=f"{count}; it waits {study.waits_for}"
        )
    return Step(title="Received", progress=Progress.DONE, words=count)


def _analysed(study: StudyRecord) -> Step:
    title, progress = _OF_STATE[study.state]
    why = study.reason if progress is Progress.STOPPED else ""
    return Step(title=title, progress=progress, words=why)


def _sent(detail: StudyDetail) -> Iterator[Step]:
    """Say how far its results are; nothing where they go nowhere."""
    deliveries = [each for job in detail.jobs for each in job.deliveries]
    waiting = [each for each in deliveries if each.state in WAITING]
    if deliveries:
        gone = [each for each in deliveries if each.state is DeliveryState.FAILED]
        progress = Progress.NOW if waiting else Progress.STOPPED if gone else Progress.DONE
        told = dict.fromkeys(f"{each.destination}: {each.standing}" for each in deliveries)
        yield Step(title="Sent on", progress=progress, words=", ".join(told))
