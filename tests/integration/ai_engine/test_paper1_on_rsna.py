"""Paper 1's table II: trained on RSNA's challenge as it is distributed, and printed beside ours."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ai_engine.commands.evaluate import evaluate
from ai_engine.commands.train import train
from ai_engine.datasets.layouts import layout_of, read_dataset
from ai_engine.library.card import read_card
from tests.integration.ai_engine.shallow import shallow_densenets
from tests.unit.ai_engine.boxed_layout import write_sample

pytest.importorskip("keras")
pytest.importorskip("tensorflow")

SMALLER = """
extends = "paper1-rsna"
input_size = 64
epochs = 1
steps_per_epoch = 3
"""


def test_the_two_classes_are_learned_and_table_ii_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_engine.inference.tensorflow_backend import (  # noqa: PLC0415 - TensorFlow
        TensorFlowBackend,
    )

    shallow_densenets(monkeypatch)
    data = write_sample(tmp_path / "rsna")
    assert layout_of(data) == "rsna"  # its tables alone would mean three classes
    recipe = tmp_path / "smaller.toml"
    recipe.write_text(SMALLER)
    card = train(recipe=str(recipe), data=data, out=tmp_path / "run")
    assert card == read_card(card.folder)
    assert (card.name, card.layout, card.center_crop) == ("paper1-rsna", "rsna-pneumonia", 0.9)
    assert [label.name for label in card.labels] == ["Normal", "Pneumonia"]
    console = Console(width=160, record=True, file=StringIO())
    report = evaluate(
        card=card,
        data=data,
        out=tmp_path / "report",
        cache=tmp_path,
        backend=TensorFlowBackend.load(card),
        console=console,
    )
    said = console.export_text()
    for words in ("Paper 1, table II", "0.947", "0.971", "0.937", "the paper's 0.950"):
        assert words in said
    held_out = [
        item for item in read_dataset(data, "rsna-pneumonia").items if item.split.value == "test"
    ]
    assert report.images == len(held_out) > 10
    kept = json.loads((tmp_path / "report" / "classes.json").read_text())
    assert kept["labels"] == ["Normal", "Pneumonia"]
    assert sum(map(sum, kept["confusion"])) == report.images
    # Table II's, and how often a class is answered at all.
    assert {metric["name"] for metric in kept["metrics"]} == {
        *("precision", "recall", "f1", "answered", "accuracy")
    }
