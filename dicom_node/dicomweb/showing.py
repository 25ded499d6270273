"""What stands for a series or study on a page: thumbnails, and all of its images rendered."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fastapi import Response
from fastapi.responses import StreamingResponse
from pydicom import Dataset

from dicom_node.dicomweb.data_sets import header
from dicom_node.dicomweb.decoding import Decoder
from dicom_node.dicomweb.errors import (
    DicomWebError,
    TooManyError,
    UnknownResourceError,
)
from dicom_node.dicomweb.frames import frame_count
from dicom_node.dicomweb.multipart import Part, multipart_related
from dicom_node.dicomweb.rendered import Rendering
from dicom_node.query.catalogue import ArchivedObject

_THUMBNAIL = (128, 128)
_MOST_RENDERED = 500
_LOOKED_AT = 64


def small(rendering: Rendering) -> Rendering:
    """Return a rendering at the size of thumbnails, where the client names none."""
    return replace(rendering, viewport=rendering.viewport or _THUMBNAIL)


def thumbnail(
    found: Sequence[ArchivedObject], media_type: str, rendering: Rendering, decoder: Decoder
) -> bytes:
    """Return a small picture of the image in the middle (PS3.18 Section 10.4.1.1.5).

    Raises
    ------
    UnknownResourceError
        None of the objects is an image that can be shown.
    """
    middle = len(found) // 2
    for each in (*found[middle:], *found[:middle])[:_LOOKED_AT]:
        try:
            if frames := _frames(each.path):
                return decoder.rendered(each.path, (frames + 1) // 2, media_type, small(rendering))
        except DicomWebError:  # it has no pixels that can be decoded: another one stands for it
            continue
    raise UnknownResourceError("there is no image to be shown")


def rendered_frames(
    path: Path, numbers: Sequence[int], media_type: str, rendering: Rendering, decoder: Decoder
) -> Response:
    """Return frames of an image, counted from 1: a picture, or a part for each of several.

    Raises
    ------
    DicomWebError
        One of them does not exist or cannot be decoded, or there are more than anybody shows.
    """
    _check_count(len(numbers))
    bodies = [decoder.rendered(path, number, media_type, rendering) for number in numbers]
    if len(bodies) == 1:
        return Response(bodies[0], media_type=media_type)
    parts = (Part(content_type=media_type, body=body) for body in bodies)
    return multipart_related(parts, part_type=media_type)


def rendered_images(
    found: Sequence[ArchivedObject], media_type: str, rendering: Rendering, decoder: Decoder
) -> StreamingResponse:
    """Return every frame of every image of a series or study, rendered one after another.

    Raises
    ------
    DicomWebError
        There is no image, there are more than anybody shows at once, or the first one cannot be
        decoded.
    """
    frames = [(each.path, number) for each in found for number in range(1, _frames(each.path) + 1)]
    if not frames:
        raise UnknownResourceError("there is no image to be shown")
    _check_count(len(frames))
    return multipart_related(_parts(frames, media_type, rendering, decoder), part_type=media_type)


def _check_count(images: int) -> None:
    if images > _MOST_RENDERED:
        raise TooManyError(
            f"{images} images are more than {_MOST_RENDERED}: ask for series or instances"
        )


def _parts(
    frames: Sequence[tuple[Path, int]], media_type: str, rendering: Rendering, decoder: Decoder
) -> Iterator[Part]:
    shown = 0
    for path, number in frames:
        try:
            body = decoder.rendered(path, number, media_type, rendering)
        except DicomWebError:
            if not shown and (path, number) == frames[-1]:
                raise
            continue  # what cannot be decoded is left out: the others are still of use
        shown += 1
        yield Part(content_type=media_type, body=body)


def _frames(path: Path) -> int:
    """Return how many frames an object has; none where it is no image, or its file is damaged."""
    try:
        dataset: Dataset = header(path)
    except DicomWebError:
        return 0
    if not dataset.get("Rows") or not dataset.get("Columns"):
        return 0
    try:
        return max(1, frame_count(dataset, path))
    except DicomWebError:
        return 1
