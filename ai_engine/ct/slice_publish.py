"""From a trained XNet to a model folder that the node can serve."""

import json
from pathlib import Path

from ai_engine.ct.grades import PAPER
from ai_engine.ct.slice_training import MASK_THRESHOLD, SliceTraining
from ai_engine.datasets.cxr import Split
from ai_engine.kinds.classifier.demo_publish import WEIGHTS_FILE, card_text
from ai_engine.library.card import Label, Metric, ModelCard, write_card
from ai_engine.library.names import made_model_folder
from ai_engine.library.weights_file import write_weights
from ai_engine.measures.overlap import mean_interval
from ai_engine.training.curves import draw_losses
from ai_engine.training.published_recipe import PublishedRecipe

PAPER_MEASURES = {"dice": PAPER["Dice"], "iou": PAPER["IoU"]}


def publish_slices(
    recipe: PublishedRecipe, trained: SliceTraining, *, out: Path, version: str, command: str
) -> ModelCard:
    """Write ``<out>/<model>/<version>/``, and history, curves and the test's figures beside it."""
    (out / "history.json").write_text(json.dumps(list(trained.history), indent=2) + "\n", "utf-8")
    draw_losses(trained.history, out / "curves.png")
    rows = [f"{one.study},{one.slices},{one.dice:.4f},{one.iou:.4f}" for one in trained.test]
    (out / "test.csv").write_text("\n".join(["study,slices,dice,iou", *rows]) + "\n", "utf-8")
    folder = made_model_folder(out, recipe.model_name, version)
    digest = write_weights(folder / WEIGHTS_FILE, trained.tensors)
    counts = ", ".join(f"{count} {split.value}" for split, count in trained.studies.items())
    label = Label(name=recipe.labels[0], title="Inhomogeneity", threshold=MASK_THRESHOLD)
    card = ModelCard(
        folder=folder,
        name=recipe.model_name,
        version=version,
        kind="segmenter-ct",
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        research_only=True,
        recipe=f"{recipe.name}, seed {recipe.seed}, {len(trained.history)} epochs",
        command=command,
        data=f"MosMedData, split by study: {counts} studies with masks",
        labels=(label,),
        metrics=test_metrics(trained, label.name),
        **card_text(recipe.model_name),
    )
    write_card(card)
    return card


def test_metrics(trained: SliceTraining, label: str) -> tuple[Metric, ...]:
    """Mean Dice and intersection over union of the test part's studies, with their intervals."""
    found = {
        "dice": mean_interval([one.dice for one in trained.test]),
        "iou": mean_interval([one.iou for one in trained.test]),
    }
    return tuple(
        Metric(
            name=name,
            label=label,
            split=Split.TEST.value,
            group="all",
            images=sum(one.slices for one in trained.test),
            value=round(interval.value, 4),
            low=round(interval.low, 4),
            high=round(interval.high, 4),
        )
        for name, interval in found.items()
    )
