"""From a trained detector to a model folder that runs without the package it was built with."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.inference.packed_network import NETWORK_FILE, pack_network
from ai_engine.kinds.detector.evaluation import box_metrics
from ai_engine.kinds.detector.metrics import BoxedImage, best_box_threshold
from ai_engine.kinds.detector.training import BoxTraining
from ai_engine.library.card import ModelCard, write_card
from ai_engine.library.labels import reported_label
from ai_engine.library.names import made_model_folder
from ai_engine.training.curves import draw_losses
from ai_engine.training.published_recipe import PublishedRecipe

DEFAULT_THRESHOLD = 0.5

ENOUGH_BOXES = 500
"""With fewer boxes to learn from a card warns that they are too few."""

LIMITATIONS = (
    "Trained by one command; its figures are those of the validation part, which chose its "
    "threshold and its epoch.",
    "Evaluate it on data that it has not seen before anything is concluded from it.",
    "A box says where the network sees an opacity, not what its outline is.",
)


def publish_boxes(
    recipe: PublishedRecipe,
    trained: BoxTraining,
    dataset: CxrDataset,
    *,
    out: Path,
    version: str,
    command: str,
) -> ModelCard:
    """Write ``<out>/<recipe>/<version>/``, and history and curves beside it.

    The threshold is the one with the best F1 over the validation part's boxes.
    """
    (out / "history.json").write_text(json.dumps(list(trained.history), indent=2) + "\n", "utf-8")
    draw_losses(trained.history, out / "curves.png")
    folder = made_model_folder(out, recipe.name, version)
    digest = export_detector(trained.network, folder / NETWORK_FILE)
    shutil.copyfile(out / "curves.png", folder / "curves.png")
    threshold = _threshold(trained.valid)
    name = recipe.labels[0]
    card = ModelCard(
        folder=folder,
        name=recipe.name,
        version=version,
        title=f"{reported_label(name, threshold=threshold).title} as boxes",
        manufacturer="DICOM node",
        kind="detector",
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        weights_file=NETWORK_FILE,
        weights_digest=digest,
        research_only=True,
        intended_use="Research: to reproduce a published system. Not for clinical use.",
        limitations=_limitations(trained),
        refuses=("Everything but upright frontal chest radiographs (the guard decides)",),
        licence="As the training data allow",
        attribution=f"Recipe: paper {recipe.paper}. Data: {dataset.name}.",
        recipe=f"{recipe.name}, seed {recipe.seed}, {len(trained.history)} epochs",
        command=command,
        data=f"{dataset.name}, split by patient: {trained.train_boxes} boxes to learn from, "
        f"{trained.valid_boxes} to choose with",
        labels=(reported_label(name, threshold=threshold),),
        metrics=box_metrics(trained.valid, name, threshold, split=Split.VALID.value),
    )
    write_card(card)
    return card


def export_detector(network: Any, target: Path) -> str:
    """Write a box network as a packed OpenVINO network and return its digest."""
    with tempfile.TemporaryDirectory(prefix="exporting-") as folder:
        model = Path(folder) / "model.xml"
        network.export(str(model), format="openvino", verbose=False)
        return pack_network(model, target)


def _threshold(images: Sequence[BoxedImage]) -> float:
    try:
        return round(best_box_threshold(images), 4)
    except ValueError:
        return DEFAULT_THRESHOLD


def _limitations(trained: BoxTraining) -> tuple[str, ...]:
    if trained.train_boxes >= ENOUGH_BOXES:
        return LIMITATIONS
    few = f"Trained on {trained.train_boxes} boxes, which is far too few to find opacities with."
    return (few, *LIMITATIONS)
