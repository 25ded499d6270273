"""What passes between the node and whoever makes evidence: rows one way, rows the other.

Both are small and can be sent to another process. Objects lie in the archives, before and after.
"""

from dataclasses import dataclass, field
from typing import Protocol

from ai_engine.prediction import Remark
from ai_engine.result import Result
from dicom_node.domain.evidence import EvidenceObject, LeftOut
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.errors import NodeError
from sr_templates.context import EvidenceContext
from sr_templates.earlier_result import EarlierResult
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.rendition import Rendition
from sr_templates.requested_procedure import RequestedProcedure


class EvidenceNotMadeError(NodeError):
    """Evidence of a job cannot be built; the words are those of the template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What a report comes after.

    ``results`` and ``verdicts`` are paths in the archive of evidence: reports of the model, and
    what people said of its results. ``external`` is what they said on other workstations.
    """

    results: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    external: tuple[ExternalReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOrder:
    """What evidence of one job is made from: what its model said, its images, the kinds wanted.

    ``earlier`` is what was made before, where the job is done once more. ``renditions`` are what
    destinations want beside how results are made for everybody; ``requested`` is the order of
    images that name none; ``compared_with`` is the result of an earlier study of the patient.
    ``series`` is that of the report where it is not its model's.
    """

    job: Job
    prediction: Result
    instances: tuple[ReceivedInstance, ...]
    context: EvidenceContext
    wanted: frozenset[EvidenceKind] = frozenset()
    earlier: tuple[EvidenceObject, ...] = ()
    replaced: Replaced = field(default_factory=Replaced)
    series: str = ""
    renditions: tuple[Rendition, ...] = ()
    requested: RequestedProcedure | None = None
    compared_with: EarlierResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """An object as one rendition has it: it stands for ``sop_instance_uid`` there."""

    sop_instance_uid: str
    rendition: Rendition
    made: EvidenceObject


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeEvidence:
    """Objects that are durable in the archive, kinds that there are none of, and what was added.

    ``remarks`` say what results cannot copy of the headers; ``rendered`` are drawn objects in other
    languages and layouts.
    """

    evidence: tuple[EvidenceObject, ...]
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[Remark, ...] = ()
    rendered: tuple[Rendered, ...] = ()


class EvidenceMaker(Protocol):
    """Makes evidence, here or in another process."""

    def make(self, order: EvidenceOrder) -> MadeEvidence:
        """Build, check and keep the evidence of a job.

        Doing it again gives the same objects.

        Raises
        ------
        NodeError
            When it cannot be built or kept.
        """
