"""How outlines agree with masks that people drew: figures and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from ai_engine.library.card import Metric
from ai_engine.measures.overlap import Mask, dice, intersection_over_union, mean_interval

Bytes = npt.NDArray[np.uint8]

TRUE_COLOR = (0, 220, 0)
MADE_COLOR = (255, 60, 60)
SHOWN = 12
COLUMNS = 4


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MeasuredMask:
    """How well an image was outlined. ``fold`` counts from 1; 0 without cross-validation.

    ``picture`` is the image with both borders: uint8 (rows, columns, 3), RGB.
    """

    image: str
    dice: float
    iou: float
    picture: Bytes
    fold: int = 0


def measure_mask(
    name: str, image: Bytes, *, truth: Mask, made: Mask, fold: int = 0
) -> MeasuredMask:
    """Compare two masks of an image; all are (rows, columns)."""
    return MeasuredMask(
        image=name,
        dice=dice(made, truth),
        iou=intersection_over_union(made, truth),
        picture=outlined(image, truth=truth, made=made),
        fold=fold,
    )


def mask_metrics(
    groups: Mapping[str, Sequence[MeasuredMask]], *, label: str, split: str
) -> tuple[Metric, ...]:
    """Mean Dice and intersection over union of each group; groups without images are left out."""
    return tuple(
        interval.as_metric(name, label=label, split=split, images=len(rows), group=group)
        for group, rows in groups.items()
        if rows
        for name, values in (
            ("dice", [row.dice for row in rows]),
            ("iou", [row.iou for row in rows]),
        )
        for interval in (mean_interval(values),)
    )


def outlined(image: Bytes, *, truth: Mask, made: Mask) -> Bytes:
    """An image (rows, columns) with the true border in green and the made one in red, RGB."""
    shown = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    for mask, color in ((truth, TRUE_COLOR), (made, MADE_COLOR)):
        contours, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(shown, contours, -1, color, thickness=2)
    return np.asarray(shown, dtype=np.uint8)


def draw_outlines(measured: Sequence[MeasuredMask], path: Path) -> None:
    """The worst images side by side, as PNG."""
    worst = sorted(measured, key=lambda one: one.dice)[:SHOWN]
    rows = max(-(-len(worst) // COLUMNS), 1)
    figure = Figure(figsize=(3 * COLUMNS, 3.2 * rows), layout="constrained")
    places = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axes in places:
        axes.set_axis_off()
    for axes, one in zip(places, worst, strict=False):
        axes.imshow(one.picture)
        axes.set_title(f"Dice {one.dice:.3f}", fontsize=9)
    figure.suptitle(f"Lowest Dice of {len(measured)}: mask green, network red")
    figure.savefig(path, dpi=110)


def write_table(measured: Sequence[MeasuredMask], path: Path) -> None:
    """Each image's figures as CSV."""
    rows = [f"{one.image},{one.fold},{one.dice:.4f},{one.iou:.4f}" for one in measured]
    path.write_text("\n".join(["image,fold,dice,iou", *rows]) + "\n", encoding="utf-8")
