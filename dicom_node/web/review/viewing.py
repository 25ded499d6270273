"""What the image viewer in the page needs to know of an item."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ai_engine.prediction import Region
from dicom_node.domain.review.review import (
    CtUnderReview,
    CtVerdict,
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
        "isCt": details.ct is not None,
        "contours": f"/worklist/items/{details.item.item_id}/contours" if details.ct else "",
        "first": _first_slice(details.ct) if details.ct else 1,
        "keySlices": [each.number for each in details.ct.key_slices] if details.ct else [],
    }


def _first_slice(ct: CtUnderReview) -> int:
    """Return the slice shown first, counted from 1: the largest pattern's, else a key slice."""
    if ct.patterns:
        return ct.patterns[0].slice_number
    return ct.key_slices[0].number if ct.key_slices else (len(ct.slices) + 1) // 2


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
        for image, number in _frames(details)
    ]


def _frames(details: ReviewDetails) -> Iterator[tuple[ReviewImage, int]]:
    """Give each image with its frames; of a CT the slices that were measured, from head to feet."""
    if details.ct is not None:
        by_uid = {each.sop_instance_uid: each for each in details.images}
        for uid, frame in details.ct.slices:
            if uid in by_uid:
                yield by_uid[uid], frame or 1
        return
    for image in details.images:
        for number in range(1, max(1, image.number_of_frames) + 1):
            yield image, number


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
        "ct": _ct(reading.ct) if reading.ct else [],
        "findings": [_finding(each) for each in reading.findings],
    }


def _ct(said: CtVerdict) -> list[dict[str, Any]]:
    lungs = [
        {
            "kind": "lung",
            "label": each.side,
            "judgement": each.judgement.value,
            "percentage": each.percentage,
            "ungraded": not each.is_gradable,
            "comment": each.comment,
        }
        for each in said.lungs
    ]
    return [
        *lungs,
        *(
            {
                "kind": "pattern",
                "label": each.pattern,
                "judgement": each.judgement.value,
                "changed_to": each.changed_to,
                "comment": each.comment,
            }
            for each in said.patterns
        ),
    ]


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
