"""What the image viewer in the page needs to know of an item."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ai_engine.prediction import Region
from dicom_node.domain.review.review import (
    FindingUnderReview,
    FindingVerdict,
    ReviewDetails,
    ReviewImage,
    Verdict,
)
from dicom_node.errors import NotFoundError
from sr_templates.heat_map import as_layer, placed

# A heat map is smooth: more pixels than these on its longer side show nothing more.
_LAYER_SIDE = 512
_DICOM_WEB = "/dicom-web"


def viewer_data(details: ReviewDetails) -> dict[str, Any]:
    """Return an item's images, findings and readings as JSON for the page's scripts."""
    return {
        "item": details.item.item_id,
        "study": f"{_DICOM_WEB}/studies/{details.item.study_instance_uid}",
        "images": images_for_viewer(details),
        "findings": [
            {
                "number": number,
                "image": each.image_uid,
                "frame": each.frame_number,
                "label": each.label,
                "title": each.title,
                "positive": each.is_positive,
                "boxes": [_box(box) for box in each.boxes],
                "layer": f"/worklist/items/{details.item.item_id}/heat-maps/{number}.png"
                if each.heat_map is not None
                else "",
            }
            for number, each in enumerate(details.findings)
        ],
        "readings": [_reading(each) for each in details.readings],
    }


def images_for_viewer(details: ReviewDetails) -> list[dict[str, Any]]:
    """Return where each frame of an item is fetched, in the order of display."""
    base = f"{_DICOM_WEB}/studies/{details.item.study_instance_uid}"
    return [
        {
            "sop": image.sop_instance_uid,
            "frame": number,
            "frames": image.number_of_frames,
            "instance": f"{base}/series/{image.series_instance_uid}"
            f"/instances/{image.sop_instance_uid}",
        }
        for image in details.images
        for number in range(1, max(1, image.number_of_frames) + 1)
    ]


def heat_map_layer(details: ReviewDetails, finding: FindingUnderReview) -> bytes:
    """Return a finding's heat map over its whole image, as a PNG file to lay over it.

    Raises
    ------
    NotFoundError
        When the model gave none, or the image's size is unknown.
    """
    image = _image(details.images, finding.image_uid)
    if finding.heat_map is None or image is None or not (image.rows and image.columns):
        raise NotFoundError("there is no heat map for this finding.")
    scale = min(1.0, _LAYER_SIDE / max(image.rows, image.columns))
    shape = (max(1, round(image.rows * scale)), max(1, round(image.columns * scale)))
    activation = placed(finding.heat_map, shape, rows=image.rows, columns=image.columns)
    return as_layer(np.clip(activation, 0.0, 1.0))


def _image(images: Sequence[ReviewImage], sop_instance_uid: str) -> ReviewImage | None:
    return next((each for each in images if each.sop_instance_uid == sop_instance_uid), None)


def _reading(reading: Verdict) -> dict[str, Any]:
    return {
        "by": reading.reviewer.user_name,
        "rejected": reading.rejected,
        "comment": reading.comment,
        "findings": [_finding(each) for each in reading.findings],
    }


def _finding(said: FindingVerdict) -> dict[str, Any]:
    return {
        "image": said.image_uid,
        "frame": said.frame_number,
        "label": said.label,
        "judgement": said.judgement.value,
        "changed_to": said.changed_to,
        "laterality": said.laterality.value if said.laterality else "",
        "box": _box(said.box) if said.box else None,
        "comment": said.comment,
    }


def _box(region: Region) -> list[float]:
    return [region.left, region.top, region.right, region.bottom]
