"""Overlays that are drawn ahead are those that would be drawn, or are drawn anew."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from ai_engine.prediction import HeatMap, Prediction, Remark, RemarkKind
from dicom_node.workflow.analysis import sketches
from dicom_node.workflow.analysis.sketches import Sketches
from sr_templates.captions import Pixels
from sr_templates.overlay import Draw, draw_overlays
from sr_templates.rendition import Rendition
from sr_templates.secondary_capture import build_overlays, sketch_overlays
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_prediction,
    a_source,
    some_pixels,
)

PIXELS = some_pixels()


class Pen:
    """Draws, and counts how often."""

    def __init__(self) -> None:
        self.strokes = 0

    def __call__(self, *what: Any, **how: Any) -> Iterator[Pixels]:
        self.strokes += 1
        return draw_overlays(*what, **how)


@pytest.fixture
def pen(monkeypatch: pytest.MonkeyPatch) -> Pen:
    pen = Pen()
    monkeypatch.setattr(sketches, "draw_overlays", pen)
    return pen


def begun(prediction: Prediction) -> Sketches:
    drawing = Sketches()

    def draw(with_: Draw) -> None:
        sketch_overlays(prediction, a_source(), PIXELS, a_context(), with_)

    drawing.begin(IMAGE, draw)
    return drawing


def pictures(made: list[Dataset]) -> list[bytes]:
    return [each.PixelData for each in made]


def copied(prediction: Prediction) -> Prediction:
    """The same, as it is read from where it was kept: no array is the same object."""
    (image,) = prediction.images
    findings = tuple(
        replace(each, heat_map=each.heat_map and replace_values(each.heat_map))
        for each in image.findings
    )
    return replace(prediction, images=(replace(image, findings=findings),))


def replace_values(heat_map: HeatMap, change: float = 0.0) -> HeatMap:
    values = heat_map.values.copy()
    values[0, 0] += np.float32(change)
    return replace(heat_map, values=values)


def test_what_is_ordered_as_it_was_drawn_is_not_drawn_again(pen: Pen) -> None:
    prediction = a_prediction()
    drawing = begun(prediction)
    ordered = copied(prediction)
    made = build_overlays(ordered, a_source(), PIXELS, a_context(), draw=drawing.of(IMAGE))
    simple = build_overlays(ordered, a_source(), PIXELS, a_context())
    assert pictures(made) == pictures(simple)
    assert pen.strokes == 1


def changed_map(prediction: Prediction) -> Prediction:
    (image,) = prediction.images
    findings = tuple(
        replace(each, heat_map=each.heat_map and replace_values(each.heat_map, 0.25))
        for each in image.findings
    )
    return replace(prediction, images=(replace(image, findings=findings),))


def doubted(prediction: Prediction) -> Prediction:
    remark = Remark(kind=RemarkKind.TRANSFER_INTERRUPTED, sop_instance_uid=IMAGE, detail="Half.")
    return replace(prediction, remarks=(remark,))


def likelier(prediction: Prediction) -> Prediction:
    (image,) = prediction.images
    findings = tuple(replace(each, probability=0.99) for each in image.findings)
    return replace(prediction, images=(replace(image, findings=findings),))


@pytest.mark.parametrize("change", [changed_map, doubted, likelier])
def test_what_is_ordered_otherwise_is_drawn_as_it_is_ordered(
    change: Callable[[Prediction], Prediction], pen: Pen
) -> None:
    drawing = begun(a_prediction())
    ordered = change(a_prediction())
    made = build_overlays(ordered, a_source(), PIXELS, a_context(), draw=drawing.of(IMAGE))
    assert pictures(made) == pictures(build_overlays(ordered, a_source(), PIXELS, a_context()))
    assert pen.strokes == 2


def test_other_pixels_sizes_and_renditions_are_drawn_anew(pen: Pen) -> None:
    prediction, source = a_prediction(), a_source()
    other = PIXELS[::-1].copy()
    for count, (pixels, context) in enumerate(
        [
            (other, a_context()),
            (PIXELS.copy(), a_context()),
            (PIXELS, a_context(max_overlay_side=800)),
            (PIXELS, a_context(rendition=Rendition(beside=True))),
        ],
        start=1,
    ):
        drawing = begun(prediction)
        made = build_overlays(prediction, source, pixels, context, draw=drawing.of(IMAGE))
        assert pictures(made) == pictures(build_overlays(prediction, source, pixels, context))
        assert pen.strokes == 2 * count


def test_what_was_not_begun_was_given_or_could_not_be_drawn_is_drawn(pen: Pen) -> None:
    prediction = a_prediction()
    drawing = begun(prediction)
    assert drawing.of("1.2.3") is pen
    assert drawing.of(IMAGE) is not pen
    assert drawing.of(IMAGE) is pen, "it is given once"

    def failing(_with: Draw) -> None:
        raise ValueError("no such file")

    drawing.begin(IMAGE, failing)
    assert drawing.of(IMAGE) is pen
