"""The regions of an image's findings, read from the report's own measurement groups.

What other objects outline must be what the report outlines: same polygon, same tracking UID.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Finding
from sr_templates.algorithm_identification import algorithm_identification
from sr_templates.planar_roi import places_on, planar_roi_groups
from sr_templates.subject import Subject


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackedRegion:
    """One region of a positive finding.

    ``identifier`` and ``uid`` are the report's Tracking Identifier and Tracking Unique Identifier,
    ``probability`` is the region's own: the finding's, or that of a detector's box.
    ``points`` is the closed polygon in the source's pixel coordinates, (x, y) by row, where (0, 0)
    is the top left corner of the top left pixel (PS3.3 C.18.6.1.2).
    """

    finding: Finding
    identifier: str
    uid: str
    probability: float
    points: npt.NDArray[np.float64]


def tracked_regions(subject: Subject) -> tuple[TrackedRegion, ...]:
    """Give the regions of one image's positive findings in the order of the report."""
    algorithm = algorithm_identification(subject.prediction)
    return tuple(
        TrackedRegion(
            finding=finding,
            identifier=str(group.tracking_identifier),
            uid=str(group.tracking_uid),
            probability=place.probability,
            points=np.asarray(roi.value, dtype=np.float64),
        )
        for finding in subject.image.positive
        for group, place in zip(
            planar_roi_groups(
                replace(subject.image, findings=(finding,)),
                subject.source,
                subject.prediction.model,
                algorithm,
            ),
            places_on(finding, subject.source),
            strict=True,
        )
        if (roi := group.roi) is not None
    )
