"""A series as one Enhanced CT object (PS3.3 A.38), as far as measuring it needs."""

import copy
from collections.abc import Sequence

from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedCTImageStorage


def enhanced(slices: Sequence[Dataset]) -> Dataset:
    """One multi-frame object, its frames from feet to head."""
    slices = slices[::-1]
    whole = copy.deepcopy(slices[0])
    whole.SOPClassUID = EnhancedCTImageStorage
    shared, values, measures, orientation = (Dataset() for _ in range(4))
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, -1024, "HU"
    measures.PixelSpacing = whole.PixelSpacing
    orientation.ImageOrientationPatient = whole.ImageOrientationPatient
    shared.PixelValueTransformationSequence = Items([values])
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([orientation])
    whole.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for entry in slices:
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = entry.ImagePositionPatient
        frame.PlanePositionSequence = Items([place])
        frames.append(frame)
    whole.PerFrameFunctionalGroupsSequence = Items(frames)
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(whole, keyword)
    whole.NumberOfFrames = len(slices)
    whole.PixelData = b"".join(entry.PixelData for entry in slices)
    return whole
