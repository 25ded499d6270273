"""Images of a data set with the boxes that radiologists drew around opacities on them."""

from collections.abc import Iterable
from dataclasses import dataclass

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split
from ai_engine.datasets.opacity_boxes import CLEAR, OPACITIES
from ai_engine.errors import DatasetError
from ai_engine.prediction import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxedItem:
    """An image with its boxes, in its own pixels; without any there is no opacity on it."""

    item: CxrItem
    boxes: tuple[Region, ...]


def boxed_items(dataset: CxrDataset, split: Split) -> tuple[BoxedItem, ...]:
    """The images of a part on which it is known where opacities are, and that there are none.

    An image that has an opacity but no box is left out: nobody said where it is.

    Raises
    ------
    DatasetError
        If no image of the part has a box.
    """
    found = _boxed(dataset, dataset.part(split))
    if not any(each.boxes for each in found):
        raise DatasetError(
            f"{dataset.folder}: no image of its {split.value} part has a box of "
            f"{', '.join(sorted(OPACITIES))}; a detector needs a data set with boxes"
        )
    return found


def every_boxed_item(dataset: CxrDataset) -> tuple[BoxedItem, ...]:
    """Those of all parts, for cross-validation.

    Raises
    ------
    DatasetError
        If no image has a box.
    """
    found = _boxed(dataset, dataset.items)
    if not any(each.boxes for each in found):
        raise DatasetError(
            f"{dataset.folder}: no image has a box of {', '.join(sorted(OPACITIES))}; a detector "
            "needs a data set with boxes"
        )
    return found


def _boxed(dataset: CxrDataset, items: Iterable[CxrItem]) -> tuple[BoxedItem, ...]:
    boxes: dict[str, list[Region]] = {}
    for box in dataset.boxes:
        if box.label in OPACITIES:
            boxes.setdefault(box.file, []).append(box.region)
    return tuple(
        BoxedItem(item=item, boxes=tuple(boxes.get(item.file, ())))
        for item in items
        if item.file in boxes or item.labels & CLEAR
    )
