"""The papers' tables as printed, and our figures beside them."""

import dataclasses
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ai_engine.cards import Label, ModelCard
from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.evaluation.classes import (
    accuracy_in_words,
    classes_table,
    evaluate_classes,
    is_exclusive,
)
from ai_engine.evaluation.paper_tables import (
    TABLES,
    means_in_words,
    paper_rows,
    rich_table,
    table_of,
    write_rows,
)
from ai_engine.evaluation.scoring import ScoredSplit
from ai_engine.inference.backend import Activation
from ai_engine.labels import reported_label
from ai_engine.testing import chest_card
from ai_engine.training.published_recipe import load_published


def item(number: int, *labels: str) -> CxrItem:
    return CxrItem(
        file=f"{number}.png",
        patient_id=str(number),
        age=50,
        sex="F",
        view=View.PA,
        split=Split.TEST,
        labels=frozenset(labels),
    )


def trained_by(recipe: str, labels: tuple[str, ...]) -> ModelCard:
    made = tuple(reported_label(name, threshold=0.7) for name in labels)
    return dataclasses.replace(chest_card(Path()), recipe=f"{recipe}, seed 1", labels=made)


@pytest.mark.parametrize("recipe", TABLES)
def test_every_label_of_a_papers_table_is_one_that_its_recipe_learns(recipe: str) -> None:
    assert set(TABLES[recipe].labels) <= set(load_published(recipe).labels)


def test_the_averages_are_those_that_the_papers_state() -> None:
    """Paper 2 concludes with 0.84, paper 3's row ends with 0.797."""
    for recipe, mean, digits in (("paper2-chest", 0.84, 2), ("paper3-dual-branch", 0.797, 3)):
        values = [one.auc for one in TABLES[recipe].labels.values()]
        assert round(float(np.mean(values)), digits) == pytest.approx(mean, abs=0.005)


def test_ours_stand_beside_the_papers_figures(tmp_path: Path) -> None:
    card = trained_by("paper1-fluorography", ("Effusion", "Hernia"))
    items = tuple(item(number, *(["Effusion"] if number % 2 else [])) for number in range(20))
    effusion = [0.6 if number % 2 else 0.1 for number in range(20)]
    scored = ScoredSplit(
        items=items,
        labels=("Effusion", "Hernia"),
        probabilities=np.array([effusion, [0.5] * 20]).T,
    )
    table = table_of(card)
    assert table is TABLES["paper1-fluorography"]
    first, second = paper_rows(table, scored, card)
    assert first.auc is not None
    assert (first.auc.value, first.f1, first.f1_calibrated) == (1.0, 1.0, 0.0)  # 0.6 below 0.7
    assert first.published is not None
    assert (first.published.auc, first.published.threshold) == (0.883, 0.599)
    assert (second.auc, second.published) == (None, None)  # no positives, not in the table
    console = Console(width=160, record=True, file=StringIO())
    console.print(rich_table(table, (first, second)))
    said = console.export_text()
    for words in ("1.000 (1.000 to 1.000)", "0.883", "0.556", "0.555", "0.599", "10 of 20"):
        assert words in said
    assert means_in_words((first, second)) == "Mean AUC over 1 labels: 1.000, the paper's 0.883"
    write_rows(table, (first, second), tmp_path / "table.json")
    document = json.loads((tmp_path / "table.json").read_text())
    assert document["rows"][0]["published"]["auc"] == 0.883


def test_a_model_of_another_recipe_has_no_papers_table() -> None:
    assert table_of(trained_by("chest-densenet121", ("Effusion",))) is None


class _ByBrightness:
    """A classifier that calls bright images by its first class."""

    def predict(self, batch: np.ndarray) -> Activation:
        bright = batch[:, :, :, 0].reshape(len(batch), -1).max(axis=1) > 4.5
        rows = np.where(bright[:, np.newaxis], [[0.9, 0.1]], [[0.2, 0.8]]).astype(np.float32)
        return Activation(probabilities=rows, features=np.zeros((len(batch), 1, 1, 1), np.float32))


def test_classes_are_counted_as_in_paper_2s_confusion_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tuple(Label(name=name, title=name, threshold=0.5) for name in ("Hand", "Chest"))
    card = dataclasses.replace(
        chest_card(Path()), labels=labels, input_size=32, recipe="paper2-type, seed 1, 10 epochs"
    )
    assert is_exclusive(card)
    items = [item(1, "Hand"), item(2, "Chest"), item(3, "Chest"), item(4)]
    dataset = CxrDataset(folder=tmp_path, labels=("Hand", "Chest"), items=tuple(items), boxes=())

    def image(_self: CxrDataset, one: CxrItem) -> np.ndarray:
        """Hands have one bright spot, and so has the second chest."""
        pixels = np.random.default_rng(1).integers(90, 110, (64, 64)).astype(np.uint8)
        if one.file in {"1.png", "3.png"}:
            pixels[28:36, 28:36] = 255
        return pixels

    monkeypatch.setattr(CxrDataset, "image", image)
    report = evaluate_classes(card, _ByBrightness(), dataset, items, "test")
    assert report.confusion == ((1, 0), (1, 1))
    assert report.accuracy.images == 3
    assert report.accuracy.value == pytest.approx(2 / 3, abs=1e-4)
    assert report.paper == 0.976
    report.write(tmp_path / "classes.json")
    assert json.loads((tmp_path / "classes.json").read_text())["paper"] == 0.976
    assert accuracy_in_words(report) == "Accuracy 0.667 (0.208 to 0.939); the paper's 0.976"
    console = Console(width=120, record=True, file=StringIO())
    console.print(classes_table(report))
    assert "true" in console.export_text()
