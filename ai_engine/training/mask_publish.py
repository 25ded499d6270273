"""From trained segmentation weights to a model folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from ai_engine.cards import Label, Metric, ModelCard, ModelKind, write_card
from ai_engine.ct.codes import BOTH_LUNGS
from ai_engine.evaluation.overlap import mean_interval
from ai_engine.training.curves import draw_losses
from ai_engine.training.mask_run import HeldOut, MaskTraining
from ai_engine.training.publish import WEIGHTS_FILE, card_text
from ai_engine.training.published_recipe import PublishedRecipe
from ai_engine.weights_file import write_weights

MASK_THRESHOLD = 0.5
CROSS_VALIDATION = "cross-validation"


def publish_masks(
    recipe: PublishedRecipe,
    trained: MaskTraining,
    *,
    out: Path,
    version: str,
    command: str,
    images: int,
) -> ModelCard:
    """Write ``<out>/<model>/<version>/``, and history, curves and held-out figures beside it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "history.json").write_text(json.dumps(list(trained.history), indent=2) + "\n", "utf-8")
    draw_losses(trained.history, out / "curves.png")
    rows = [f"{one.image},{one.fold},{one.dice:.4f},{one.iou:.4f}" for one in trained.held_out]
    (out / "held-out.csv").write_text("\n".join(["image,fold,dice,iou", *rows]) + "\n", "utf-8")
    folder = out / recipe.name / version
    digest = write_weights(folder / WEIGHTS_FILE, trained.tensors)
    card = ModelCard(
        folder=folder,
        name=recipe.name,
        version=version,
        kind=ModelKind.SEGMENTER,
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        flip_averaging=True,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        research_only=True,
        recipe=f"{recipe.name}, seed {recipe.seed}: {recipe.epochs} epochs, {recipe.folds} folds",
        command=command,
        data=f"{images} radiographs with masks; the figures are of networks that did not see them",
        labels=(Label(name="Lungs", title="Lungs", threshold=MASK_THRESHOLD, code=BOTH_LUNGS),),
        metrics=mask_metrics(trained.held_out, label="Lungs"),
        **card_text(recipe.name),
    )
    write_card(card)
    return card


def mask_metrics(held_out: Sequence[HeldOut], *, label: str) -> tuple[Metric, ...]:
    """Dice and intersection over union over all held-out images, then within each fold."""
    folds = sorted({one.fold for one in held_out})
    groups = {"all": list(held_out)} if held_out else {}
    groups |= {f"fold {fold}": [one for one in held_out if one.fold == fold] for fold in folds}
    metrics = []
    for group, rows in groups.items():
        for name, values in (
            ("dice", [one.dice for one in rows]),
            ("iou", [one.iou for one in rows]),
        ):
            interval = mean_interval(values)
            metrics.append(
                Metric(
                    name=name,
                    label=label,
                    split=CROSS_VALIDATION,
                    group=group,
                    images=len(rows),
                    value=round(interval.value, 4),
                    low=round(interval.low, 4),
                    high=round(interval.high, 4),
                )
            )
    return tuple(metrics)
