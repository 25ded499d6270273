"""One frame of a multi-frame image, read as if it were an image of its own (PS3.3 C.7.6.16).

Enhanced images state spacing, place, rescale and window in functional groups: shared by all frames,
or for each. The templates look for them where single-frame images have them.
"""

from collections.abc import Sequence
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.tag import Tag

SEQUENCES = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
GROUPS = MappingProxyType(
    {
        "FrameAnatomySequence": ("AnatomicRegionSequence",),
        "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
        "PlanePositionSequence": ("ImagePositionPatient",),
        "PlaneOrientationSequence": ("ImageOrientationPatient",),
        "PixelValueTransformationSequence": ("RescaleIntercept", "RescaleSlope", "RescaleType"),
        "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    }
)


def header_of_frame(source: Dataset, frame_number: int | None) -> Dataset:
    """Give the source's header with what its functional groups say of one frame.

    Parameters
    ----------
    frame_number
        Counts from 1; None is the first frame.

    Returns
    -------
    Dataset
        The source itself where it has no functional groups, else a copy without those. What a
        frame's own group says goes before what is shared.
    """
    shared, own = (_items(source, keyword) for keyword in SEQUENCES)
    index = (frame_number or 1) - 1
    groups = [*shared[:1], *own[index : index + 1]]
    if not groups:
        return source
    header = Dataset()
    if hasattr(source, "file_meta"):
        header.file_meta = source.file_meta
    # As they stand: an invalid value would be quoted in a warning if it were decoded here.
    header.update({tag: source.get_item(tag) for tag in source.keys() - set(map(Tag, SEQUENCES))})
    for group in groups:
        for name, keywords in GROUPS.items():
            for item in _items(group, name)[:1]:
                for keyword in keywords:
                    if keyword in item:
                        header[keyword] = item[keyword]
    return header


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    return list(dataset.get(keyword) or [])
