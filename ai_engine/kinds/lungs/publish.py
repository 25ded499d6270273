"""From trained segmentation weights to a model folder."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ai_engine.ct.codes import BOTH_LUNGS
from ai_engine.kinds.classifier.demo_publish import (
    IMAGENET_SOURCE,
    SOURCES,
    WEIGHTS_FILE,
    card_text,
)
from ai_engine.kinds.installed import NO_MODELS, RunModels
from ai_engine.kinds.lungs.outlines import (
    MeasuredMask,
    draw_outlines,
    mask_metrics,
    write_table,
)
from ai_engine.kinds.lungs.segmenter import MASK_THRESHOLD
from ai_engine.kinds.lungs.training import MaskTraining
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.names import made_model_folder
from ai_engine.library.weights_file import write_weights
from ai_engine.training.curves import draw_losses
from ai_engine.training.published_recipe import PublishedRecipe

CROSS_VALIDATION = "cross-validation"


def publish_masks(
    recipe: PublishedRecipe,
    trained: MaskTraining,
    *,
    out: Path,
    version: str,
    command: str,
    images: int,
    models: RunModels = NO_MODELS,
) -> ModelCard:
    """Write ``<out>/<model>/<version>/``, and history, curves and held-out figures beside it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "history.json").write_text(json.dumps(list(trained.history), indent=2) + "\n", "utf-8")
    draw_losses(trained.history, out / "curves.png")
    if trained.held_out:
        draw_outlines(trained.held_out, out / "held-out.png")
        write_table(trained.held_out, out / "held-out.csv")
    folder = made_model_folder(out, recipe.model_name, version)
    digest = write_weights(folder / WEIGHTS_FILE, trained.tensors)
    card = ModelCard(
        folder=folder,
        name=recipe.model_name,
        version=version,
        kind="segmenter",
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        flip_averaging=True,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        research_only=True,
        recipe=_one_line(recipe, models.start),
        command=command,
        data=f"{images} radiographs with masks; the figures are of networks that did not see them",
        labels=(Label(name="Lungs", title="Lungs", threshold=MASK_THRESHOLD, code=BOTH_LUNGS),),
        metrics=mask_metrics(
            in_groups(trained.held_out, recipe.doubtful), label="Lungs", split=CROSS_VALIDATION
        ),
        **_words(recipe, models.start),
    )
    write_card(card)
    return card


def _words(recipe: PublishedRecipe, start: ModelCard | None) -> dict[str, Any]:
    words = card_text(recipe.model_name)
    sources = [SOURCES[recipe.architecture]] if recipe.architecture in SOURCES else []
    sources += [IMAGENET_SOURCE] if recipe.imagenet else []
    sources += (
        [f"Initial weights of the encoder: {start.identity.key}. {start.attribution}"]
        if start
        else []
    )
    return words | {"attribution": " ".join([words["attribution"], *sources])}


def _one_line(recipe: PublishedRecipe, model: ModelCard | None) -> str:
    start = ", from ImageNet weights" if recipe.imagenet else ""
    if model is not None:
        start = f", from {model.identity.key}"
    return (
        f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}{start}: {recipe.epochs} "
        f"epochs at {recipe.input_size} px, cross-validated in {recipe.folds} folds"
    )


def in_groups(
    held_out: Sequence[MeasuredMask], doubtful: Collection[str] = ()
) -> dict[str, list[MeasuredMask]]:
    """All held-out images, those whose masks nobody doubts, and those of each fold."""
    folds = sorted({one.fold for one in held_out})
    groups = {"all": list(held_out)}
    if doubtful:
        groups["undoubted masks"] = [one for one in held_out if one.image not in doubtful]
    return groups | {
        f"fold {fold}": [one for one in held_out if one.fold == fold] for fold in folds
    }
