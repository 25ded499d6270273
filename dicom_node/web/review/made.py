"""What was made of a study, by any model, as lines of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dicom_node.domain.review.review import ReviewDetails
from sr_templates.evidence_kind import EvidenceKind

# One of them, and several.
_NAMES: Mapping[EvidenceKind, tuple[str, str]] = MappingProxyType(
    {
        EvidenceKind.SR: ("report", "reports"),
        EvidenceKind.SC: ("overlay", "overlays"),
        EvidenceKind.SEG: ("segmentation", "segmentations"),
        EvidenceKind.PR: ("presentation state", "presentation states"),
        EvidenceKind.PM: ("parametric map", "parametric maps"),
        EvidenceKind.PDF: ("PDF", "PDFs"),
        EvidenceKind.KO: ("key object selection", "key object selections"),
        EvidenceKind.SOFT: ("image without bones", "images without bones"),
        EvidenceKind.BONE: ("image of the bones alone", "images of the bones alone"),
        EvidenceKind.REJECTION: ("rejection note", "rejection notes"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLine:
    """One model, and what it made: ``report, 2 overlays``."""

    model: str
    objects: str
    count: int


def made_lines(details: ReviewDetails) -> tuple[MadeLine, ...]:
    """Return what each model has made of the item's study."""
    models = dict.fromkeys((each.model_name, each.model_version) for each in details.made)
    lines = []
    for name, version in models:
        mine = [each for each in details.made if each.model_name == name]
        lines.append(
            MadeLine(
                model=f"{name} {version}",
                objects=", ".join(_counted(each.kind, each.count) for each in mine),
                count=sum(each.count for each in mine),
            )
        )
    return tuple(lines)


def _counted(kind: EvidenceKind, count: int) -> str:
    one, several = _NAMES[kind]
    return one if count == 1 else f"{count} {several}"
