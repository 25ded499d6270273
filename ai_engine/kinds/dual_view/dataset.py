"""Frontal radiographs with the lateral ones of the same study (paper 3, section 3.3)."""

from dataclasses import dataclass

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.errors import DatasetError


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPair:
    """A frontal image, and the lateral one of its study where there is one."""

    frontal: CxrItem
    lateral: CxrItem | None = None


def view_pairs(dataset: CxrDataset, split: Split) -> tuple[ViewPair, ...]:
    """One pair for each frontal image of a part, in the table's order.

    Raises
    ------
    DatasetError
        If the part has no frontal image, or the table does not say which images are of one study.
    """
    items = dataset.part(split)
    laterals: dict[str, CxrItem] = {}
    for item in items:
        if item.view is View.LATERAL:
            laterals.setdefault(item.study, item)
    pairs = tuple(
        ViewPair(frontal=item, lateral=laterals.get(item.study) if item.study else None)
        for item in items
        if item.view is not View.LATERAL
    )
    if not pairs:
        raise DatasetError(f"{dataset.folder}: no frontal image in its {split} part; add images")
    if not any(item.study for item in items):
        raise DatasetError(
            f"{dataset.folder}: {dataset.name} does not say which images are of one study; frontal "
            "and lateral views are paired in CheXpert's layout"
        )
    return pairs
