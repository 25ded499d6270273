"""The series that each kind of evidence fills (General Series module, PS3.3 C.7.3.1)."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ai_engine.prediction import ModelIdentity
from sr_templates.repair import long_string


class EvidenceKind(StrEnum):
    """What the node can make of a prediction."""

    STRUCTURED_REPORT = "sr"
    SECONDARY_CAPTURE = "sc"
    SEGMENTATION = "seg"
    PRESENTATION_STATE = "pr"
    PARAMETRIC_MAP = "pm"
    ENCAPSULATED_REPORT = "pdf"
    KEY_OBJECT_SELECTION = "ko"
    REJECTION = "rejection"


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
        EvidenceKind.STRUCTURED_REPORT: EvidenceSeries(
            offset=0, modality="SR", heading="AI report"
        ),
        EvidenceKind.SECONDARY_CAPTURE: EvidenceSeries(
            offset=1, modality="OT", heading="AI overlay"
        ),
        EvidenceKind.SEGMENTATION: EvidenceSeries(offset=2, modality="SEG", heading="AI regions"),
        EvidenceKind.PRESENTATION_STATE: EvidenceSeries(
            offset=3, modality="PR", heading="AI outlines"
        ),
        EvidenceKind.PARAMETRIC_MAP: EvidenceSeries(
            offset=4, modality="OT", heading="AI activation map"
        ),
        EvidenceKind.ENCAPSULATED_REPORT: EvidenceSeries(
            offset=5, modality="DOC", heading="AI report, printable"
        ),
        EvidenceKind.KEY_OBJECT_SELECTION: EvidenceSeries(
            offset=6, modality="KO", heading="AI key images"
        ),
        EvidenceKind.REJECTION: EvidenceSeries(
            offset=7, modality="KO", heading="AI results rejected"
        ),
    }
)
