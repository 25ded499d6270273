"""From a trained bone generator to a model folder, with samples to look at."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ai_engine.datasets.cxr import Split
from ai_engine.kinds.bones.dataset import BonePair
from ai_engine.kinds.bones.evaluation import bone_metrics
from ai_engine.kinds.bones.training import BoneTraining
from ai_engine.kinds.classifier.demo_publish import WEIGHTS_FILE
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.names import made_model_folder
from ai_engine.library.weights_file import write_weights
from ai_engine.training.curves import draw_losses
from ai_engine.training.published_recipe import PublishedRecipe

SHOWN_SAMPLES = 4
COLUMNS = ("radiograph", "bones", "bones, drawn", "bones suppressed")

LIMITATIONS = (
    "It draws what bones usually look like: a fracture, a nodule or a foreign body may be drawn "
    "away, or drawn where there is none.",
    "Nothing may be concluded from its images that the radiograph does not show.",
    "Its figures are those of the validation part.",
)


def publish_bones(
    recipe: PublishedRecipe,
    trained: BoneTraining,
    pairs: Sequence[BonePair],
    *,
    out: Path,
    version: str,
    command: str,
) -> ModelCard:
    """Write ``<out>/<recipe>/<version>/``, and history, curves and samples beside it."""
    (out / "history.json").write_text(json.dumps(list(trained.history), indent=2) + "\n", "utf-8")
    draw_losses(trained.history, out / "curves.png")
    draw_samples(trained, out / "samples.png")
    folder = made_model_folder(out, recipe.name, version)
    digest = write_weights(folder / WEIGHTS_FILE, trained.tensors)
    for name in ("curves.png", "samples.png"):
        shutil.copyfile(out / name, folder / name)
    counts = ", ".join(
        f"{sum(pair.split is split for pair in pairs)} {split.value}"
        for split in (Split.TRAIN, Split.VALID)
    )
    card = ModelCard(
        folder=folder,
        name=recipe.name,
        version=version,
        title="Bone subtraction",
        manufacturer="DICOM node",
        kind="bone-subtraction",
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        flip_averaging=True,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        research_only=True,
        intended_use="Research: to reproduce a published system. Not for clinical use.",
        limitations=LIMITATIONS,
        refuses=("Everything but upright frontal chest radiographs (the guard decides)",),
        licence="As the training data allow",
        attribution=f"Recipe: paper {recipe.paper}.",
        recipe=f"{recipe.name}, seed {recipe.seed}, {len(trained.history)} epochs",
        command=command,
        data=f"pairs of radiographs and bones, split by patient: {counts}",
        labels=(Label(name="Bones", title="Bones", threshold=0.5),),
        metrics=tuple(bone_metrics(list(trained.made - trained.bones), Split.VALID)),
    )
    write_card(card)
    return card


def draw_samples(trained: BoneTraining, path: Path) -> None:
    """Images of the validation part: as they are, their bones, what was drawn, what is left."""
    count = min(SHOWN_SAMPLES, len(trained.made))
    figure = Figure(figsize=(11, 2.8 * count), layout="constrained")
    panels = figure.subplots(count, len(COLUMNS), squeeze=False)
    for row in range(count):
        radiograph, made = trained.radiographs[row], trained.made[row]
        shown = (radiograph, trained.bones[row], made, np.clip(radiograph - made, 0, 1))
        for axes, image, title in zip(panels[row], shown, COLUMNS, strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
            if row == 0:
                axes.set_title(title)
    figure.savefig(path, dpi=110)
