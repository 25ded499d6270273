"""A detector's boxes over grey anatomy: thin frames, each with its probability beside it."""

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ai_engine.prediction import Finding
from sr_templates import captions
from sr_templates.captions import Pixels
from sr_templates.fonts import face
from sr_templates.percent import percent
from sr_templates.regions import places_of

# A yellow that shows on bone and on lung, as the presentation state's layer has it.
FRAME: captions.RGB = (255, 214, 10)


def with_boxes(body: Pixels, finding: Finding, *, rows: int, columns: int) -> Pixels:
    """Draw the boxes that the structured report states onto a drawn image of another size.

    Parameters
    ----------
    body
        Shape (height, width, 3), uint8 RGB.
    rows, columns
        Size of the source image, in whose coordinates the boxes are.

    Returns
    -------
    ndarray
        The same shape; what lies inside a box is left as it is.
    """
    drawn = body.copy()
    scale = np.array([body.shape[1] / columns, body.shape[0] / rows], np.float32)
    thickness = max(2, round(max(body.shape[:2]) / 500))
    labels = []
    for place in places_of(finding, rows=rows, columns=columns):
        # Fixed point with four fractional bits; a pixel's centre is half a pixel in.
        corners = place.points * scale
        ring = [np.round((corners - 0.5) * 16).astype(np.int32)]
        for color, width in ((captions.BACKGROUND, thickness + 2), (FRAME, thickness)):
            cv2.polylines(drawn, ring, True, color, width, cv2.LINE_AA, shift=4)
        left, top = corners.min(axis=0).tolist()
        labels.append((left, top, percent(place.probability, finding.threshold)))
    return _with_labels(drawn, labels)


def _with_labels(drawn: Pixels, labels: list[tuple[float, float, str]]) -> Pixels:
    """Write each label on a plate outside its box, or inside where the image ends above it."""
    image = Image.fromarray(drawn)
    draw = ImageDraw.Draw(image)
    size = max(14.0, max(drawn.shape[:2]) / 55)
    font = face(size)
    for left, top, words in labels:
        width, height = font.getlength(words) + 0.6 * size, 1.3 * size
        x = min(max(0.0, left), drawn.shape[1] - width)
        y = top - height if top >= height else top
        draw.rectangle((x, y, x + width, y + height), fill=captions.BACKGROUND)
        draw.text((x + width / 2, y + height / 2), words, fill=FRAME, font=font, anchor="mm")
    return np.asarray(image)
