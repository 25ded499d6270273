"""``dicom-node papers``: the papers' tables as data, and made from small sets in their layouts."""

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from functools import partial
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from ai_engine.commands.compare import TABLE_I
from ai_engine.commands.evaluate import evaluate
from ai_engine.commands.papers.run import Asked, make_table
from ai_engine.commands.papers.tables import PublishedTable, published
from ai_engine.ct.grades import PAPER
from ai_engine.errors import DatasetError, RecipeError
from ai_engine.kinds.classifier.classes import PAPER_ACCURACY, PAPER_FIGURES
from ai_engine.kinds.installed import InstalledModels
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.registry import ModelRegistry
from ai_engine.measures.paper3_table import TABLE_1
from ai_engine.measures.paper_tables import TABLES
from ai_engine.training.recipe_file import load_recipe, recipe_names
from tests.peers.data import data_root
from tests.unit.ai_engine.test_dataset_layouts import NIH_HEADING
from tests.unit.ai_engine.test_paper_tables import _ByBrightness

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")


def named(table: PublishedTable) -> str:
    return table.name


@pytest.mark.parametrize("table", published().tables, ids=named)
def test_every_cell_has_a_figure_or_says_that_there_is_none(table: PublishedTable) -> None:
    for row in table.rows:
        assert len(row.values) == len(table.columns)
        assert any(not math.isnan(value) for value in row.values)


@pytest.mark.parametrize("table", published().tables, ids=named)
def test_a_table_trains_recipes_that_there_are_for_labels_that_they_learn(
    table: PublishedTable,
) -> None:
    assert set(table.recipes) <= set(recipe_names())
    for row in table.rows:
        for column in table.columns:
            source = table.source(row, column)
            if source.recipe and source.label and source.label not in {"all", "positive"}:
                known = load_recipe(source.recipe).labels
                assert source.label in {*known, "negative"}


@pytest.mark.parametrize("table", published().tables, ids=named)
def test_every_row_stands_in_the_papers_text(table: PublishedTable) -> None:
    """One line of the text has the figures of a row, in this order."""
    texts = sorted((data_root().parent / "seeds").glob(f"{table.paper}-*.txt"))
    if not texts:
        pytest.skip("the papers' texts are not here")
    lines = [line_numbers(line) for line in texts[0].read_text("utf-8").splitlines()]
    every = {number for line in lines for number in line}
    for row in table.rows:
        printed = [value for value in row.values if not math.isnan(value)]
        if table.number == "I" and table.paper == 2:  # columns of the paper are rows here
            assert set(printed) <= every
        else:
            assert any(is_within(printed, line) for line in lines), (row.title, printed)


def line_numbers(line: str) -> list[float]:
    return [float(each) for each in NUMBER.findall(line)]


def is_within(wanted: list[float], line: list[float]) -> bool:
    rest: Iterator[float] = iter(line)
    return all(value in rest for value in wanted)


def test_figures_that_evaluations_print_are_the_same() -> None:
    tables = published()
    for recipe, number, at in (("paper1-fluorography", "III", 0), ("paper2-chest", "III", 2)):
        paper = 1 if recipe.startswith("paper1") else 2
        shown = {row.label: row.values[at] for row in tables.table(paper, number).rows}
        assert shown == {name: one.auc for name, one in TABLES[recipe].labels.items()}
    for row in tables.table(3, "1").rows:
        assert row.values == (*TABLE_1[row.recipe].aucs, TABLE_1[row.recipe].average)
    assert sorted(row.values[0] for row in tables.table(1, "I").rows) == sorted(TABLE_I.values())
    for row in tables.table(1, "II").rows[:2]:
        assert row.values[:3] == PAPER_FIGURES["paper1-rsna"][row.label]
    accuracies = {
        "paper1-rsna": tables.table(1, "II").rows[-1].values[-1],
        "paper2-xray-or-not": tables.table(2, "II").rows[-1].values[-1],
        "paper2-type": tables.table(2, "Fig. 3").rows[-1].values[-1],
    }
    assert accuracies == PAPER_ACCURACY
    of_all = tables.table(5, "2").rows[-1].values[2:]
    assert of_all == (PAPER["precision"], PAPER["recall"], PAPER["F-score"])


def test_a_table_is_asked_for_by_either_kind_of_number() -> None:
    tables = published()
    assert tables.table(1, "3") is tables.table(1, "iii")
    with pytest.raises(RecipeError, match=r"paper 2 has no table 9; it has I, II, Fig\. 3, III"):
        tables.table(2, "9")
    with pytest.raises(RecipeError, match="Paper 4 prints no figures"):
        tables.table(4, "1")
    with pytest.raises(RecipeError, match="there is no paper 7; give one of 1 to 5"):
        tables.table(7, "1")


class _Training:
    """Makes a model by what its recipe says, without learning; counts how often it was asked."""

    def __init__(self) -> None:
        self.recipes: list[str] = []

    def __call__(self, *, recipe: str, data: Path, out: Path, **rest: object) -> ModelCard:
        del data, rest
        self.recipes.append(recipe)
        learned = load_recipe(recipe)
        folder = out / learned.model_name / "1.0.0"
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(b"none")
        card = dataclasses.replace(
            chest_card(folder),
            name=learned.model_name,
            version="1.0.0",
            kind="classifier",
            recipe=f"{learned.name}, seed 1",
            input_size=32,
            labels=tuple(
                Label(name=name, title=name, threshold=0.5, code=None) for name in learned.labels
            ),
        )
        write_card(card)
        return card


def asked_for(data: Path | None, out: Path, training: _Training) -> tuple[Asked, Console]:
    console = Console(width=100, record=True, file=StringIO())
    installed = InstalledModels(registry=ModelRegistry(out / "none"), versions={}, cache=out)
    asked = Asked(
        data=data,
        out=out,
        installed=installed,
        train=training,
        evaluate=partial(evaluate, backend=_ByBrightness()),
        console=console,
    )
    return asked, console


def test_without_the_data_the_papers_figures_stand_alone(tmp_path: Path) -> None:
    training = _Training()
    asked, console = asked_for(tmp_path / "data", tmp_path / "out", training)
    made = make_table(3, "1", asked)
    said = console.export_text()
    assert made.lacks_data
    assert not training.recipes
    assert made.is_empty
    assert "0.827" in said
    where = tmp_path / "data" / "CheXpert-v1.0-small"
    for words in ("Needs CheXpert", "Get it from", str(where), "train.csv"):
        assert words in said.replace("\n", "")


def test_without_one_of_several_sources_it_is_named(tmp_path: Path, sources: Path) -> None:
    (sources / "LERA" / "labels.csv").unlink()
    asked, console = asked_for(sources, tmp_path / "out", _Training())
    assert make_table(2, "II", asked).lacks_data
    assert "LERA/labels.csv" in console.export_text()


def write_image(path: Path, *, spot: bool = True) -> None:
    """A grey picture; a bright spot is what a radiograph is known by here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.tile(np.linspace(90, 110, 40).astype(np.uint8), (40, 1))
    if spot:
        image[18:21, 18:21] = 255
    cv2.imwrite(str(path), image)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Paper 2's six sets in their layouts, some images of each."""
    place = tmp_path / "sets"
    for part, name in (("train", "train_image_paths.csv"), ("valid", "valid_image_paths.csv")):
        paths = [
            f"MURA-v1.1/{part}/XR_WRIST/patient{part}{at}/study1_positive/image1.png"
            for at in range(12)
        ]
        (place / "MURA-v1.1").mkdir(parents=True, exist_ok=True)
        (place / "MURA-v1.1" / name).write_text("\n".join(paths) + "\n")
        for path in paths:
            write_image(place / path)
    rows = [f"{at},XR HIP,{at % 2}" for at in range(10)]
    for at in range(10):
        write_image(place / "LERA" / str(at) / "ST-1" / "a.png")
    (place / "LERA" / "labels.csv").write_text("\n".join(rows) + "\n")
    for at in range(10):
        write_image(place / "AASCE" / "data" / "training" / f"{at}.jpg")
        write_image(place / "dental" / "cat1" / f"{at}.jpg")
        write_image(place / "ImageNet" / "train" / "n01" / f"{at}.JPEG", spot=False)
    nih = place / "ChestX-ray14"
    files = [f"{at:08}_000.png" for at in range(1, 13)]
    lines = [f"{file},No Finding,0,{int(file[:8])},058Y,M,PA,8,8,0.1,0.1,\n" for file in files]
    for file in files:
        write_image(nih / "images_001" / "images" / file)
    (nih / "Data_Entry_2017.csv").write_text(NIH_HEADING + "".join(lines))
    (nih / "train_val_list.txt").write_text("\n".join(files[:8]) + "\n")
    (nih / "test_list.txt").write_text("\n".join(files[8:]) + "\n")
    return place


@pytest.mark.slow
def test_paper_2s_confusion_matrix_is_made_from_its_six_sets(tmp_path: Path, sources: Path) -> None:
    training = _Training()
    asked, console = asked_for(sources, tmp_path / "out", training)
    made = make_table(2, "II", asked)
    assert training.recipes == ["paper2-xray-or-not"]
    counts = [[mine.value if mine else None for mine in row[:2]] for row in made.ours[:2]]
    (xray, wrong), (passed, right) = counts
    assert xray is not None
    assert right is not None
    assert (wrong, passed) == (0, 0)
    assert xray >= 5
    assert right >= 1
    of_all = made.ours[2][2]
    assert of_all is not None
    assert (of_all.value, of_all.high) == (1.0, 1.0)
    assert 0 < of_all.low < 1
    said = console.export_text()
    for words in ("4712", "0.987", f"1.000 ({of_all.low:.3f} to 1.000)"):
        assert words in said
    written = json.loads((tmp_path / "out" / "paper2-ii.json").read_text())
    assert written["cells"][0] == {
        "row": "Actual X-ray",
        "column": "Predicted X-ray",
        "paper": 4712.0,
        "ours": xray,
        "low": None,
        "high": None,
    }
    # What is there is neither trained nor measured again.
    report = tmp_path / "out" / "paper2-xray-or-not" / "evaluation" / "report.json"
    before = report.stat().st_mtime_ns
    again = make_table(2, "II", asked)
    assert again.ours == made.ours
    assert training.recipes == ["paper2-xray-or-not"]
    assert report.stat().st_mtime_ns == before


def test_paper_2s_numbers_of_images_are_counted(tmp_path: Path, sources: Path) -> None:
    training = _Training()
    asked, _ = asked_for(sources, tmp_path / "out", training)
    made = make_table(2, "I", asked)
    found = {
        row.title: figures[0].value
        for row, figures in zip(made.table.rows, made.ours, strict=True)
        if figures[0] is not None
    }
    assert not training.recipes
    assert found == dict.fromkeys((row.title for row in made.table.rows), 0) | {
        "Wrist": 24,
        "Hip": 10,
        "Spine": 10,
        "Dental": 10,
        "Chest": 12,
    }


def test_what_a_row_rests_on_is_said_where_its_data_are_missing(tmp_path: Path) -> None:
    """The row with bones needs a bone generator, whose pairs nobody has published."""
    tables = published()
    (rest,) = tables.rests_of("paper3-dual-branch-lungs-bones")
    assert (rest.on, rest.data) == ("paper3-bones", "dual-energy")
    from ai_engine.commands.papers.run import found_data  # noqa: PLC0415

    asked, _ = asked_for(tmp_path / "nothing", tmp_path, _Training())
    with pytest.raises(DatasetError, match="no public set is known"):
        found_data(tables.data[rest.data], asked)
    asked, _ = asked_for(tmp_path, tmp_path, _Training())
    with pytest.raises(DatasetError, match="MosMedData"):
        found_data(tables.data["mosmed"], asked)
    (tmp_path / "studies").mkdir()
    assert found_data(tables.data["mosmed"], asked) == tmp_path
