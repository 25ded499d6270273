"""What was made of a study, by any model, as lines of the page."""

from dataclasses import dataclass

from dicom_node.domain.review.review import ReviewDetails
from sr_templates.evidence_kind import EvidenceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLine:
    """One model, and what it made: of which kinds, and how many of each."""

    model: str
    objects: tuple[tuple[EvidenceKind, int], ...]

    @property
    def count(self) -> int:
        """How many objects."""
        return sum(count for _, count in self.objects)


def made_lines(details: ReviewDetails) -> tuple[MadeLine, ...]:
    """Return what each model has made of the item's study."""
    models = dict.fromkeys((each.model_name, each.model_version) for each in details.made)
    return tuple(
        MadeLine(
            model=f"{name} {version}",
            objects=tuple(
                (each.kind, each.count) for each in details.made if each.model_name == name
            ),
        )
        for name, version in models
    )
