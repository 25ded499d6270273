"""What ``dicom-node models compare`` does: paper 1's model selection (table I), and its reasons.

The paper gives accuracies and says that DenseNet-121 "has much fewer parameters and shows higher
throughput capacity" than EfficientNet-B4; here all four figures stand side by side.
"""

import dataclasses
import json
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from ai_engine.datasets.cxr import Split
from ai_engine.datasets.layouts import AUTO
from ai_engine.inference.conversion import converted_model
from ai_engine.kinds.evaluating import Evaluation, Quality, layout_for
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.random_weights import write_random_weights
from ai_engine.kinds.registry import Part, has_part, part
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.registry import ModelRegistry
from ai_engine.library.trunks import model_weights
from ai_engine.measures.speed import measure_speed

TABLE_I = {"alexnet": 0.889, "resnet50": 0.931, "efficientnetb4": 0.949, "densenet121": 0.936}
"""Paper 1's accuracy of each architecture, on RSNA's Normal against Lung Opacity."""

HEADINGS = ("Model, input", "Params", "1/s", "MiB", "Acc.", "AUC (95 %)", "Paper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One row: a model, what it weighs, and how well it does. NaN is what was not measured."""

    model: str
    architecture: str
    input_size: int
    parameters: int
    images_per_second: float
    memory: float
    accuracy: float = math.nan
    auc: float = math.nan
    auc_low: float = math.nan
    auc_high: float = math.nan
    published_accuracy: float = math.nan


def compare(
    cards: Sequence[ModelCard],
    *,
    cache: Path,
    architectures: Iterable[str] = TABLE_I,
    size: int = 384,
    data: Path | None = None,
    split: str = "test",
    layout: str = AUTO,
    threads: int | None = None,
    out: Path | None = None,
    registry: ModelRegistry | None = None,
    console: Console | None = None,
) -> tuple[Comparison, ...]:
    """Measure models side by side, one after the other.

    Parameters
    ----------
    cards
        Trained models; they are measured for accuracy, too, where there are data.
    cache
        Folder for the models' OpenVINO form.
    architectures
        Networks that are measured untrained, for time and memory.
    size
        Input of the untrained networks.
    data, split, layout
        Data set for accuracy and AUC of each model's first label; of classes that exclude each
        other, for the accuracy. None leaves them out; ``auto`` is the layout that a model's card
        names, or looks at the tables.
    threads
        Threads of one inference; None uses all cores.
    out
        File for the rows as JSON.
    registry
        Where the models are that make other models' channels; the shipped ones without it.
    console
        Where the table is shown.

    Raises
    ------
    ModelFolderError, DatasetError, BackendError
        If a model or the data can't be used as they are.
    """
    rows = []
    for card in cards:
        row = _row(card, cache, threads, model=f"{card.name}/{card.version}")
        if data is not None and has_part(card, Part.COMPARISON):
            loading = Loading(card=card, registry=registry or ModelRegistry(), cache=cache)
            asked = Evaluation(
                loading=loading,
                data=data,
                out=Path(),
                split=Split(split),
                layout=layout_for(card, layout),
            )
            quality: Quality = part(card, Part.COMPARISON)(asked)
            row = dataclasses.replace(row, **dataclasses.asdict(quality))
        rows.append(row)
    with tempfile.TemporaryDirectory(prefix="untrained-") as folder:
        for architecture in architectures:
            card = _untrained(architecture, size, Path(folder))
            rows.append(_row(card, Path(folder), threads, model="untrained"))
    if out is not None:
        out.write_text(json.dumps([_measured(row) for row in rows], indent=2) + "\n")
    if console is not None:
        console.print(comparison_table(rows))
    return tuple(rows)


def comparison_table(rows: Sequence[Comparison]) -> Table:
    """The rows as a table for a terminal."""
    table = Table(
        *(Column(name, no_wrap=True) for name in HEADINGS),
        title="Model selection",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for row in rows:
        auc = f"{row.auc:.3f}\n{row.auc_low:.2f} to {row.auc_high:.2f}"
        table.add_row(
            f"{row.architecture}\n{row.model}, {row.input_size}",
            f"{row.parameters / 1e6:.1f} M",
            f"{row.images_per_second:.1f}",
            f"{row.memory:.0f}",
            _shown(row.accuracy),
            "–" if math.isnan(row.auc) else auc,
            _shown(row.published_accuracy),
        )
    return table


def _measured(row: Comparison) -> dict[str, object]:
    """A row as JSON has it: what was not measured is null."""
    values = dataclasses.asdict(row)
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }


def _shown(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _row(card: ModelCard, cache: Path, threads: int | None, *, model: str) -> Comparison:
    speed = measure_speed(
        converted_model(card, cache),
        size=card.input_size,
        threads=threads,
        channels=card.planes,
    )
    return Comparison(
        model=model,
        architecture=card.architecture,
        input_size=card.input_size,
        parameters=sum(tensor.size for tensor in model_weights(card).values()),
        images_per_second=speed.images_per_second,
        memory=speed.memory,
        published_accuracy=TABLE_I.get(card.architecture, math.nan),
    )


def _untrained(architecture: str, size: int, folder: Path) -> ModelCard:
    """A model with random weights and one label, in a folder of its own."""
    place = folder / architecture
    label = Label(name="Lung Opacity", title="Lung Opacity", threshold=0.5)
    card = ModelCard(
        folder=place,
        name=architecture,
        version="0",
        title=f"Untrained {architecture}",
        manufacturer="none",
        kind="classifier",
        architecture=architecture,
        weights_digest="",
        research_only=True,
        intended_use="To measure time and memory.",
        limitations=("Means nothing.",),
        refuses=(),
        licence="none",
        attribution="none",
        input_size=size,
        weights_file="weights.safetensors",
        labels=(label,),
    )
    digest = write_random_weights(card, card.weights_path, seed=1)
    card = dataclasses.replace(card, weights_digest=digest)
    write_card(card)
    return card
