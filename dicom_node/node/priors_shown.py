"""What the reading page shows beside a study: earlier ones of the patient that are here."""

from collections.abc import Iterator, Sequence

from dicom_node.domain.header_words import regions_of
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import (
    FoundSeries,
    FoundStudy,
    Prior,
    PriorRule,
    PriorSearch,
    PriorState,
    SearchState,
    candidates,
    wanted_series,
)
from dicom_node.node.repositories import Repositories
from dicom_node.web.review.priors import ShownImage, ShownPrior, ShownPriors
from dicom_node.workflow.priors.comparing import verified_words
from dicom_node.workflow.review.ports import ReviewStore

_MOST_STUDIES, _MOST_IMAGES = 5, 4


class PriorsShown:
    """Finds what is here of the patient, whether it was fetched as a prior or sent before."""

    def __init__(
        self, repositories: Repositories, review_queue: ReviewStore, rule: PriorRule
    ) -> None:
        """Show studies that ``rule`` takes for priors, however many are fetched."""
        self._repositories = repositories
        self._review_queue = review_queue
        self._rule = rule

    def of_study(self, study_instance_uid: str) -> ShownPriors:
        """Return the earlier studies of a study, the newest first."""
        ledger = self._repositories.priors
        search = ledger.search(study_instance_uid)
        fetched = {each.prior_study_uid: each for each in ledger.of_study(study_instance_uid)}
        new = ledger.subject(study_instance_uid)
        shown: tuple[ShownPrior, ...] = ()
        if new is not None:
            known = ledger.of_same_patient(study_instance_uid)
            shown = tuple(self._shown(new, known, fetched))
        awaited = search is not None and search.state is SearchState.WAITING and not search.tries
        here = {each.study_instance_uid for each in shown}
        return ShownPriors(
            priors=shown, note="; ".join(_notes(search, fetched, here)), is_awaited=awaited
        )

    def _shown(
        self, new: FoundStudy, known: Sequence[FoundStudy], fetched: dict[str, Prior]
    ) -> Iterator[ShownPrior]:
        earlier = candidates(new, known, self._rule_of_studies)
        count = 0
        for each in earlier:
            images = self._images(new, each)
            if not images:
                continue
            prior = fetched.get(each.study_instance_uid)
            is_whole = prior is None or prior.state is PriorState.HELD
            yield ShownPrior(
                study_instance_uid=each.study_instance_uid,
                day=f"{each.study_date[:4]}-{each.study_date[4:6]}-{each.study_date[6:8]}",
                description=images[0].header.study_description or "",
                images=tuple(_chosen(images)),
                results=verified_words(self._review_queue, each.study_instance_uid),
                note="" if is_whole or prior is None else prior.reason,
            )
            count += 1
            if count == _MOST_STUDIES:
                return

    @property
    def _rule_of_studies(self) -> PriorRule:
        """The rule without the modality, which is asked of the series: they are here."""
        return PriorRule(longest=self._rule.longest, same_modality=False)

    def _images(self, new: FoundStudy, prior: FoundStudy) -> list[ReceivedInstance]:
        """Return the images of a study that are compared with the new one."""
        own = self._repositories.hotbase
        instances = self._repositories.index.instances(prior.study_instance_uid)
        made = own.own_objects([each.sop_instance_uid for each in instances])
        pictures = [
            each
            for each in instances
            if each.header.has_pixels and each.sop_instance_uid not in made
        ]
        series = {
            each.series_instance_uid: FoundSeries(
                series_instance_uid=each.series_instance_uid,
                modality=each.header.modality or "",
                regions=regions_of(each.header),
            )
            for each in pictures
        }
        wanted = wanted_series(new, prior, series.values(), self._rule)
        chosen = {each.series_instance_uid for each in wanted}
        return sorted(
            (each for each in pictures if each.series_instance_uid in chosen),
            key=lambda each: (each.series_instance_uid, each.header.instance_number or 0),
        )


def _chosen(images: Sequence[ReceivedInstance]) -> Iterator[ShownImage]:
    """Yield a few images: all of a radiograph, and of a long series the one in its middle."""
    few = images if len(images) <= _MOST_IMAGES else [images[len(images) // 2]]
    for each in few:
        frames = each.header.number_of_frames or 1
        yield ShownImage(
            address=f"/dicom-web/studies/{each.study_instance_uid}/series/"
            f"{each.series_instance_uid}/instances/{each.sop_instance_uid}",
            frame=(frames + 1) // 2,
        )


def _notes(search: PriorSearch | None, fetched: dict[str, Prior], here: set[str]) -> Iterator[str]:
    """Say why there may be more than is shown."""
    if search is not None and search.reason and search.state is not SearchState.DONE:
        yield f"{search.archive} could not be asked: {search.reason}"
    for uid, each in fetched.items():
        if each.state in (PriorState.FAILED, PriorState.INCOMPLETE) and uid not in here:
            yield f"a study of {each.study_date} did not come: {each.reason}"
