"""The regions of an image's findings, read from the report's own measurement groups.

What other objects outline must be what the report outlines: same polygon, same tracking UID.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from ai_engine.prediction import Finding, ImagePrediction, Prediction
from sr_templates.algorithm_identification import algorithm_identification
from sr_templates.errors import EvidenceError
from sr_templates.planar_roi import planar_roi_groups
from sr_templates.source_image import check_identity, named_instances, uid_of


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackedRegion:
    """One region of a positive finding.

    ``identifier`` and ``uid`` are the report's Tracking Identifier and Tracking Unique Identifier.
    ``points`` is the closed polygon in the source's pixel coordinates, (x, y) by row, where (0, 0)
    is the top left corner of the top left pixel (PS3.3 C.18.6.1.2).
    """

    finding: Finding
    identifier: str
    uid: str
    points: npt.NDArray[np.float64]


def analysed_images(
    prediction: Prediction, source: Dataset, frame_number: int | None
) -> Iterator[tuple[int, ImagePrediction]]:
    """Give the verdicts on one source (or one frame of it), numbered through the prediction.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, or the image's UIDs are not valid.
    """
    check_identity(source)
    uid = uid_of(source, "SOPInstanceUID")
    if uid not in named_instances(prediction):
        raise EvidenceError("the prediction does not speak of this image: nothing to draw")
    for number, image in enumerate(prediction.images, start=1):
        if image.sop_instance_uid == uid and frame_number in (None, image.frame_number):
            yield number, image


def tracked_regions(
    prediction: Prediction, image: ImagePrediction, source: Dataset
) -> tuple[TrackedRegion, ...]:
    """Give the regions of one image's positive findings in the order of the report."""
    algorithm = algorithm_identification(prediction)
    return tuple(
        TrackedRegion(
            finding=finding,
            identifier=str(group.tracking_identifier),
            uid=str(group.tracking_uid),
            points=np.asarray(roi.value, dtype=np.float64),
        )
        for finding in image.positive
        for group in planar_roi_groups(
            replace(image, findings=(finding,)), source, prediction.model, algorithm
        )
        if (roi := group.roi) is not None
    )
