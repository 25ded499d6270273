"""Making evidence: what a model said becomes objects in the archive, checked at the gate.

Nothing here reads or writes a database: it may run in a process of its own, which may die.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.slices import SliceReference
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.kinds.lungs.segmenter import LungFields
from ai_engine.prediction import Prediction, Remark
from ai_engine.result import Result
from dicom_node.domain.evidence import EvidenceObject, LeftOut
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.workflow.analysis.evidence_builders import (
    Builders,
    builders_of_bones,
    builders_of_ct,
    builders_of_radiograph,
    builders_of_study,
)
from dicom_node.workflow.analysis.evidence_order import (
    EvidenceNotMadeError,
    EvidenceOrder,
    MadeEvidence,
    Rendered,
)
from dicom_node.workflow.analysis.report_series import in_own_series
from dicom_node.workflow.analysis.sketches import Sketches
from dicom_node.workflow.ports import ObjectArchive
from sr_templates.context import EvidenceContext
from sr_templates.corrections import correction_remarks, representations
from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind, EvidenceSubject, kinds_of
from sr_templates.foreign_objects import adopt
from sr_templates.measurement_report import build_measurement_report
from sr_templates.overlay import Draw
from sr_templates.rendition import RENDERED
from sr_templates.requesting import add_request
from sr_templates.secondary_capture import sketch_overlays
from sr_templates.source_image import check_identity, identity_of
from sr_templates.translation import as_rendition
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)
_Companion = tuple[EvidenceObject, Dataset]

_FOR_NOBODY = (
    "no destination of the study wants it; say that one does: "
    "dicom-node ae set TITLE --evidence sr,sc,soft,bone"
)


_UNWANTED = (
    "no destination of the study wants the objects that the model made itself; say that one does: "
    "dicom-node ae set TITLE --evidence sr,sc,vendor"
)
_LONGEST_REASON = 400


class Images(Protocol):
    """Analysed images, as evidence shows them."""

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return an analysed image as it is displayed: (rows, columns), 0 to 1, bright is dense."""

    def value_range(self, instance: ReceivedInstance) -> tuple[float, float]:
        """Return the values, after the modality LUT, that show an analysed radiograph well."""

    def lungs(self, instance: ReceivedInstance) -> LungFields | None:
        """Outline the lungs on an analysed image; None where no model can."""


class NoImages:
    """Stands where nothing was analysed, and so nothing is to be shown."""

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Never asked for."""
        raise LookupError(f"{instance.sop_instance_uid} was not analysed")

    def value_range(self, instance: ReceivedInstance) -> tuple[float, float]:
        """Never asked for."""
        raise LookupError(f"{instance.sop_instance_uid} was not analysed")

    def lungs(self, instance: ReceivedInstance) -> LungFields | None:
        """Outline nothing."""
        del instance
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reports:
    """Headers of what a report comes after."""

    results: tuple[Dataset, ...]
    expert_reports: tuple[Dataset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """An order with the headers of its images; what is made beside is filled in on the way."""

    order: EvidenceOrder
    sources: Mapping[str, Dataset]
    left_out: list[LeftOut] = field(default_factory=list)
    rendered: list[Rendered] = field(default_factory=list)

    @property
    def headers(self) -> tuple[Dataset, ...]:
        """The images' headers."""
        return tuple(self.sources.values())

    def leave_out(self, kind: EvidenceKind, reason: str) -> None:
        """Note that there is no evidence of a kind."""
        self.left_out.append(LeftOut(job_id=self.order.job.job_id, kind=kind, reason=reason))


class EvidenceMaking:
    """Builds the result objects of a job, checks each at the gate and keeps it."""

    def __init__(self, *, archive: ObjectArchive, images: Images) -> None:
        self._archive = archive
        self._images = images
        self._sketches = Sketches()

    def begin(self, prediction: Result, instance: ReceivedInstance, at: EvidenceContext) -> None:
        """Have the overlays drawn of what is said of one image, before anybody orders evidence.

        Returns at once. Where the order is for anything else than that, they are drawn anew.
        """
        if not isinstance(prediction, Prediction):
            return
        if instance.sop_instance_uid not in prediction.analysed:
            return

        def draw(with_: Draw) -> None:
            source = self._archive.source(instance.path)
            sketch_overlays(prediction, source, self._images.display_pixels(instance), at, with_)

        self._sketches.begin(instance.sop_instance_uid, draw)

    def make(self, order: EvidenceOrder) -> MadeEvidence:
        """Return the evidence of a job, each object durable in the archive.

        Raises
        ------
        EvidenceNotMadeError
            When it cannot be built.
        """
        sources = {
            each.sop_instance_uid: _requested(order, self._archive.source(each.path))
            for each in order.instances
        }
        work = _Work(order=order, sources=sources)
        added = _corrections(order.prediction, work.headers, self._mended(order))
        remarked = replace(order.prediction, remarks=(*order.prediction.remarks, *added))
        try:
            evidence = tuple(self._made(remarked, work))
        except EvidenceError as error:
            raise EvidenceNotMadeError(str(error)) from error
        return MadeEvidence(
            evidence=evidence,
            left_out=tuple(work.left_out),
            remarks=added,
            rendered=tuple(work.rendered),
        )

    def _mended(self, order: EvidenceOrder) -> dict[str, tuple[str, ...]]:
        """Sentences on what images do not state as it was read, by SOP Instance UID."""
        found = {each.sop_instance_uid: self._archive.mended(each.path) for each in order.instances}
        return {
            uid: tuple(representations(mended.read, mended.emptied))
            for uid, mended in found.items()
            if mended
        }

    def _made(self, prediction: Result, work: _Work) -> Iterator[EvidenceObject]:
        match prediction:
            case CtPrediction():
                return self._made_of_ct(prediction, work)
            case Prediction():
                return self._made_of_images(prediction, work)
            case BonePrediction():
                return self._made_of_bones(prediction, work)

    def _made_of_images(self, prediction: Prediction, work: _Work) -> Iterator[EvidenceObject]:
        own = tuple(self._adopted(prediction, work))
        if prediction.objects and not prediction.images and not prediction.refusals:
            # What the model has to say, it has said itself: a report beside would say nothing.
            yield from (kept for kept, _ in own)
            return
        companions = (*self._companions_of_images(prediction, work), *own)
        replaced = self._replaced(work)
        report = build_measurement_report(
            prediction,
            work.headers,
            work.order.context,
            predecessors=replaced.results,
            expert_reports=replaced.expert_reports,
            companions=_sent(companions),
            earlier=work.order.compared_with,
        )
        yield self._kept(work, EvidenceKind.SR, report, work.headers)
        yield from (kept for kept, _ in companions)

    def _adopted(self, prediction: Prediction, work: _Work) -> Iterator[_Companion]:
        """Take the objects that the model made itself into the study, where somebody wants them."""
        if not prediction.objects:
            return
        if EvidenceKind.VENDOR not in work.order.wanted:
            work.leave_out(EvidenceKind.VENDOR, _UNWANTED)
            return
        adopted = adopt(prediction.objects, work.headers, prediction.model, work.order.context)
        if adopted.refused:
            reason = "; ".join(adopted.refused)
            _LOG.warning("objects refused model=%s reason=%r", prediction.model.key, reason)
            work.leave_out(EvidenceKind.VENDOR, reason[:_LONGEST_REASON])
            if not adopted.datasets and not prediction.images and not prediction.refusals:
                raise EvidenceNotMadeError(f"nothing of what the model made is taken: {reason}")
        for made in adopted.datasets:
            yield self._kept(work, EvidenceKind.VENDOR, made, work.headers), identity_of(made)

    def _companions_of_images(self, prediction: Prediction, work: _Work) -> Iterator[_Companion]:
        context = work.order.context
        for instance in work.order.instances:
            if instance.sop_instance_uid not in prediction.analysed:
                continue
            source = work.sources[instance.sop_instance_uid]
            pixels = self._images.display_pixels(instance)
            builders_in = partial(
                builders_of_radiograph,
                prediction,
                source,
                pixels,
                value_range=self._images.value_range(instance),
                lungs=partial(self._images.lungs, instance),
                draw=self._sketches.of(instance.sop_instance_uid),
            )
            yield from self._kept_companions(work, builders_in(context), (source,))
            self._render(work, builders_in, (source,))
        builders = builders_of_study(prediction, work.headers, context)
        yield from self._kept_companions(work, builders, work.headers)

    def _made_of_bones(self, prediction: BonePrediction, work: _Work) -> Iterator[EvidenceObject]:
        """Yield the images that are wanted; a report only of what was refused.

        The images say themselves what they are. A report beside them would have no finding to tell,
        and read like that of a normal radiograph.
        """
        order = work.order
        drawn = kinds_of(EvidenceSubject.BONES)
        if not order.wanted & drawn:
            _LOG.warning(
                "bones drawn for nobody job=%s: give a destination soft or bone as evidence",
                order.job.job_id,
            )
            for kind in sorted(drawn):
                work.leave_out(kind, _FOR_NOBODY)
        if prediction.refusals:
            refused = Prediction(model=prediction.model, images=(), refusals=prediction.refusals)
            headers = tuple(work.sources[each.sop_instance_uid] for each in prediction.refusals)
            replaced = self._replaced(work)
            report = build_measurement_report(
                refused,
                headers,
                order.context,
                predecessors=replaced.results,
                expert_reports=replaced.expert_reports,
            )
            yield self._kept(work, EvidenceKind.SR, report, headers)
        for instance in order.instances:
            if instance.sop_instance_uid in prediction.analysed:
                source = work.sources[instance.sop_instance_uid]
                pixels = self._images.display_pixels(instance)
                builders_in = partial(builders_of_bones, prediction, source, pixels)
                builders = builders_in(order.context)
                yield from (kept for kept, _ in self._kept_companions(work, builders, (source,)))
                self._render(work, builders_in, (source,))

    def _made_of_ct(self, prediction: CtPrediction, work: _Work) -> Iterator[EvidenceObject]:
        order = work.order
        by_uid = {each.sop_instance_uid: each for each in order.instances}

        def pixels_of(place: SliceReference) -> npt.NDArray[np.float32]:
            return self._images.display_pixels(by_uid[place.sop_instance_uid], place.frame_number)

        builders_in = partial(builders_of_ct, prediction, work.headers, pixels_of)
        builders = builders_in(order.context)
        companions = tuple(self._kept_companions(work, builders, work.headers))
        self._render(work, builders_in, work.headers)
        report = build_ct_report(
            prediction,
            work.headers,
            order.context,
            segmented=EvidenceKind.SEG in order.wanted,
            # Measurements of CT are not reviewed: people have no reports on them.
            predecessors=self._replaced(work).results,
            companions=_sent(companions),
            earlier=order.compared_with,
        )
        yield self._kept(work, EvidenceKind.SR, report, work.headers)
        yield from (kept for kept, _ in companions)

    def _kept_companions(
        self, work: _Work, builders: Builders, sources: tuple[Dataset, ...]
    ) -> Iterator[_Companion]:
        """Build and keep what is wanted; each comes with the header that others refer to."""
        for kind, made in _built(work, builders):
            yield self._kept(work, kind, made, sources), identity_of(made)

    def _render(
        self,
        work: _Work,
        builders_in: Callable[[EvidenceContext], Builders],
        sources: tuple[Dataset, ...],
    ) -> None:
        """Draw what people look at once more in each rendition that a destination wants.

        What is of words alone is put into another language when it is delivered.
        """
        for rendition in work.order.renditions:
            drawn = {
                kind: build
                for kind, build in builders_in(
                    replace(work.order.context, rendition=rendition)
                ).items()
                if kind in RENDERED
            }
            for kind, made in _built(work, drawn):
                uid = str(made.SOPInstanceUID)
                kept = self._kept(work, kind, as_rendition(made, rendition), sources)
                work.rendered.append(Rendered(sop_instance_uid=uid, rendition=rendition, made=kept))

    def _replaced(self, work: _Work) -> _Reports:
        replaced = work.order.replaced
        verdicts = tuple(map(self._archive.evidence, replaced.verdicts))
        return _Reports(
            results=tuple(map(self._archive.evidence, replaced.results)),
            expert_reports=(*verdicts, *self._external(replaced.external)),
        )

    def _external(self, reports: Iterable[ExternalReport]) -> Iterator[Dataset]:
        """Yield other workstations' reports, where still readable."""
        for each in reports:
            try:
                report = self._archive.source(each.path)
                check_identity(report)
            except (EvidenceError, OSError) as error:
                _LOG.warning(
                    "outside report not listed as predecessor sop=%s reason=%r",
                    each.sop_instance_uid,
                    str(error),
                )
                continue
            yield report

    def _kept(
        self, work: _Work, kind: EvidenceKind, dataset: Dataset, sources: tuple[Dataset, ...]
    ) -> EvidenceObject:
        uid = str(dataset.SOPInstanceUID)
        if kind is EvidenceKind.SR:
            order = work.order
            replaced = order.replaced.results if order.series else ()
            before = tuple(map(self._archive.evidence, replaced))
            in_own_series(dataset, order.job, order.series, before)
        earlier = next((each for each in work.order.earlier if each.sop_instance_uid == uid), None)
        if earlier is not None and not earlier.is_held:
            return earlier
        found = problems(dataset, sources)
        if found:
            _LOG.error("evidence held kind=%s sop=%s problems=%r", kind, uid, found)
        return EvidenceObject(
            sop_instance_uid=uid,
            sop_class_uid=str(dataset.SOPClassUID),
            series_instance_uid=str(dataset.SeriesInstanceUID),
            kind=kind,
            job_id=work.order.job.job_id,
            path=self._archive.keep(dataset),
            problems=found,
        )


def _requested(order: EvidenceOrder, header: Dataset) -> Dataset:
    return header if order.requested is None else add_request(header, order.requested)


def _built(work: _Work, builders: Builders) -> Iterator[tuple[EvidenceKind, Dataset]]:
    """Build what is wanted; what a source cannot carry is left out, with the reason."""
    for kind, build in builders.items():
        if kind not in work.order.wanted:
            continue
        try:
            made = build()
        except EvidenceError as error:
            _LOG.warning("evidence left out kind=%s reason=%r", kind.value, str(error))
            work.leave_out(kind, str(error))
            continue
        yield from ((kind, each) for each in made)


def _corrections(
    prediction: Result, headers: tuple[Dataset, ...], mended: Mapping[str, tuple[str, ...]]
) -> tuple[Remark, ...]:
    """What results cannot copy of the headers, as far as it is not said yet."""
    known = set(prediction.remarks)
    return tuple(each for each in correction_remarks(headers, mended) if each not in known)


def _sent(companions: Iterable[_Companion]) -> tuple[Dataset, ...]:
    """Return the objects that a report goes with; one that is held goes nowhere."""
    return tuple(header for kept, header in companions if not kept.is_held)
