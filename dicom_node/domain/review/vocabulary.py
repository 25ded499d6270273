"""What an expert may say that the model did not: its own labels, and "other" with words."""

from collections.abc import Sequence

from ai_engine.prediction import Code
from dicom_node.domain.review.review import OTHER_LABEL, FindingConcept, FindingUnderReview

OTHER = FindingConcept(
    label=OTHER_LABEL,
    title="Other finding",
    code=Code(value="404684003", scheme="SCT", meaning="Clinical finding"),
)


def vocabulary_of(findings: Sequence[FindingUnderReview]) -> tuple[FindingConcept, ...]:
    """Return each label once, in the model's order, and last the one for everything else."""
    known = {
        each.label: FindingConcept(
            label=each.label, title=each.title, code=each.code, site=each.site
        )
        for each in findings
    }
    return (*known.values(), OTHER)
