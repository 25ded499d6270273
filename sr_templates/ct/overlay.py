"""A key slice as a picture: inhomogeneity outlined in red (paper 5, Fig. 4), lungs in blue."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.contours import Ring
from ai_engine.ct.results import CtAnalysis, KeySlice, LungMeasurement, Side
from ai_engine.ct.shares import share_in_words
from ai_engine.prediction import ModelIdentity
from sr_templates import captions
from sr_templates.captions import Band, Line, Pixels
from sr_templates.ct import codes as ct_codes
from sr_templates.ct.volumetric_roi import title
from sr_templates.language.language import result_language
from sr_templates.overlay import (
    GAP,
    body_shape,
    centred,
    resized,
    side_by_side,
    summary,
    warnings,
)
from sr_templates.rendition import PLAIN, Rendition

RED = (255, 45, 35)
LUNG_BLUE = (96, 176, 255)
# Fractional bits of the coordinates that OpenCV draws with.
SHIFT = 4
CANNOT_GRADE = "Cannot grade"


def draw_key_slice(
    pixels: npt.NDArray[np.float32],
    key: KeySlice,
    analysis: CtAnalysis,
    model: ModelIdentity,
    *,
    max_side: int = 1280,
    notices: Sequence[str] = (),
    impression: str = "",
    rendition: Rendition = PLAIN,
) -> Pixels:
    """Draw a key slice between bands that say what is seen, how much, and by which method.

    Parameters
    ----------
    pixels
        The slice in the lung window, shape (rows, columns), float32, 0 black to 1 white.
    max_side
        The longest side of the result in pixels, captions included.
    notices
        Sentences that put the result in doubt; each has a band above the picture.
    impression
        The whole result in one sentence, above what this slice shows of it.
    rendition
        In which language, and whether the unmarked slice stands beside the marked one.

    Returns
    -------
    ndarray
        Shape (height, width, 3), uint8 RGB.
    """
    size = max(14, round(max_side / 50))
    language = result_language(rendition.language.value)
    above = [
        *captions.told(warnings(model, notices), language),
        *summary(language.said(impression), width=min(max_side, 24 * size), size=size),
        *captions.told([Band(lines=_headline(key, analysis))], language),
    ]
    below = captions.told([Band(lines=_footer(key, analysis, model))], language)
    height = sum(band.height(size) for band in above + below)
    aspect = analysis.geometry.spacing[1] / analysis.geometry.spacing[2]
    across = (max_side - GAP) // 2 if rendition.beside else max_side
    shape = body_shape(pixels, aspect, max_side, height, across=across)
    body = outlined(pixels, key, shape, analysis=analysis)
    if rendition.beside:
        body = side_by_side(plain(pixels, shape, analysis=analysis), body)
    body = centred(body, min_width=24 * size)
    width = body.shape[1]
    return np.vstack(
        [
            *(captions.drawn(band, width=width, size=size) for band in above),
            body,
            *(captions.drawn(band, width=width, size=size) for band in below),
        ]
    )


def outlined(
    pixels: npt.NDArray[np.float32],
    key: KeySlice,
    shape: tuple[int, int],
    *,
    analysis: CtAnalysis,
) -> Pixels:
    """Draw the outlines, and on which side the patient's right is, on the slice in ``shape``."""
    grey = (resized(pixels, shape) * 255.0 + 0.5).astype(np.uint8)
    image = np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    scale = np.array([shape[1] / pixels.shape[1], shape[0] / pixels.shape[0]])
    _draw(image, key.lungs, scale, color=LUNG_BLUE, thickness=1)
    _draw(image, key.areas, scale, color=RED, thickness=max(2, round(shape[0] / 400)))
    _mark_sides(image, left_is_high=analysis.geometry.columns_along[0] > 0)
    return image


def plain(
    pixels: npt.NDArray[np.float32], shape: tuple[int, int], *, analysis: CtAnalysis
) -> Pixels:
    """Draw the slice in ``shape`` with nothing but the patient's sides on it."""
    grey = (resized(pixels, shape) * 255.0 + 0.5).astype(np.uint8)
    image = np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    _mark_sides(image, left_is_high=analysis.geometry.columns_along[0] > 0)
    return image


def _draw(
    image: Pixels,
    rings: Sequence[Ring],
    scale: npt.NDArray[np.float64],
    *,
    color: tuple[int, int, int],
    thickness: int,
) -> None:
    # OpenCV's coordinates are of pixel centres, the rings' of their edges.
    corners = [
        np.rint((np.array(ring) * scale - 0.5) * 2**SHIFT).astype(np.int32) for ring in rings
    ]
    cv2.polylines(image, corners, True, color, thickness, cv2.LINE_AA, SHIFT)


def _mark_sides(image: Pixels, *, left_is_high: bool) -> None:
    """Write the patient's sides at the picture's, dark around light, so that both are readable."""
    rows, columns = image.shape[:2]
    size, low = max(0.6, rows / 900), round(0.025 * columns)
    letters = "RL" if left_is_high else "LR"
    for letter, column in zip(letters, (low, columns - 2 * low), strict=True):
        for color, thickness in (((0, 0, 0), 4), (captions.TEXT, 1)):
            cv2.putText(
                image,
                letter,
                (column, rows // 2),
                cv2.FONT_HERSHEY_SIMPLEX,
                size,
                color,
                thickness,
                cv2.LINE_AA,
            )


def _headline(key: KeySlice, analysis: CtAnalysis) -> tuple[Line, ...]:
    found = ", ".join(title(pattern) for pattern in key.patterns) or nothing_found(analysis)
    count = analysis.geometry.shape[0]
    return (
        Line(left=found, right=f"Slice {key.number} of {count}", scale=1.3),
        Line(
            left="AI measurement, not verified",
            right=_percentages(analysis.measurements),
            color=captions.SECONDARY_TEXT,
            scale=0.85,
        ),
    )


def nothing_found(analysis: CtAnalysis) -> str:
    """Say in how much lung nothing was measured; that nothing is there isn't known."""
    if analysis.doubts:
        return f"{CANNOT_GRADE}: {ct_codes.CAUTIONS[analysis.doubts[0]].meaning}"
    if analysis.findings:
        return "No inhomogeneity measured on this slice"
    aerated = analysis.measurements[2].aerated_ml
    return f"No inhomogeneity measured in {aerated:.0f} ml of aerated lung"


def _percentages(rows: Sequence[LungMeasurement]) -> str:
    words = [
        f"{title(row.side)} {share_in_words(row.percentage)}"
        for row in rows
        if row.side is not Side.BOTH and row.percentage is not None
    ]
    return "Inhomogeneity: " + ", ".join(words)


def _footer(key: KeySlice, analysis: CtAnalysis, model: ModelIdentity) -> tuple[Line, ...]:
    lines = [("Blue: lungs", "slices counted from the head")]
    if key.areas:
        lines = [("Red: inhomogeneity    Blue: lungs", "slices counted from the head")]
    if analysis.doubts:
        reasons = "; ".join(ct_codes.CAUTIONS[doubt].meaning for doubt in analysis.doubts)
        lines.append((f"{CANNOT_GRADE}: {reasons}", ""))
    lines.append((f"{model.name} {model.version}", f"sha256 {model.weights_digest[:12]}"))
    return tuple(
        Line(left=left, right=right, color=captions.SECONDARY_TEXT, scale=0.8)
        for left, right in lines
    )
