"""How well a lung model outlines a folder of images with masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_engine.kinds.evaluating import Evaluation
from ai_engine.kinds.lungs.dataset import LungItem, read_lungs
from ai_engine.kinds.lungs.outlines import (
    MeasuredMask,
    draw_outlines,
    mask_metrics,
    measure_mask,
    write_table,
)
from ai_engine.kinds.lungs.segmenter import LungSegmenter
from ai_engine.measures.report import EvaluationReport
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph

WHOLE_FOLDER = "folder"
"""What stands for a split: every image of the folder is measured."""


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure a lung model on a folder of images with masks, whatever the split."""
    segmenter = LungSegmenter(asked.card, asked.backend)
    return evaluate_lungs(segmenter, read_lungs(asked.data), out=asked.out)


def evaluate_lungs(
    segmenter: LungSegmenter, items: Sequence[LungItem], *, out: Path
) -> EvaluationReport:
    """Measure every image, draw the worst and list all of them.

    Raises
    ------
    DatasetError
        If an image or a mask can't be read.
    """
    measured = [_measured(segmenter, item) for item in items]
    out.mkdir(parents=True, exist_ok=True)
    draw_outlines(measured, out / "outlines.png")
    write_table(measured, out / "masks.csv")
    label = segmenter.card.labels[0].name
    return EvaluationReport(
        model=segmenter.card.identity.key,
        split=WHOLE_FOLDER,
        images=len(measured),
        patients=len({item.source for item in items}),
        metrics=mask_metrics({"all": measured}, label=label, split=WHOLE_FOLDER),
    )


def _measured(segmenter: LungSegmenter, item: LungItem) -> MeasuredMask:
    image, truth = item.read()
    pixels = image.astype(np.float32) / np.float32(255)
    radiograph = Radiograph(
        sop_instance_uid=item.image.name, pixels=pixels, content=content_region(pixels)
    )
    made = segmenter.segment(radiograph).both
    return measure_mask(item.image.name, image, truth=truth, made=made)
