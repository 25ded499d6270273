"""From paper 4's trained classifier with its head to a model folder."""

import json
import shutil
from pathlib import Path

import numpy as np

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.kinds.classifier.batches import label_targets
from ai_engine.kinds.classifier.demo_publish import WEIGHTS_FILE
from ai_engine.kinds.classifier.publish import DEFAULT_THRESHOLD, LIMITATIONS
from ai_engine.kinds.with_header.training import OPACITY, HeaderTraining
from ai_engine.library.card import Metric, ModelCard, write_card
from ai_engine.library.labels import reported_label
from ai_engine.library.names import made_model_folder
from ai_engine.library.weights_file import write_weights
from ai_engine.measures.metrics import best_f1_threshold
from ai_engine.measures.report import measure_split
from ai_engine.measures.scored import ScoredSplit
from ai_engine.training.curves import draw_losses
from ai_engine.training.published_recipe import PublishedRecipe

ARCHITECTURE = "xception_with_header"


def publish_with_header(
    recipe: PublishedRecipe,
    trained: HeaderTraining,
    dataset: CxrDataset,
    *,
    out: Path,
    version: str,
    command: str,
) -> ModelCard:
    """Write ``<out>/<recipe>/<version>/``, and history and curves beside it.

    The threshold is the one with the best F1 on the validation part.
    """
    history = {"images": list(trained.history), "head": list(trained.head_history)}
    (out / "history.json").write_text(json.dumps(history, indent=2) + "\n", "utf-8")
    draw_losses(trained.history, out / "curves.png")
    folder = made_model_folder(out, recipe.name, version)
    digest = write_weights(folder / WEIGHTS_FILE, trained.tensors)
    shutil.copyfile(out / "curves.png", folder / "curves.png")
    truth = label_targets(trained.valid, (OPACITY,))[:, 0] == 1
    threshold = DEFAULT_THRESHOLD
    if truth.any():
        threshold = round(best_f1_threshold(truth, trained.probabilities.astype(np.float64)), 4)
    counts = ", ".join(f"{len(dataset.part(split))} {split.value}" for split in Split)
    card = ModelCard(
        folder=folder,
        name=recipe.name,
        version=version,
        title="Lung opacity from radiograph, sex, age and view",
        manufacturer="DICOM node",
        kind="classifier-with-header",
        architecture=ARCHITECTURE,
        input_size=recipe.input_size,
        flip_averaging=True,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        research_only=True,
        intended_use="Research: to reproduce a published system. Not for clinical use.",
        limitations=(
            *LIMITATIONS,
            "It knows how often sex, age and view went along with an opacity in its training data, "
            "which elsewhere may be otherwise.",
        ),
        refuses=("Everything but upright frontal chest radiographs (the guard decides)",),
        licence="As the training data allow",
        attribution=f"Recipe: paper {recipe.paper}. Data: {dataset.name}.",
        recipe=f"{recipe.name}, seed {recipe.seed}, {len(trained.history)} epochs",
        command=command,
        data=f"{dataset.name}, split by patient: {counts} images",
        labels=(reported_label(OPACITY, threshold=threshold),),
        metrics=_metrics(trained, threshold),
    )
    write_card(card)
    return card


def _metrics(trained: HeaderTraining, threshold: float) -> tuple[Metric, ...]:
    scored = ScoredSplit(
        items=trained.valid,
        labels=(OPACITY,),
        probabilities=trained.probabilities[:, np.newaxis].astype(np.float64),
    )
    labels = (reported_label(OPACITY, threshold=threshold),)
    return measure_split(scored, labels, Split.VALID.value)
