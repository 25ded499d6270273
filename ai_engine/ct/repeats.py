"""Slices that came more than once, each time as another object."""

from collections.abc import Hashable, Sequence

from pydicom import Dataset

_ALIKE = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "BitsStored",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
)


def without_repeats(datasets: Sequence[Dataset]) -> tuple[tuple[Dataset, ...], tuple[str, ...]]:
    """The objects without those that repeat another one's place and pixels; and the UIDs of these.

    Of objects that are the same slice the first by SOP Instance UID stays. Multi-frame objects are
    taken as they are, and so is what has one place and other pixels: which of them holds is not
    known.
    """
    kept: dict[Hashable, Dataset] = {}
    repeats: list[str] = []
    for dataset in sorted(datasets, key=lambda each: str(each.SOPInstanceUID)):
        key = _slice(dataset)
        if key in kept:
            repeats.append(str(dataset.SOPInstanceUID))
        else:
            kept[key] = dataset
    return tuple(kept.values()), tuple(repeats)


def _slice(dataset: Dataset) -> Hashable:
    """What is the same in the same slice; of other objects their UID alone."""
    if "PerFrameFunctionalGroupsSequence" in dataset or "PixelData" not in dataset:
        return str(dataset.SOPInstanceUID)
    return (*(str(dataset.get(each)) for each in _ALIKE), bytes(dataset.PixelData))
