"""The papers' tables as printed, and our figures beside them."""

import dataclasses
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ai_engine.datasets.chexpert import CHEXPERT_LABELS
from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.datasets.rsna import PNEUMONIA_CLASSES
from ai_engine.errors import DatasetError
from ai_engine.inference.backend import Activation
from ai_engine.kinds.classifier.classes import (
    accuracy_in_words,
    classes_table,
    evaluate_classes,
    figures_table,
    is_exclusive,
)
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import Label, ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.measures.paper3_table import (
    FILE_NAME,
    TABLE_1,
    OurRow,
    add_row,
    table_1,
)
from ai_engine.measures.paper_tables import (
    TABLES,
    means_in_words,
    paper_rows,
    rich_table,
    table_of,
    write_rows,
)
from ai_engine.measures.scored import ScoredSplit
from ai_engine.training.recipe_file import load_recipe


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
    assert set(TABLES[recipe].labels) <= set(load_recipe(recipe).labels)


def test_the_averages_are_those_that_the_papers_state() -> None:
    """Paper 2 concludes with 0.84; each of paper 3's rows ends with its average."""
    values = [one.auc for one in TABLES["paper2-chest"].labels.values()]
    assert round(float(np.mean(values)), 2) == pytest.approx(0.84, abs=0.005)
    for recipe, row in TABLE_1.items():
        values = [one.auc for one in TABLES[recipe].labels.values()]
        assert len(values) == 13
        assert round(float(np.mean(values)), 3) == row.average


@pytest.mark.slow
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


@pytest.mark.slow
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
    console.print(figures_table(report))
    said = console.export_text()
    assert "true" in said
    assert "paper" not in said  # paper 2 prints no precision and recall


@pytest.mark.slow
def test_paper_1s_table_ii_stands_beside_precision_recall_and_f1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tuple(Label(name=name, title=name, threshold=0.5) for name in PNEUMONIA_CLASSES)
    recipe = "paper1-rsna, seed 1, 10 epochs"
    card = dataclasses.replace(chest_card(Path()), labels=labels, input_size=32, recipe=recipe)
    items = [item(number, PNEUMONIA_CLASSES[number % 2]) for number in range(20)]
    dataset = CxrDataset(folder=tmp_path, labels=PNEUMONIA_CLASSES, items=tuple(items), boxes=())

    def image(_self: CxrDataset, one: CxrItem) -> np.ndarray:
        """Normal ones have a bright spot, and one with pneumonia."""
        pixels = np.random.default_rng(1).integers(90, 110, (64, 64)).astype(np.uint8)
        if int(one.patient_id) % 2 == 0 or one.patient_id == "1":
            pixels[28:36, 28:36] = 255
        return pixels

    monkeypatch.setattr(CxrDataset, "image", image)
    report = evaluate_classes(card, _ByBrightness(), dataset, items, "test")
    assert report.confusion == ((10, 0), (1, 9))
    found = {(metric.label, metric.name): metric for metric in report.metrics}
    assert found["Normal", "precision"].value == pytest.approx(10 / 11, abs=1e-4)
    assert found["Normal", "recall"].value == 1
    assert found["Pneumonia", "recall"].value == 0.9
    assert found["Pneumonia", "f1"].value == pytest.approx(18 / 19, abs=1e-4)
    assert found["Pneumonia", "recall"].low < 0.9 < found["Pneumonia", "recall"].high
    console = Console(width=160, record=True, file=StringIO())
    console.print(figures_table(report))
    said = console.export_text()
    assert "Paper 1, table II" in said
    for row in (("Normal", "0.947", "0.971", "0.959"), ("Pneumonia", "0.956", "0.919", "0.937")):
        (line,) = (line for line in said.splitlines() if row[0] in line)
        assert [part for part in row[1:] if part in line] == list(row[1:])
    assert "the paper's 0.950" in accuracy_in_words(report)
    report.write(tmp_path / "classes.json")
    kept = json.loads((tmp_path / "classes.json").read_text())
    assert kept["published"]["Pneumonia"] == [0.956, 0.919, 0.937]


def all_at(auc: float) -> OurRow:
    return OurRow(model=f"m/{auc}", aucs=dict.fromkeys(CHEXPERT_LABELS, auc))


def test_paper_3s_rows_are_gathered_in_one_table(tmp_path: Path) -> None:
    one, other = "paper3-baseline", "paper3-dual-branch-lungs"
    add_row(tmp_path, recipe=one, row=all_at(0.6), measured_on="CheXpert, test")
    few = OurRow(model="few/1", aucs={"Edema": 0.7})
    rows = add_row(tmp_path, recipe=other, row=few, measured_on="CheXpert, test")
    assert set(rows) == {one, other}
    assert rows[one].average == pytest.approx(0.6)
    assert rows[other].average is None  # the mean over fewer labels would mean another thing
    console = Console(width=80, record=True, file=StringIO())
    console.print(table_1(rows))
    said = console.export_text()
    (edema,) = (line.split() for line in said.splitlines() if "Edema" in line)
    assert edema == ["Edema", "0.892", "0.600", "0.910", "–", "0.913", "0.700", "0.905", "–"]
    (average,) = (line.split() for line in said.splitlines() if "average" in line)
    assert average[1:] == ["0.784", "0.600", "0.797", "–", "0.801", "–", "0.822", "–"]
    assert "…" not in said
    assert "paper3-dual-branch-lungs-bones" in said  # what is missing, by its recipe
    again = add_row(tmp_path, recipe=one, row=all_at(0.5), measured_on="CheXpert, valid")
    assert set(again) == {one}
    kept = json.loads((tmp_path / FILE_NAME).read_text())
    assert kept["rows"][one]["published"]["Fracture"] == 0.494
    (tmp_path / FILE_NAME).write_text("[]")
    with pytest.raises(DatasetError, match="move it away"):
        add_row(tmp_path, recipe=one, row=all_at(0.5), measured_on="CheXpert, valid")
