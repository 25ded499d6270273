"""A heat map as colour over grey anatomy: blending, contour and colour bar."""

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import HeatMap
from sr_templates import captions
from sr_templates.captions import Pixels
from sr_templates.regions import LEVEL, outlines, smoothed

# Perceptually uniform, so that equal steps of activation look equal. The ends of the map are left
# out: near black would darken the anatomy, near white would not show on bone.
COLOR_MAP = cv2.COLORMAP_INFERNO
COLOR_LEVELS = (70, 228)
# Below the onset the image is untouched. At most the strongest share of a pixel is colour, and the
# colour keeps part of the pixel's own brightness, so that the anatomy stays readable beneath.
ONSET = 0.25
STRONGEST_BLEND = 0.6
KEPT_BRIGHTNESS = 0.6


def placed(
    heat_map: HeatMap, shape: tuple[int, int], *, rows: int, columns: int
) -> npt.NDArray[np.float32]:
    """Put a heat map where its region lies on an image drawn in another size; 0 elsewhere.

    Parameters
    ----------
    shape
        Height and width of the drawn image.
    rows, columns
        Size of the source image, in whose coordinates the heat map's region is.
    """
    dense = smoothed(heat_map)
    region = heat_map.region
    across, down = shape[1] / columns, shape[0] / rows
    step_x = (region.right - region.left) * across / dense.shape[1]
    step_y = (region.bottom - region.top) * down / dense.shape[0]
    # Pixel centres: drawn pixel i is at i + 0.5, sample j covers j to j + 1 steps.
    inverse = np.array(
        [
            [1 / step_x, 0.0, (0.5 - region.left * across) / step_x - 0.5],
            [0.0, 1 / step_y, (0.5 - region.top * down) / step_y - 0.5],
        ]
    )
    drawn = cv2.warpAffine(
        dense, inverse, (shape[1], shape[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(drawn, dtype=np.float32)


def blended(grey: npt.NDArray[np.float32], activation: npt.NDArray[np.float32]) -> Pixels:
    """Blend activation over a grey image of the same shape, both 0 to 1; give uint8 RGB."""
    drawn = np.asarray(
        cv2.cvtColor((255.0 * grey + 0.5).astype(np.uint8), cv2.COLOR_GRAY2RGB), dtype=np.uint8
    )
    if (active := _active(activation)) is not None:
        drawn[active] = _mixed(grey[active], activation[active])
    return drawn


def _active(activation: npt.NDArray[np.float32]) -> tuple[slice, slice] | None:
    """Rows and columns outside of which nothing has colour; most of an image is outside."""
    over = activation > ONSET
    rows, columns = np.flatnonzero(over.any(axis=1)), np.flatnonzero(over.any(axis=0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _mixed(grey: npt.NDArray[np.float32], activation: npt.NDArray[np.float32]) -> Pixels:
    color, alpha = _tint(activation)
    brightness = (1.0 - KEPT_BRIGHTNESS) + 1.25 * KEPT_BRIGHTNESS * grey
    tint = color * brightness[:, :, None].astype(np.float32)
    mixed = cv2.blendLinear(
        cv2.cvtColor((255.0 * grey).astype(np.float32), cv2.COLOR_GRAY2RGB),
        tint,
        (1.0 - alpha).astype(np.float32),
        alpha.astype(np.float32),
    )
    return np.asarray(np.clip(mixed + 0.5, 0.0, 255.0), dtype=np.uint8)


def as_layer(activation: npt.NDArray[np.float32]) -> bytes:
    """Return activation, 0 to 1, as a PNG file to lay over the image: colour, and how much of it.

    A viewer chooses the opacity, so alpha takes the whole range: 255 where a blended overlay has
    its strongest share of colour.
    """
    color, alpha = _tint(activation)
    layer = np.dstack([color[:, :, ::-1], 255.0 * alpha / STRONGEST_BLEND])
    _, encoded = cv2.imencode(".png", np.clip(layer + 0.5, 0.0, 255.0).astype(np.uint8))
    return encoded.tobytes()


def _tint(
    activation: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the colour of activation and the share of it that a pixel gets."""
    share = np.clip((activation - ONSET) / (1.0 - ONSET), 0.0, 1.0)
    # The fade-in ends early, so that hue and not opacity tells strong from weak.
    alpha = STRONGEST_BLEND * np.minimum(1.0, 2.5 * share) * (0.55 + 0.45 * share)
    first, last = COLOR_LEVELS
    color = _colors((first + share * (last - first) + 0.5).astype(np.uint8))
    return color, np.asarray(alpha, dtype=np.float32)


def draw_contours(body: Pixels, heat_map: HeatMap, *, rows: int, columns: int) -> None:
    """Draw the outlines that the structured report states onto the drawn image, in place."""
    scale = np.array([body.shape[1] / columns, body.shape[0] / rows], np.float32)
    thickness = max(1, round(max(body.shape[:2]) / 800))
    for outline in outlines(heat_map, rows=rows, columns=columns):
        # Fixed point with four fractional bits; a pixel's centre is half a pixel in.
        ring = [np.round((outline.points * scale - 0.5) * 16).astype(np.int32)]
        for color, width in ((captions.BACKGROUND, thickness + 2), (captions.TEXT, thickness)):
            cv2.polylines(body, ring, True, color, width, cv2.LINE_AA, shift=4)


def color_bar(width: int, height: int) -> Pixels:
    """Draw the scale from no to strongest activation over mid grey, with the outline's level."""
    activation = np.tile(np.linspace(0.0, 1.0, width, dtype=np.float32), (height, 1))
    bar = blended(np.full((height, width), 0.5, np.float32), activation)
    level, thickness = round(LEVEL * width), max(1, height // 8)
    bar[:, level - 2 * thickness : level + 2 * thickness] = captions.BACKGROUND
    bar[:, level - thickness : level + thickness] = captions.TEXT
    return bar


def _colors(levels: Pixels) -> npt.NDArray[np.float32]:
    colors = cv2.cvtColor(cv2.applyColorMap(levels, COLOR_MAP), cv2.COLOR_BGR2RGB)
    return colors.astype(np.float32)
