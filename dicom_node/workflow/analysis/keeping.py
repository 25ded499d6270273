"""What was made passes the gate and is kept: the disk's part of that goes on beside other work.

Data sets are touched by one thread alone. What goes on beside it has bytes and numbers in hand.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from pydicom import Dataset

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.workflow.analysis.evidence_order import EvidenceOrder
from dicom_node.workflow.ports import ObjectArchive
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.source_image import identity_of
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An object that has been at the gate: ``kept`` waits until it is durable in the archive.

    ``header`` is what others refer to it by.
    """

    header: Dataset
    is_held: bool
    kept: Callable[[], EvidenceObject]


class AtOnce(Executor):
    """Does what it is given while it is given it: nothing goes on beside."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Do it; what it raises is raised here."""
        done: Future[R] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Keeping:
    """Checks the objects of one job and keeps each, in the archive's own time."""

    def __init__(self, order: EvidenceOrder, archive: ObjectArchive, beside: Executor) -> None:
        """Write by ``beside``, whose end waits for all of it."""
        self._order = order
        self._archive = archive
        self._beside = beside

    def begin(self, kind: EvidenceKind, dataset: Dataset, sources: Sequence[Dataset]) -> Passed:
        """Look at an object, and begin to write it; one that was sent before stays as it is."""
        found = self._looked_at(kind, dataset, sources)
        if found.path:
            return Passed(header=identity_of(dataset), is_held=False, kept=lambda: found)
        written = self._beside.submit(self._archive.keep_encoded, self._archive.encoded(dataset))
        return Passed(
            header=identity_of(dataset),
            is_held=found.is_held,
            kept=lambda: replace(found, path=written.result()),
        )

    def keep(
        self, kind: EvidenceKind, dataset: Dataset, sources: Sequence[Dataset]
    ) -> EvidenceObject:
        """Look at an object, and write it here and now."""
        found = self._looked_at(kind, dataset, sources)
        return found if found.path else replace(found, path=self._archive.keep(dataset))

    def _looked_at(
        self, kind: EvidenceKind, dataset: Dataset, sources: Sequence[Dataset]
    ) -> EvidenceObject:
        """Return what is known of an object; without a path, where it is to be written."""
        uid = str(dataset.SOPInstanceUID)
        before = next((each for each in self._order.earlier if each.sop_instance_uid == uid), None)
        if before is not None and not before.is_held:
            return before
        found = problems(dataset, sources)
        if found:
            _LOG.error("evidence held kind=%s sop=%s problems=%r", kind, uid, found)
        return EvidenceObject(
            sop_instance_uid=uid,
            sop_class_uid=str(dataset.SOPClassUID),
            series_instance_uid=str(dataset.SeriesInstanceUID),
            kind=kind,
            job_id=self._order.job.job_id,
            path="",
            problems=found,
        )
