"""The evaluation command chooses by what a model is for, and keeps the papers' tables."""

import csv
import dataclasses
import json
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from ai_engine.commands import evaluate as command
from ai_engine.datasets.chexpert import LABELS
from ai_engine.kinds import loading
from ai_engine.kinds.shipped import VETOES
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import Label
from ai_engine.library.labels import reported_label
from ai_engine.library.weights_file import write_weights
from ai_engine.training.recipe_file import load_recipe
from tests.unit.ai_engine.test_dual_view import FakeDualBranch
from tests.unit.ai_engine.test_paper_tables import _ByBrightness

STUDIES = 12


def images(folder: Path, names: list[str]) -> None:
    rng = np.random.default_rng(1)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(90, 110, (64, 64)).astype(np.uint8)
        if "Hand" in name:
            pixels[28:36, 28:36] = 255
        cv2.imwrite(str(folder / name), pixels)


@pytest.mark.slow
def test_classes_get_a_confusion_matrix_and_paper_2s_accuracy(tmp_path: Path) -> None:
    names = [f"{kind}/{number}.png" for kind in ("Hand", "Chest") for number in range(40)]
    images(tmp_path / "types", names)
    labels = tuple(Label(name=name, title=name, threshold=0.5) for name in ("Hand", "Chest"))
    card = dataclasses.replace(
        chest_card(tmp_path), labels=labels, input_size=32, recipe="paper2-type, seed 1"
    )
    console = Console(width=160, record=True, file=StringIO())
    report = command.evaluate(
        card=card,
        data=tmp_path / "types",
        out=tmp_path / "out",
        cache=tmp_path,
        backend=_ByBrightness(),
        console=console,
    )
    assert report.value("accuracy") == 1
    assert "the paper's 0.976" in console.export_text()
    kept = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert kept["labels"] == ["Hand", "Chest"]
    assert sum(map(sum, kept["confusion"])) == report.images > 0


@pytest.fixture
def chexpert(tmp_path: Path) -> Path:
    folder = tmp_path / "CheXpert-v1.0"
    columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]
    for part, first in (("train", 0), ("valid", 100)):
        rows, names = [], []
        for number in range(first, first + STUDIES):
            for at, view in enumerate(("frontal", "lateral")[: 1 + number % 2], start=1):
                name = f"{part}/patient{number:05d}/study1/view{at}_{view}.jpg"
                row = dict.fromkeys(LABELS, "") | {"Pleural Effusion": f"{number % 2}.0"}
                row |= {"Path": f"{folder.name}/{name}", "Sex": "Male", "Age": "50"}
                rows.append(row | {"Frontal/Lateral": view.capitalize(), "AP/PA": "AP"})
                names.append(name)
        images(folder, names)
        with (folder / f"{part}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.mark.slow
def test_a_dual_view_gets_paper_3s_table(
    chexpert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tuple(
        reported_label(name, threshold=0.5) for name in ("Pleural Effusion", "Lung Opacity")
    )
    heads = {
        f"{branch}_head/kernel": np.ones((1, 2), np.float32) for branch in ("frontal", "lateral")
    }
    card = dataclasses.replace(
        chest_card(tmp_path / "model"),
        kind="dual-view",
        labels=labels,
        input_size=64,
        recipe="paper3-dual-branch, seed 1, 10 epochs",
    )
    write_weights(card.weights_path, heads)
    monkeypatch.setattr(loading, "converted_model", lambda *_: tmp_path)
    monkeypatch.setattr(loading, "OpenVinoNetwork", lambda *_, **__: FakeDualBranch())
    console = Console(width=160, record=True, file=StringIO())
    report = command.evaluate(
        card=card, data=chexpert, out=tmp_path / "out", cache=tmp_path, console=console
    )
    assert report.images == STUDIES  # the frontal images of the published validation part
    # The fake says 0.9 with a lateral image and 0.2 without, and the truth goes along with it.
    kept = json.loads((tmp_path / "out" / "paper_table.json").read_text())
    effusion, opacity = kept["rows"]
    assert effusion["auc"]["value"] == 1.0
    assert effusion["published"]["auc"] == 0.934
    assert opacity["auc"] is None
    assert "Paper 3, table 1" in console.export_text()


@pytest.mark.parametrize(("name", "expected"), VETOES.items())
def test_a_veto_is_a_recipes_model_and_expects_a_class_that_it_learns(
    name: str, expected: str
) -> None:
    assert expected in load_recipe(name).labels


def test_the_triage_recipe_makes_a_triage_model() -> None:
    recipe = load_recipe("paper3-triage")
    assert (recipe.kind, recipe.labels) == ("triage", ("No_Finding",))
