"""The Grad-CAM overlay: heat map, contour, legend and captions around a display-ready image."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Finding, HeatMap, ImagePrediction, ModelIdentity
from sr_templates import captions
from sr_templates.captions import Line, Pixels
from sr_templates.regions import outlines, smoothed

WARNING = "DEMONSTRATION - NOT FOR CLINICAL USE"
NO_FINDING = "No finding above threshold"
# Perceptually uniform, so that equal steps of activation look equal, and without green or grey.
COLOR_MAP = cv2.COLORMAP_PLASMA
# Below the onset the image is untouched; at most this share of a pixel is colour, so that the
# anatomy stays visible under the strongest activation.
ONSET = 0.2
STRONGEST_BLEND = 0.42
# A smaller image is enlarged, because captions need room to be readable.
SMALLEST_SIDE = 768


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Drawn pixels per source pixel, across and down."""

    x: float
    y: float


def draw_overlay(
    pixels: npt.NDArray[np.float32],
    image: ImagePrediction,
    finding: Finding | None,
    model: ModelIdentity,
    *,
    max_side: int = 1280,
    pixel_aspect: float = 1.0,
) -> Pixels:
    """Draw one finding on its image, or the plain image where there is none to show.

    Parameters
    ----------
    pixels
        Display-ready image, shape (rows, columns), float32, 0 black to 1 white.
    image
        The verdicts on the image; they are named where ``finding`` is None.
    finding
        The finding to show, or None to state that none reaches its threshold.
    max_side
        The longest side of the result in pixels, captions included.
    pixel_aspect
        Height of a source pixel over its width; the drawing has square pixels.

    Returns
    -------
    ndarray
        Shape (height, width, 3), uint8 RGB.
    """
    rows, columns = pixels.shape
    size = _text_size(max_side)
    shown = _body_shape(rows * pixel_aspect, columns, max_side, _bands_height(size, model))
    scale = _Scale(x=shown[1] / columns, y=shown[0] / rows)
    grey = _resized(pixels, shown)
    body = np.repeat((grey * 255.0 + 0.5).astype(np.uint8)[:, :, None], 3, axis=2)
    if finding is not None and finding.heat_map is not None:
        body = _blended(body, _placed(finding.heat_map, shown, scale))
        _draw_contours(body, finding.heat_map, rows, columns, scale)
    body = _centred(body, min_width=round(16 * size))
    return np.vstack(
        [
            *_top_bands(image, finding, model, body.shape[1], size),
            body,
            *_bottom_bands(finding, model, body.shape[1], size),
        ]
    )


def as_png(overlay: Pixels) -> bytes:
    """Encode an overlay as PNG, for looking at it outside a DICOM viewer."""
    _, data = cv2.imencode(".png", cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def percent(share: float, threshold: float) -> str:
    """Write a probability in whole percent, or finer where that would hide which is larger."""
    is_close = share != threshold and abs(share - threshold) < 0.01
    return f"{100 * share:.1f} %" if is_close else f"{100 * share:.0f} %"


def _text_size(max_side: int) -> int:
    return max(15, round(max_side / 50))


def _bands_height(size: int, model: ModelIdentity) -> int:
    """Height that captions take, so that image and captions together keep to the limit."""
    return round((9.2 if model.research_only else 7.0) * size)


def _body_shape(
    height: float, width: float, max_side: int, captions_height: int
) -> tuple[int, int]:
    """Shape of the image's part: at most what the limit leaves, at least readable."""
    fitting = min((max_side - captions_height) / height, max_side / width)
    wanted = max(1.0, SMALLEST_SIDE / max(height, width))
    factor = min(fitting, wanted)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _resized(pixels: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    shrinks = shape[0] < pixels.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    resized = cv2.resize(pixels, (shape[1], shape[0]), interpolation=interpolation)
    return np.clip(np.nan_to_num(resized), 0.0, 1.0).astype(np.float32)


def _placed(heat_map: HeatMap, shape: tuple[int, int], scale: _Scale) -> npt.NDArray[np.float32]:
    """Put the heat map where its region lies on the drawn image; 0 elsewhere."""
    dense = smoothed(heat_map)
    region = heat_map.region
    step_x = (region.right - region.left) * scale.x / dense.shape[1]
    step_y = (region.bottom - region.top) * scale.y / dense.shape[0]
    # Pixel centres: drawn pixel i is at i + 0.5, sample j covers j to j + 1 steps.
    inverse = np.array(
        [
            [1 / step_x, 0.0, (0.5 - region.left * scale.x) / step_x - 0.5],
            [0.0, 1 / step_y, (0.5 - region.top * scale.y) / step_y - 0.5],
        ]
    )
    placed = cv2.warpAffine(
        dense, inverse, (shape[1], shape[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(placed, dtype=np.float32)


def _blended(body: Pixels, activation: npt.NDArray[np.float32]) -> Pixels:
    share = np.clip((activation - ONSET) / (1.0 - ONSET), 0.0, 1.0)
    # Fades in smoothly from the onset and stays below the strongest blend.
    alpha = (STRONGEST_BLEND * np.sqrt(share))[:, :, None]
    color = _colors((share * 255.0).astype(np.uint8))
    return np.asarray(body * (1.0 - alpha) + color * alpha + 0.5, dtype=np.uint8)


def _colors(levels: Pixels) -> Pixels:
    """Look levels 0 to 255 up in the colour map, as RGB."""
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(levels, COLOR_MAP), cv2.COLOR_BGR2RGB))


def _draw_contours(body: Pixels, heat_map: HeatMap, rows: int, columns: int, scale: _Scale) -> None:
    thickness = max(1, round(max(body.shape[:2]) / 700))
    for outline in outlines(heat_map, rows=rows, columns=columns):
        drawn = outline.points * np.array([scale.x, scale.y], np.float32) - 0.5
        ring = [np.round(drawn * 16).astype(np.int32)]
        for color, width in ((captions.BACKGROUND, thickness + 2), (captions.TEXT, thickness)):
            cv2.polylines(body, ring, True, color, width, cv2.LINE_AA, shift=4)


def _centred(body: Pixels, min_width: int) -> Pixels:
    missing = max(0, min_width - body.shape[1])
    left = missing // 2
    return np.pad(body, ((0, 0), (left, missing - left), (0, 0)))


def _top_bands(
    image: ImagePrediction,
    finding: Finding | None,
    model: ModelIdentity,
    width: int,
    size: int,
) -> list[Pixels]:
    bands = []
    if model.research_only:
        warning = Line(left=WARNING, color=captions.WARNING_TEXT, is_centred=True)
        bands.append(
            captions.band([warning], width=width, size=size, background=captions.WARNING_BACKGROUND)
        )
    if finding is None:
        lines = [Line(left=NO_FINDING, scale=1.3), _line_of_all(image)]
    else:
        lines = _lines_of(finding)
    bands.append(captions.band(lines, width=width, size=size))
    return bands


def _lines_of(finding: Finding) -> list[Line]:
    probability = percent(finding.probability, finding.threshold)
    threshold = percent(finding.threshold, finding.probability)
    return [
        Line(left=finding.title, right=f"Probability {probability}", scale=1.3),
        Line(
            left="AI finding, unverified" + ("" if finding.heat_map else " - not localised"),
            right=f"Threshold {threshold}",
            color=captions.SECONDARY_TEXT,
            scale=0.85,
        ),
    ]


def _line_of_all(image: ImagePrediction) -> Line:
    verdicts = [
        f"{one.title} {percent(one.probability, one.threshold)}"
        f" (threshold {percent(one.threshold, one.probability)})"
        for one in image.findings
    ]
    return Line(left="   ".join(verdicts), color=captions.SECONDARY_TEXT, scale=0.85)


def _bottom_bands(
    finding: Finding | None, model: ModelIdentity, width: int, size: int
) -> list[Pixels]:
    bands = []
    if finding is not None and finding.heat_map is not None:
        bands.append(_legend(width, size))
    line = Line(
        left=f"{model.name} {model.version}",
        right=f"weights {model.weights_digest[:12]}",
        color=captions.SECONDARY_TEXT,
        scale=0.8,
    )
    bands.append(captions.band([line], width=width, size=size))
    return bands


def _legend(width: int, size: int) -> Pixels:
    """Colour bar on the image's own kind of grey, between the words for its ends."""
    words = Line(
        left="Model activation: weak",
        right="strong",
        color=captions.SECONDARY_TEXT,
        scale=0.8,
    )
    return captions.band([words], width=width, size=size)
