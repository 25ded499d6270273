"""From a classifier that a published recipe trained to a model folder."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.layouts import AUTO
from ai_engine.inference.input_channels import described
from ai_engine.kinds.classifier.batches import label_targets
from ai_engine.kinds.classifier.demo_publish import WEIGHTS_FILE
from ai_engine.kinds.classifier.training import ImageTraining
from ai_engine.kinds.installed import NO_MODELS, RunModels
from ai_engine.library.card import Label, Metric, ModelCard, write_card
from ai_engine.library.labels import FINDINGS, site_of
from ai_engine.library.names import made_model_folder
from ai_engine.library.weights_file import write_weights
from ai_engine.measures.metrics import best_f1_threshold, bootstrap, measures
from ai_engine.measures.report import SMALLEST_GROUP
from ai_engine.training.curves import draw_losses
from ai_engine.training.published_recipe import PublishedRecipe

DEFAULT_THRESHOLD = 0.5

LIMITATIONS = (
    "Trained by one command; its figures are those of the validation part, which chose its "
    "thresholds and its epoch.",
    "Evaluate it on data that it has not seen before anything is concluded from it.",
)


def publish_images(
    recipe: PublishedRecipe,
    trained: ImageTraining,
    dataset: CxrDataset,
    *,
    out: Path,
    version: str,
    command: str,
    models: RunModels = NO_MODELS,
) -> ModelCard:
    """Write ``<out>/<recipe>/<version>/``, and history and curves beside it.

    Each label's threshold is the one with the best F1 on the validation part (paper 1, table III).
    """
    (out / "history.json").write_text(json.dumps(list(trained.history), indent=2) + "\n", "utf-8")
    draw_losses(trained.history, out / "curves.png")
    folder = made_model_folder(out, recipe.model_name, version)
    digest = write_weights(folder / WEIGHTS_FILE, trained.tensors)
    shutil.copyfile(out / "curves.png", folder / "curves.png")
    labels = _labels(recipe, trained)
    counts = ", ".join(f"{len(dataset.part(split))} {split.value}" for split in Split)
    card = ModelCard(
        folder=folder,
        name=recipe.model_name,
        version=version,
        title=f"{recipe.architecture} after paper {recipe.paper}",
        manufacturer="DICOM node",
        kind=recipe.kind,
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        research_only=True,
        intended_use="Research: to reproduce a published result. Not for clinical use.",
        limitations=LIMITATIONS,
        refuses=(),
        licence="As the training data allow",
        attribution=f"Recipe: paper {recipe.paper}. Data: {dataset.name}.",
        recipe=_made(recipe, trained, models),
        command=command,
        data=f"{dataset.name}, split by patient: {counts} images",
        center_crop=recipe.center_crop,
        layout="" if recipe.layout == AUTO else recipe.layout,
        labels=labels,
        channels=tuple(described(source) for source in models.channels),
        metrics=tuple(_metrics(recipe, trained, labels)),
    )
    write_card(card)
    return card


def _made(recipe: PublishedRecipe, trained: ImageTraining, models: RunModels) -> str:
    """The recipe, and the model that the training started from."""
    words = f"{recipe.name}, seed {recipe.seed}, {len(trained.history)} epochs"
    if models.start is None:
        return words
    return f"{words}, from {models.start.identity.key}"


def _labels(recipe: PublishedRecipe, trained: ImageTraining) -> tuple[Label, ...]:
    truth = label_targets(trained.valid, recipe.labels)
    found = []
    for column, name in enumerate(recipe.labels):
        known = ~np.isnan(truth[:, column])
        positive = truth[known, column] == 1
        threshold = DEFAULT_THRESHOLD
        if positive.any() and not recipe.exclusive:
            scores = trained.probabilities[known, column].astype(np.float64)
            threshold = round(best_f1_threshold(positive, scores), 4)
        code = FINDINGS.get(name)
        found.append(
            Label(
                name=name,
                title=code.meaning if code else name.replace("_", " "),
                threshold=threshold,
                code=code,
                site=site_of(name) if code else None,
            )
        )
    return tuple(found)


def _metrics(
    recipe: PublishedRecipe, trained: ImageTraining, labels: tuple[Label, ...]
) -> Iterator[Metric]:
    truth = label_targets(trained.valid, recipe.labels)
    for column, label in enumerate(labels):
        rows = np.flatnonzero(~np.isnan(truth[:, column]))
        positive = truth[rows, column] == 1
        if min(positive.sum(), (~positive).sum()) < SMALLEST_GROUP:
            continue
        scores = trained.probabilities[rows, column].astype(np.float64)
        patients = [trained.valid[row].patient_id for row in rows]
        for name, measure in measures(label.threshold).items():
            interval = bootstrap(measure, positive, scores, patients)
            yield Metric(
                name=name,
                label=label.name,
                split=Split.VALID.value,
                group="all",
                images=len(rows),
                value=round(interval.value, 4),
                low=round(interval.low, 4),
                high=round(interval.high, 4),
            )
