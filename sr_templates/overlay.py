"""The Grad-CAM overlay: a display-ready image with its heat map, between bands of captions."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Finding, ImagePrediction, ModelIdentity
from ai_engine.preprocessing.area_averaging import averaged
from sr_templates import captions
from sr_templates.captions import Band, Line, Pixels
from sr_templates.drawn_boxes import with_boxes
from sr_templates.heat_map import blended, color_bar, draw_contours, placed
from sr_templates.language.language import result_language
from sr_templates.percent import percent
from sr_templates.rendition import PLAIN, Rendition

WARNING = "DEMONSTRATION - NOT FOR CLINICAL USE"
NO_FINDING = "No finding above threshold"
# A smaller image is enlarged, because captions need room to be readable.
SMALLEST_SIDE = 768
# A line has room for this many verdicts; the report has them all.
NAMED_VERDICTS = 2
# Between an unmarked image and the marked one beside it, in pixels.
GAP = 8

Draw = Callable[..., Iterator[Pixels]]
"""What draws as `draw_overlays` does."""


def draw_overlay(
    pixels: npt.NDArray[np.float32],
    image: ImagePrediction,
    finding: Finding | None,
    model: ModelIdentity,
    *,
    max_side: int = 1280,
    pixel_aspect: float = 1.0,
    notices: Sequence[str] = (),
    impression: str = "",
    rendition: Rendition = PLAIN,
) -> Pixels:
    """Draw one finding on its image, or the plain image where there is none to show.

    Parameters
    ----------
    pixels
        Display-ready image, shape (rows, columns), float32, 0 black to 1 white.
    image
        The verdicts on the image; the nearest to their thresholds are named where ``finding`` is
        None.
    finding
        The finding to show, or None to state that none reaches its threshold.
    max_side
        The longest side of the result in pixels, captions included.
    pixel_aspect
        Height of a source pixel over its width; the drawing has square pixels.
    notices
        Sentences that put the result in doubt; each has a band above the picture.
    impression
        The whole result in one sentence, above what this picture shows of it.
    rendition
        In which language, and whether the unmarked image stands beside the marked one.

    Returns
    -------
    ndarray
        Shape (height, width, 3), uint8 RGB.
    """
    drawn = draw_overlays(
        pixels,
        image,
        [finding],
        model,
        max_side=max_side,
        pixel_aspect=pixel_aspect,
        notices=notices,
        impression=impression,
        rendition=rendition,
    )
    return next(drawn)


def draw_overlays(
    pixels: npt.NDArray[np.float32],
    image: ImagePrediction,
    findings: Iterable[Finding | None],
    model: ModelIdentity,
    *,
    max_side: int = 1280,
    pixel_aspect: float = 1.0,
    notices: Sequence[str] = (),
    impression: str = "",
    rendition: Rendition = PLAIN,
) -> Iterator[Pixels]:
    """Draw each finding on a picture of its own, as `draw_overlay` does one.

    The image is brought to a picture's size once: of a large radiograph, that is half the work.
    """
    size = max(14, round(max_side / 50))
    language = result_language(rendition.language.value)
    greys: dict[tuple[int, int], npt.NDArray[np.float32]] = {}
    for finding in findings:
        width = min(max_side, 24 * size)
        headline = [Band(lines=_headline(image, finding))]
        above = [
            *captions.told(warnings(model, notices), language),
            *summary(language.said(impression), width=width, size=size),
            *captions.told(headline, language),
        ]
        below = captions.told([Band(lines=_footer(finding, model))], language)
        captions_height = sum(band.height(size) for band in above + below)
        beside = rendition.beside and finding is not None
        across = (max_side - GAP) // 2 if beside else max_side
        shape = body_shape(pixels, pixel_aspect, max_side, captions_height, across=across)
        if shape not in greys:
            greys[shape] = resized(pixels, shape)
        body = _body(greys[shape], finding, rows=pixels.shape[0], columns=pixels.shape[1])
        if beside:
            unmarked = _body(greys[shape], None, rows=pixels.shape[0], columns=pixels.shape[1])
            body = side_by_side(unmarked, body)
        body = centred(body, min_width=width)
        width = body.shape[1]
        yield np.vstack(
            [
                *(captions.drawn(band, width=width, size=size) for band in above),
                body,
                *(captions.drawn(band, width=width, size=size) for band in below),
            ]
        )


def as_png(overlay: Pixels) -> bytes:
    """Encode an overlay as PNG, for looking at it outside a DICOM viewer."""
    _, data = cv2.imencode(".png", cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def body_shape(
    pixels: npt.NDArray[np.float32],
    pixel_aspect: float,
    max_side: int,
    captions_height: int,
    *,
    across: int | None = None,
) -> tuple[int, int]:
    """Shape of the image's part: at most what the limit leaves, at least readable.

    ``across`` is how wide it may be, where it does not have the whole width.
    """
    height, width = pixels.shape[0] * pixel_aspect, float(pixels.shape[1])
    fitting = min((max_side - captions_height) / height, (across or max_side) / width)
    wanted = max(1.0, SMALLEST_SIDE / max(height, width))
    factor = min(fitting, wanted)
    return max(1, int(height * factor)), max(1, int(width * factor))


def _body(
    grey: npt.NDArray[np.float32], finding: Finding | None, *, rows: int, columns: int
) -> Pixels:
    """Draw a finding on the image in the picture's size; the source has ``rows``, ``columns``."""
    if finding is None or finding.heat_map is None:
        plain = (grey * 255.0 + 0.5).astype(np.uint8)
        body = np.repeat(plain[:, :, None], 3, axis=2)
        return body if finding is None else with_boxes(body, finding, rows=rows, columns=columns)
    height, width = grey.shape
    activation = placed(finding.heat_map, (height, width), rows=rows, columns=columns)
    body = blended(grey, activation)
    draw_contours(body, finding.heat_map, rows=rows, columns=columns)
    return body


def resized(pixels: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Give a display-ready image another shape, values kept between 0 and 1."""
    shrinks = shape[0] < pixels.shape[0] and shape[1] < pixels.shape[1]
    rows, columns = shape
    shown = (
        averaged(pixels, rows=rows, columns=columns)
        if shrinks
        else cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_CUBIC)
    )
    within = np.clip(shown, 0.0, 1.0)
    # Looked for by one sum: to replace what is hardly ever there takes longer than all the rest.
    if np.isnan(within.sum()):
        within = np.nan_to_num(within)
    return np.asarray(within, dtype=np.float32)


def side_by_side(unmarked: Pixels, marked: Pixels) -> Pixels:
    """Put the unmarked image to the left of the marked one, of one size, with a gap between."""
    gap = np.zeros((marked.shape[0], GAP, 3), np.uint8)
    return np.hstack([unmarked, gap, marked])


def centred(body: Pixels, min_width: int) -> Pixels:
    """Put a narrow image in the middle of a width that has room for words."""
    missing = max(0, min_width - body.shape[1])
    left = missing // 2
    return np.pad(body, ((0, 0), (left, missing - left), (0, 0)))


def warnings(model: ModelIdentity, notices: Sequence[str] = ()) -> list[Band]:
    """Give the bands that say what a demonstration is, and what puts the result in doubt."""
    words = [*([WARNING] if model.research_only else []), *notices]
    lines = (Line(left=each, color=captions.WARNING_TEXT, is_centred=True) for each in words)
    return [Band(lines=(line,), background=captions.WARNING_BACKGROUND) for line in lines]


def summary(impression: str, *, width: int, size: int) -> list[Band]:
    """Give the band with the result in one sentence, where there is one."""
    lines = captions.paragraph(impression, width=width, size=size, scale=0.95)
    return [Band(lines=lines)] if lines else []


def _headline(image: ImagePrediction, finding: Finding | None) -> tuple[Line, ...]:
    if finding is None:
        first = Line(left=NO_FINDING, scale=1.3)
        return first, Line(left=_verdicts(image), color=captions.SECONDARY_TEXT, scale=0.85)
    probability = percent(finding.probability, finding.threshold)
    threshold = percent(finding.threshold, finding.probability)
    status = "AI finding, not verified"
    if not is_localised(finding):
        status = "AI finding, not verified, not localised"
    return (
        Line(left=finding.title, right=f"Probability {probability}", scale=1.3),
        Line(
            left=status,
            right=f"Threshold {threshold}",
            color=captions.SECONDARY_TEXT,
            scale=0.85,
        ),
    )


def is_localised(finding: Finding) -> bool:
    """Whether a picture may say where a finding is: a box, or a map with something to outline."""
    heat_map = finding.heat_map
    if finding.boxes or heat_map is None:
        return bool(finding.boxes)
    return heat_map.within is None or bool(heat_map.within.any())


def _verdicts(image: ImagePrediction) -> str:
    """Name the verdicts that came nearest to their thresholds."""
    nearest = sorted(image.findings, key=lambda one: one.threshold - one.probability)
    named = [
        f"{one.title} {percent(one.probability, one.threshold)}"
        f" (threshold {percent(one.threshold, one.probability)})"
        for one in nearest[:NAMED_VERDICTS]
    ]
    others = len(nearest) - len(named)
    return "    ".join([*named, *([f"and {others} more"] if others else [])])


def _footer(finding: Finding | None, model: ModelIdentity) -> tuple[Line, ...]:
    made_by = Line(
        left=f"{model.name} {model.version}",
        right=f"weights {model.weights_digest[:12]}",
        color=captions.SECONDARY_TEXT,
        scale=0.8,
    )
    if finding is not None and finding.boxes:
        words = "1 box" if len(finding.boxes) == 1 else f"{len(finding.boxes)} boxes"
        legend = Line(
            left=f"{words}, each with its own probability",
            color=captions.SECONDARY_TEXT,
            scale=0.8,
        )
        return legend, made_by
    if finding is None or finding.heat_map is None:
        return (made_by,)
    legend = Line(
        left="Model activation:  none",
        right="strongest",
        color=captions.SECONDARY_TEXT,
        scale=0.8,
        between=color_bar,
    )
    return legend, made_by
