"""Body part and side at the level of the series (PS3.3 C.7.3.1)."""

from pydicom.dataset import Dataset

from sr_templates.anatomy import UNPAIRED_BODY_PARTS
from sr_templates.source_attributes import SourceAttributes


def add_body_part(dataset: Dataset, attributes: SourceAttributes) -> None:
    """Copy what the source states; a part that may have a side says so, if only emptily."""
    for body_part in attributes.values("BodyPartExamined"):
        dataset.BodyPartExamined = body_part
    sides = attributes.values("Laterality")
    if dataset.get("BodyPartExamined") not in UNPAIRED_BODY_PARTS:
        dataset.Laterality = sides[0] if sides and sides[0] in ("L", "R") else None
