"""What ``dicom-node models evaluate`` does with a detector. No TensorFlow: it runs as served."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from rich.console import Console
from rich.progress import track

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.detector.dataset import BoxedItem, boxed_items
from ai_engine.kinds.detector.loading import load_finder
from ai_engine.kinds.detector.metrics import BoxedImage, bootstrap, measures
from ai_engine.kinds.detector.predictor import BoxFinder
from ai_engine.kinds.evaluating import Evaluation
from ai_engine.library.card import Metric
from ai_engine.measures.report import EvaluationReport
from ai_engine.prediction import Region

SHOWN_IMAGES = 6


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure a detector on a split; it raises what `evaluate_boxes` does."""
    return evaluate_boxes(
        load_finder(asked.loading),
        asked.dataset,
        split=asked.split,
        out=asked.out,
        console=asked.console,
    )


def evaluate_boxes(
    finder: BoxFinder,
    dataset: CxrDataset,
    *,
    split: Split,
    out: Path,
    console: Console | None = None,
) -> EvaluationReport:
    """Measure a detector on the images of a split on which boxes were drawn, or none is needed.

    Parameters
    ----------
    out
        Where ``boxes.png`` goes: some images with what was found and what is there.

    Raises
    ------
    DatasetError
        If the split has no boxes.
    """
    items = boxed_items(dataset, split)
    shown = track(items, "looking", console=console, disable=console is None)
    label = finder.card.labels[0]
    images = [
        BoxedImage(
            patient=each.item.patient_id,
            found=finder.boxes(as_radiograph(dataset, each.item))[label.name],
            truth=each.boxes,
        )
        for each in shown
    ]
    draw_boxes(dataset, items, images, label.threshold, out / "boxes.png")
    return EvaluationReport(
        model=finder.card.identity.key,
        split=split.value,
        images=len(items),
        patients=len({each.item.patient_id for each in items}),
        metrics=box_metrics(images, label.name, label.threshold, split=split.value),
    )


def box_metrics(
    images: Sequence[BoxedImage], label: str, threshold: float, *, split: str, group: str = "all"
) -> tuple[Metric, ...]:
    """All measures of a group with their intervals; none without a true box."""
    if not any(image.truth for image in images):
        return ()
    found = []
    for name, measure in measures(threshold).items():
        interval = bootstrap(measure, images)
        found.append(
            interval.as_metric(name, label=label, split=split, images=len(images), group=group)
        )
    return tuple(found)


def draw_boxes(
    dataset: CxrDataset,
    items: Sequence[BoxedItem],
    images: Sequence[BoxedImage],
    threshold: float,
    path: Path,
) -> None:
    """Draw the first images with boxes: green is there, yellow was found at the threshold."""
    chosen = [pair for pair in zip(items, images, strict=True) if pair[1].truth][:SHOWN_IMAGES]
    figure = Figure(figsize=(9, 3 * -(-len(chosen) // 3)), layout="constrained")
    panels = figure.subplots(-(-len(chosen) // 3), 3, squeeze=False).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, (item, image) in zip(panels, chosen, strict=False):
        _panel(axes, dataset.image(item.item), image, threshold)
    figure.savefig(path, dpi=110)


def _panel(axes: Axes, pixels: npt.NDArray[np.uint8], image: BoxedImage, threshold: float) -> None:
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    for region in image.truth:
        axes.add_patch(_rectangle(region, "tab:green"))
    for box in image.found:
        if box.probability >= threshold:
            axes.add_patch(_rectangle(box.region, "gold"))


def _rectangle(region: Region, color: str) -> Rectangle:
    corner = (region.left - 0.5, region.top - 0.5)
    sides = (region.right - region.left, region.bottom - region.top)
    return Rectangle(corner, *sides, fill=False, edgecolor=color, linewidth=1.4)
