"""The dual branch is trained on CheXpert's layout, frontal and lateral joined (paper 3)."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.commands.train import train
from ai_engine.datasets.chexpert import CHEXPERT_LABELS, LABELS, read_chexpert
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.kinds.dual_view.batches import pair_batches, plain_pairs
from ai_engine.kinds.dual_view.dataset import view_pairs
from ai_engine.kinds.dual_view.predictor import branch_heads
from ai_engine.library.registry import verify_weights
from ai_engine.training.recipe_file import load_recipe
from tests.integration.ai_engine.shallow import shallow_densenets

pytest.importorskip("keras")
pytest.importorskip("tensorflow")

PATIENTS = 30  # the last of them falls into the validation part
TINY = """
name = "tiny-pairs"
model = "paper3-dual-branch"
kind = "dual-view"
paper = "3"
architecture = "dual_branch"
task = "view-pairs"
labels = ["Pleural Effusion", "Lung Opacity"]
input_size = 64
batch_size = 4
epochs = 1
learning_rate = 0.001

[augmentation]
rotation = 5.0
"""


@pytest.fixture(scope="module")
def chexpert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies of two views, every third of a frontal one only, in the published layout."""
    folder = tmp_path_factory.mktemp("sets") / "CheXpert-v1.0-small"
    rng = np.random.default_rng(1)
    columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]
    for part, numbers in (("train", range(PATIENTS)), ("valid", range(PATIENTS, PATIENTS + 6))):
        rows = []
        for number in numbers:
            study = f"{part}/patient{number:05d}/study1"
            (folder / study).mkdir(parents=True)
            views = ["frontal"] if number % 3 == 0 else ["frontal", "lateral"]
            for at, view in enumerate(views, start=1):
                name = f"{study}/view{at}_{view}.jpg"
                image = rng.integers(40, 200, (80, 80), dtype=np.uint8)
                cv2.imwrite(str(folder / name), image)
                values = dict.fromkeys(LABELS, "")
                values["Pleural Effusion"] = "1.0" if number % 2 else "0.0"
                values["Lung Opacity"] = "-1.0" if number % 5 == 0 else "1.0"
                row = {"Path": f"{folder.name}/{name}", "Sex": "Female", "Age": "60"}
                row |= {"Frontal/Lateral": view.capitalize(), "AP/PA": "PA" if at == 1 else ""}
                rows.append(row | values)
        with (folder / f"{part}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
    return folder


def test_the_recipe_states_what_the_paper_does() -> None:
    recipe = load_recipe("paper3-dual-branch")
    assert recipe.labels == CHEXPERT_LABELS
    assert (recipe.input_size, recipe.architecture) == (512, "dual_branch")
    assert recipe.kind == "dual-view"


def test_views_of_one_study_are_paired_and_missing_ones_are_nothing(chexpert: Path) -> None:
    dataset = read_chexpert(chexpert)
    pairs = view_pairs(dataset, Split.TEST)
    assert len(pairs) == 6
    for pair in pairs:
        assert "frontal" in pair.frontal.file
        if pair.lateral is not None:
            assert pair.lateral.study == pair.frontal.study
    assert [pair.lateral is None for pair in pairs] == [True, False, False] * 2
    recipe = load_recipe("paper3-dual-branch")
    inputs = plain_pairs(dataset, pairs[:2], recipe)
    assert inputs["frontal"].shape == (2, 512, 512, 1)
    assert not inputs["lateral"][0].any()
    assert inputs["lateral"][1].any()
    assert inputs["lateral_present"].tolist() == [[0.0], [1.0]]


def test_the_lateral_head_learns_nothing_where_there_is_no_lateral_image(
    chexpert: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    recipe, dataset = load_recipe(str(path)), read_chexpert(chexpert)
    pairs = view_pairs(dataset, Split.TEST)
    (inputs, (joined, frontal, lateral)), *_ = pair_batches(dataset, pairs, recipe, epoch=0)
    present = inputs["lateral_present"][:, 0] > 0
    assert np.isnan(lateral[~present]).all()
    np.testing.assert_array_equal(lateral[present], joined[present])
    np.testing.assert_array_equal(frontal, joined)


def test_a_data_set_that_knows_no_studies_is_refused(test_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace('"Pleural Effusion", "Lung Opacity"', '"Pneumonia"'))
    with pytest.raises(DatasetError, match="does not say which images are of one study"):
        train(recipe=str(path), data=test_data / "cxr", out=tmp_path / "run")


@pytest.mark.long
def test_the_dual_branch_is_trained_and_published(
    chexpert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow_densenets(monkeypatch)
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    out = tmp_path / "run"
    card = train(recipe=str(path), data=chexpert, out=out, version="0.1.0")
    verify_weights(card)
    assert (card.kind, card.name) == ("dual-view", "paper3-dual-branch")
    assert [label.code.meaning for label in card.labels if label.code] == [
        "Pleural effusion",
        "Lung opacity",
    ]
    heads = branch_heads(card)
    assert heads["frontal"].shape == heads["lateral"].shape
    assert (out / "curves.png").stat().st_size > 5_000
