"""Fitting: what a destination gets in the place of objects whose SOP Class it does not take.

A report goes in the best form that its destination takes (`sr_templates.forms`). What refers to a
report that was replaced there must refer to what stands in its place. So each of these is an
object of its own, with a UID that derives from the first one's: made once, kept and recorded.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydicom.dataset import Dataset

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.delivery import ARRIVED, Delivery
from dicom_node.domain.evidence import EvidenceObject, Substitute
from dicom_node.workflow.ports import (
    Acceptance,
    Clock,
    DeliveryLedger,
    ObjectArchive,
    ResultStore,
    Substitutes,
)
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.forms.form import FORM_OF, ReportForm
from sr_templates.forms.references import SentAs, referenced_uids, sources_of
from sr_templates.forms.report import in_form, led_elsewhere
from sr_templates.rendition import LABELLED, PLAIN, RENDERED, Rendition
from sr_templates.translation import labelled, translated
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)
# What refers to reports: other reports, and key object selections.
_REFERRING = frozenset({"SR", "KO"})


@dataclass(slots=True, kw_only=True)
class _Place:
    """One destination while objects are fitted to it.

    ``sent`` is what stands there for other objects, by their SOP Instance UIDs; ``drawn`` are the
    paths of overlays and pages as they are wanted there, ``said`` those of what was put into its
    language before.
    """

    destination: ApplicationEntity
    accepted: frozenset[str]
    sent: dict[str, SentAs]
    drawn: Mapping[str, str]
    said: Mapping[str, str] = field(default_factory=dict)
    made: list[Substitute] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its AE title."""
        return self.destination.title

    @property
    def rendition(self) -> Rendition:
        """In which language reports are wanted there."""
        return replace(self.destination.rendition, beside=False)


class Fitting:
    """Chooses the form of each object by what its destination takes."""

    def __init__(
        self,
        *,
        results: ResultStore,
        deliveries: DeliveryLedger,
        substitutes: Substitutes,
        archive: ObjectArchive,
        acceptance: Acceptance,
        clock: Clock,
    ) -> None:
        self._results = results
        self._deliveries = deliveries
        self._substitutes = substitutes
        self._archive = archive
        self._acceptance = acceptance
        self._clock = clock

    def fit(
        self, delivery: Delivery, objects: Sequence[EvidenceObject], destination: ApplicationEntity
    ) -> tuple[str, ...]:
        """Return the paths of what is to be sent, in the order of ``objects``.

        Raises
        ------
        DestinationAwayError
            The destination could not be asked what it takes.
        """
        specs = [EVIDENCE[kind] for kind in dict.fromkeys(each.kind for each in objects)]
        choice = [each for spec in specs if len(spec.sop_classes) > 1 for each in spec.sop_classes]
        known = [
            each
            for each in self._substitutes.of_study(delivery.job_id, destination.title)
            if each.rendition in ("", destination.rendition.key, _language_key(destination))
        ]
        place = _Place(
            destination=destination,
            accepted=self._acceptance.accepted(destination, choice) if choice else frozenset(),
            sent={each.sop_instance_uid: _sent_as(each) for each in known},
            drawn={
                each.sop_instance_uid: each.path
                for each in known
                if each.path and each.rendition and each.rendition == destination.rendition.key
            },
            said={
                each.sop_instance_uid: each.path
                for each in known
                if each.path and each.rendition and each.rendition == _language_key(destination)
            },
        )
        # Reports refer to segments and list selections of key images; what else refers to reports
        # comes after them.
        ordered = sorted(
            objects,
            key=lambda each: (
                each.kind not in LABELLED,
                each.kind is not EvidenceKind.KO,
                each.sop_class_uid not in FORM_OF,
            ),
        )
        paths = {each.sop_instance_uid: self._placed(each, place) for each in ordered}
        self._substitutes.keep(place.made)
        return tuple(paths[each.sop_instance_uid] for each in objects)

    def learn(self, destination: ApplicationEntity, refused: frozenset[str]) -> bool:
        """Take note of classes that a destination refused; return whether that is news."""
        return self._acceptance.learn(destination, refused)

    def _placed(self, each: EvidenceObject, place: _Place) -> str:
        """Return the path of an object, or of what goes in its place."""
        if EVIDENCE[each.kind].modality not in _REFERRING:
            is_labelled = each.kind in LABELLED
            return self._labelled(each, place) if is_labelled else self._drawn(each, place)
        forms = _forms(each, place)
        if not forms and not place.sent and not _is_other(place.rendition):
            return each.path
        dataset = self._archive.whole_evidence(each.path)
        self._place_named(dataset, place)
        said = self._said(dataset, place)
        for form in forms:
            other = in_form(said, form, place.sent)
            if self._passes(other.dataset, dataset):
                return self._replaced(each, other.dataset, place, _why(place, form, other.losses))
        led = led_elsewhere(said, place.sent)
        if led is not None and self._passes(led, dataset):
            why = f"it refers to objects in whose place {place.title} got others"
            return self._replaced(each, led, place, why)
        if said is not dataset:
            why = f"{place.title} wants it {place.rendition.words}"
            return self._replaced(each, said, place, why)
        return each.path

    def _drawn(self, each: EvidenceObject, place: _Place) -> str:
        """Return the path of an overlay or page as it is wanted, or as everybody gets it."""
        wanted = place.destination.rendition
        if each.kind in RENDERED and _is_other(wanted) and each.sop_instance_uid not in place.drawn:
            _LOG.warning(
                "sent in English as it was made destination=%s wanted=%r sop=%s: analyse again "
                "for what was asked for since",
                place.title,
                wanted.key,
                each.sop_instance_uid,
            )
        return place.drawn.get(each.sop_instance_uid, each.path)

    def _labelled(self, each: EvidenceObject, place: _Place) -> str:
        """Return the path of an object whose labels are in the language that is wanted."""
        if not _is_other(place.rendition):
            return each.path
        if each.sop_instance_uid in place.said:
            return place.said[each.sop_instance_uid]
        made = labelled(self._archive.whole_evidence(each.path), place.rendition)
        if not self._passes(made, made):
            return each.path
        why = f"{place.title} wants it {place.rendition.words}"
        return self._replaced(each, made, place, why)

    def _said(self, dataset: Dataset, place: _Place) -> Dataset:
        """Return a report in the language that is wanted; as it is where that would not pass."""
        if not _is_other(place.rendition):
            return dataset
        said = translated(dataset, place.rendition)
        return said if self._passes(said, dataset) else dataset

    def _place_named(self, dataset: Dataset, place: _Place) -> None:
        """See to it that own reports which an object names are replaced before it, sent or not.

        Deliveries overtake each other: a verdict may leave before the result that it speaks of.
        """
        for uid in sorted(referenced_uids(dataset) - place.sent.keys()):
            found = self._results.evidence_object(uid)
            if found is None or not found[0].is_here:
                continue
            if found[0].sop_class_uid not in FORM_OF and found[0].kind not in LABELLED:
                continue
            changes = _forms(found[0], place) or _is_other(place.rendition)
            if changes and not self._is_there(found[0], place):
                self._placed(found[0], place)

    def _is_there(self, each: EvidenceObject, place: _Place) -> bool:
        """Whether a destination has an object as it is, from when it took its class."""
        return any(
            one.destination == place.title
            and one.evidence_set is each.evidence_set
            and one.state in ARRIVED
            for one in self._deliveries.of_job(each.job_id)
        )

    def _replaced(self, each: EvidenceObject, made: Dataset, place: _Place, why: str) -> str:
        substitute = Substitute(
            destination=place.title,
            sop_instance_uid=each.sop_instance_uid,
            job_id=each.job_id,
            sent_instance_uid=str(made.SOPInstanceUID),
            sent_class_uid=str(made.SOPClassUID),
            sent_series_uid=str(made.SeriesInstanceUID),
            path=self._archive.keep(made),
            reason=why,
            made_at=self._clock(),
            rendition=place.rendition.key,
        )
        place.made.append(substitute)
        place.sent[each.sop_instance_uid] = _sent_as(substitute)
        return substitute.path

    def _passes(self, made: Dataset, report: Dataset) -> bool:
        found = problems(made, sources_of(report))
        if found:
            _LOG.error("substitute not sent class=%s problems=%r", made.SOPClassUID, found)
        return not found


def _forms(each: EvidenceObject, place: _Place) -> tuple[ReportForm, ...]:
    """Return the forms in which an object may go instead, best first; none: it goes as it is."""
    spec = EVIDENCE[each.kind]
    classes = spec.sop_classes
    # Reports of somebody else's program among its other objects go as they are.
    if spec.modality not in _REFERRING or each.sop_class_uid in place.accepted:
        return ()
    if each.sop_class_uid not in classes:
        return ()
    return tuple(FORM_OF[one] for one in classes if one in place.accepted)


def _is_other(rendition: Rendition) -> bool:
    """Whether a report has to be said otherwise than everybody gets it."""
    return rendition != PLAIN


def _language_key(destination: ApplicationEntity) -> str:
    """Return how substitutes of reports for a destination are marked: they have no layout."""
    return replace(destination.rendition, beside=False).key


def _sent_as(substitute: Substitute) -> SentAs:
    return SentAs(
        sop_class_uid=substitute.sent_class_uid,
        sop_instance_uid=substitute.sent_instance_uid,
        series_instance_uid=substitute.sent_series_uid,
    )


def _why(place: _Place, form: ReportForm, losses: Sequence[str]) -> str:
    first = next(iter(FORM_OF.values())).name
    lacks = f"it lacks {'; '.join(losses)}" if losses else "nothing is lost"
    return f"{place.title} takes no {first}; sent as {form.name}: {lacks}"
