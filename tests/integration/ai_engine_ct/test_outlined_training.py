"""XNet learns from drawn and outlined lesions, and each slice is judged by a network that has not
seen its patient."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.commands.train import train
from ai_engine.ct.dataset import read_mosmed
from ai_engine.ct.lesion_sets import compose_lesions
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.training.recipe_file import load_recipe

pytest.importorskip("nibabel")
pytest.importorskip("tensorflow")

PATIENTS = {"a": "p", "b": "p", "c": "q", "d": "r"}
"""Of the slices; the last one is kept to settle the recipe with."""

TINY = """
extends = "xnet-outlined"
name = "tiny"
input_size = 64
batch_size = 2
steps_per_epoch = 2
folds = 2

[[stages]]
size = 32
epochs = 1
learning_rate = 0.001

[[stages]]
size = 32
epochs = 1
learning_rate = 0.001
"""


def write_volume(path: Path) -> None:
    values = np.full((48, 40, 16), 40, np.int16)
    lungs = np.zeros(values.shape, np.uint8)
    lungs[6:20, 6:34, 1:-1] = lungs[28:42, 6:34, 1:-1] = 1
    values[lungs > 0] = -850
    np.savez(path, hu=values, lungs=lungs, zooms=np.array((6.0, 6.0, 5.0)), affine=np.eye(4))


def write_slices(folder: Path) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    lines = ["image,part,patient"]
    for at, (name, patient) in enumerate(PATIENTS.items()):
        values, mask = np.full((60, 80), 210, np.uint8), np.zeros((60, 80), np.uint8)
        values[10:50, 8:34] = values[10:50, 46:72] = 30
        mask[20 + at : 34 + at, 12:26] = 255
        values[mask > 0] = 120
        cv2.imwrite(str(folder / "images" / f"{name}.png"), values)
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), mask)
        lines.append(f"{name},{'valid' if name == 'd' else 'train'},{patient}")
    (folder / "split.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lesions")
    volumes = [folder / f"{name}.npz" for name in ("one", "two", "three")]
    for path in volumes:
        write_volume(path)
    write_slices(folder / "slices")
    compose_lesions(
        volumes,
        folder / "set",
        parts={"two": Split.VALID, "three": Split.TEST},
        copies=1,
        slices=folder / "slices",
        slice_copies=1,
    )
    return folder / "set"


@pytest.mark.slow
def test_every_judged_slice_has_a_figure_by_a_network_that_has_not_seen_its_patient(
    lesions: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    out = tmp_path / "run"
    card = train(recipe=str(recipe), data=lesions, out=out, version="0.1.0")
    rows = (out / "slices.csv").read_text().splitlines()
    assert len(rows) == 1 + 3  # the slice of the validation part is learned from alone
    assert {row.split(",")[1].rsplit("/", 1)[1] for row in rows[1:]} == {"p", "q"}
    groups = {one.group for one in card.metrics if one.split == "cross-validation"}
    assert groups == {
        "outlined lesions",
        "outlined lesions, dense within the lungs",
        "outlined lesions, above dense within the lungs",
        "outlined lesions, regression of grey values",
        "outlined lesions, above regression of grey values",
    }
    assert all(one.images == 3 for one in card.metrics if one.split == "cross-validation")
    assert any(one.split == "test" and "drawn lesions" in one.group for one in card.metrics)
    assert card.figures_of == card.weights_digest
    assert "4 slices with outlined lesions, of 3 patients" in card.data
    assert "2 CTs with drawn ones or none, 4 volumes" in card.data
    assert {path.name for path in out.iterdir() if path.is_dir()} >= {"fold-1", "fold-2", "all"}


def test_too_few_patients_for_the_folds_are_told(lesions: Path, tmp_path: Path) -> None:
    from dataclasses import replace  # noqa: PLC0415

    from ai_engine.ct.outlined_training import OutlinedTrainer  # noqa: PLC0415 - loads TensorFlow

    recipe = replace(load_recipe("xnet-outlined"), folds=3)
    with pytest.raises(DatasetError, match="too few patients with outlined slices for 3 folds"):
        OutlinedTrainer(recipe, read_mosmed(lesions), folder=tmp_path)
