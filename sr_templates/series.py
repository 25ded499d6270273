"""The series that each kind of evidence fills (General Series module, PS3.3 C.7.3.1)."""

from dataclasses import dataclass
from types import MappingProxyType

from ai_engine.prediction import ModelIdentity
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.repair import long_string


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSeries:
    """How the series of one kind looks in a viewer's list.

    ``offset`` is added to the context's series number base, so that the kinds keep their order.
    """

    offset: int
    modality: str
    heading: str

    def description(self, model: ModelIdentity) -> str:
        """Series Description (0008,103E): what it is, whether it is research, which model."""
        status = " (research)" if model.research_only else ""
        return long_string(f"{self.heading}{status}: {model.title}")


SERIES = MappingProxyType(
    {
        EvidenceKind.SR: EvidenceSeries(offset=0, modality="SR", heading="AI report"),
        EvidenceKind.SC: EvidenceSeries(offset=1, modality="OT", heading="AI overlay"),
        EvidenceKind.SEG: EvidenceSeries(offset=2, modality="SEG", heading="AI regions"),
        EvidenceKind.PR: EvidenceSeries(offset=3, modality="PR", heading="AI outlines"),
        EvidenceKind.PM: EvidenceSeries(offset=4, modality="OT", heading="AI activation map"),
        EvidenceKind.PDF: EvidenceSeries(offset=5, modality="DOC", heading="AI report, printable"),
        EvidenceKind.KO: EvidenceSeries(offset=6, modality="KO", heading="AI key images"),
        EvidenceKind.REJECTION: EvidenceSeries(
            offset=7, modality="KO", heading="AI results rejected"
        ),
        EvidenceKind.SOFT: EvidenceSeries(offset=8, modality="OT", heading="AI bones suppressed"),
        EvidenceKind.BONE: EvidenceSeries(offset=9, modality="OT", heading="AI bones only"),
    }
)
