"""What was made of a study, by any model, as lines of the page."""

from dataclasses import dataclass

from dicom_node.domain.review.review import ReviewDetails
from sr_templates.evidence_kind import EVIDENCE


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
                objects=", ".join(EVIDENCE[each.kind].counted(each.count) for each in mine),
                count=sum(each.count for each in mine),
            )
        )
    return tuple(lines)
