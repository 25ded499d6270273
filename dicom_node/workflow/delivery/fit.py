"""Fitting: what a destination gets in the place of objects whose SOP Class it does not take.

A report goes in the best form that its destination takes (`sr_templates.forms`). What refers to a
report that was replaced there must refer to what stands in its place. So each of these is an
object of its own, with a UID that derives from the first one's: made once, kept and recorded.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

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
from sr_templates.evidence_kind import EVIDENCE
from sr_templates.forms.form import FORM_OF, ReportForm
from sr_templates.forms.references import SentAs, referenced_uids, sources_of
from sr_templates.forms.report import in_form, led_elsewhere
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)
# What refers to reports: other reports, and key object selections.
_REFERRING = frozenset({"SR", "KO"})


@dataclass(slots=True, kw_only=True)
class _Place:
    """One destination while objects are fitted to it.

    ``sent`` is what stands there for other objects, by their SOP Instance UIDs.
    """

    destination: ApplicationEntity
    accepted: frozenset[str]
    sent: dict[str, SentAs]
    made: list[Substitute] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its AE title."""
        return self.destination.title


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
        place = _Place(
            destination=destination,
            accepted=self._acceptance.accepted(destination, choice) if choice else frozenset(),
            sent={
                each.sop_instance_uid: _sent_as(each)
                for each in self._substitutes.of_study(delivery.job_id, destination.title)
            },
        )
        ordered = sorted(objects, key=lambda each: each.sop_class_uid not in FORM_OF)
        paths = {each.sop_instance_uid: self._placed(each, place) for each in ordered}
        self._substitutes.keep(place.made)
        return tuple(paths[each.sop_instance_uid] for each in objects)

    def learn(self, destination: ApplicationEntity, refused: frozenset[str]) -> bool:
        """Take note of classes that a destination refused; return whether that is news."""
        return self._acceptance.learn(destination, refused)

    def _placed(self, each: EvidenceObject, place: _Place) -> str:
        """Return the path of an object, or of what goes in its place."""
        if EVIDENCE[each.kind].modality not in _REFERRING:
            return each.path
        forms = _forms(each, place)
        if not forms and not place.sent:
            return each.path
        dataset = self._archive.whole_evidence(each.path)
        self._place_named(dataset, place)
        for form in forms:
            other = in_form(dataset, form, place.sent)
            if self._passes(other.dataset, dataset):
                return self._replaced(each, other.dataset, place, _why(place, form, other.losses))
        led = led_elsewhere(dataset, place.sent)
        if led is None or not self._passes(led, dataset):
            return each.path
        why = f"it refers to reports in whose place {place.title} got others"
        return self._replaced(each, led, place, why)

    def _place_named(self, dataset: Dataset, place: _Place) -> None:
        """See to it that own reports which an object names are replaced before it, sent or not.

        Deliveries overtake each other: a verdict may leave before the result that it speaks of.
        """
        for uid in sorted(referenced_uids(dataset) - place.sent.keys()):
            found = self._results.evidence_object(uid)
            if found is None or found[0].sop_class_uid not in FORM_OF or found[0].is_held:
                continue
            if _forms(found[0], place) and not self._is_there(found[0], place):
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
