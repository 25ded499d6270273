"""MosMedData's layout is read as distributed, and the paper's table comes of it."""

import dataclasses
import json
import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ai_engine.commands.evaluate import evaluate
from ai_engine.ct import loading as ct_loading
from ai_engine.ct.dataset import load_mask, load_volume, read_mosmed, split_studies
from ai_engine.ct.evaluation import MosMedReport
from ai_engine.ct.grades import Figure, GradedStudy, confusion, figures, overlap
from ai_engine.ct.predictor import load_classical
from ai_engine.ct.testing import Ellipsoid, phantom
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry

pytestmark = pytest.mark.slow

nibabel = pytest.importorskip("nibabel")

SHAPE, SPACING = (30, 96, 128), (8.0, 2.6, 2.6)
GLASS = Ellipsoid(centre=(10, 0, -75), radii=(45, 40, 40), hounsfield=-450)


def save(path: Path, values: np.ndarray) -> None:
    """Write a volume that runs from head to feet, back and left as NIfTI does: LPS to RAS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    depth, height, width = SPACING
    affine = np.diag([-width, -height, -depth, 1.0])
    nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0), affine), path)


def _lesion(healthy: np.ndarray, diseased: np.ndarray) -> np.ndarray:
    return ((diseased > -650) & (healthy < -650)).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies, one of them with lesions and a mask of them."""
    folder = tmp_path_factory.mktemp("mosmed")
    healthy, diseased = (
        phantom(*bodies, shape=SHAPE, spacing=SPACING).hounsfield for bodies in ((), (GLASS,))
    )
    save(folder / "studies" / "CT-0" / "study_0001.nii.gz", healthy)
    save(folder / "studies" / "CT-1" / "study_0255.nii.gz", diseased)
    save(folder / "masks" / "study_0255_mask.nii.gz", _lesion(healthy, diseased))
    return folder


def test_studies_have_grades_masks_and_the_patient_s_sides(data: Path) -> None:
    healthy, diseased = read_mosmed(data)
    assert [(each.name, each.grade) for each in (healthy, diseased)] == [
        ("study_0001", 0),
        ("study_0255", 1),
    ]
    assert load_mask(healthy) is None
    volume, mask = load_volume(diseased), load_mask(diseased)
    assert mask is not None
    original = phantom(GLASS, shape=SHAPE, spacing=SPACING)
    assert np.array_equal(volume.hounsfield, original.hounsfield)
    assert volume.geometry.spacing == pytest.approx(SPACING)
    assert volume.hounsfield[mask].mean() == pytest.approx(-450, abs=10)


def measured(
    card: ModelCard, data: Path, out: Path, console: Console, split: Split = Split.TEST
) -> tuple[Figure, ...]:
    report = evaluate(card=card, data=data, out=out, cache=out, split=split.value, console=console)
    assert isinstance(report, MosMedReport)
    return report.figures


def test_the_paper_s_table_comes_of_the_data(data: Path, tmp_path: Path) -> None:
    card = ModelRegistry().card("ct-high-attenuation", "1.0.0")
    console = Console(width=160, record=True, file=StringIO())
    rows = {row.name: row for row in measured(card, data, tmp_path, console)}
    said = console.export_text()
    assert "on all 2 studies, 1 of them with masks: the method learned from none" in said
    assert "paper 5 (XNet)" in said
    assert rows["Dice"].value > 0.9
    assert (rows["Dice"].studies, rows["Dice"].paper) == (1, 0.91)
    assert [rows[name].value for name in ("precision", "recall", "F-score")] == [1.0, 1.0, 1.0]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["confusion"][0][0] == report["confusion"][1][1] == 1


@pytest.fixture(scope="module")
def drawn(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four studies with masks and one without. Test's masks are right, the others are empty."""
    folder = tmp_path_factory.mktemp("drawn") / "mosmed"
    shutil.copytree(data, folder)
    study = folder / "studies" / "CT-1" / "study_0255.nii.gz"
    mask = folder / "masks" / "study_0255_mask.nii.gz"
    for number in range(256, 259):
        shutil.copy(study, study.with_name(f"study_{number:04d}.nii.gz"))
        shutil.copy(mask, mask.with_name(f"study_{number:04d}_mask.nii.gz"))
    parts = split_studies(read_mosmed(folder))
    for other in (*parts[Split.TRAIN], *parts[Split.VALID]):
        assert other.mask_path is not None
        save(other.mask_path, np.zeros(SHAPE, np.uint8))
    return folder


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    """The card of a network that learned from the set; the classical method answers for it."""
    classical = ModelRegistry().card("ct-high-attenuation", "1.0.0")
    monkeypatch.setattr(ct_loading, "load_network", lambda _: load_classical(classical))
    return dataclasses.replace(
        classical, kind="segmenter-ct", input_size=160, weights_file="weights.safetensors"
    )


def test_a_network_is_measured_on_what_it_has_not_learned_from(
    drawn: Path, trained: ModelCard, tmp_path: Path
) -> None:
    console = Console(width=160, record=True, file=StringIO())
    rows = {row.name: row for row in measured(trained, drawn, tmp_path, console)}
    assert (rows["Dice"].studies, rows["Dice"].paper) == (1, 0.91)
    assert rows["Dice"].value > 0.9
    assert rows["recall"].studies == 2  # the one without a mask is unseen, too
    (test,) = split_studies(read_mosmed(drawn))[Split.TEST]
    report = json.loads((tmp_path / "report.json").read_text())
    assert {each["name"] for each in report["studies"]} == {"study_0001", test.name}
    said = console.export_text()
    assert "1 of the 4 studies with masks, the test part, and 1 without" in said
    assert "the 3 that training uses are left out" in said
    assert report["split"] == "test"
    assert report["measured_on"] in said


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (Split.TRAIN, "2 of the 4 studies with masks, the train part: the model was trained on"),
        (Split.VALID, "1 of the 4 studies with masks, the valid part: the model was chosen by"),
    ],
)
def test_no_paper_s_figure_stands_beside_what_was_learned_from(
    drawn: Path, trained: ModelCard, tmp_path: Path, split: Split, words: str
) -> None:
    console = Console(width=160, record=True, file=StringIO())
    rows = measured(trained, drawn, tmp_path, console, split)
    assert {row.name for row in rows} >= {"Dice", "IoU", "recall"}
    assert {row.paper for row in rows} == {None}
    said = console.export_text()
    assert words in said
    assert "paper 5" not in said
    report = json.loads((tmp_path / "report.json").read_text())
    asked = {study.name for study in split_studies(read_mosmed(drawn))[split]}
    assert {each["name"] for each in report["studies"]} == asked


def test_without_masks_nobody_can_say_what_a_network_learned_from(
    data: Path, trained: ModelCard, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=r"1 studies have a mask .* fetch the masks too"):
        evaluate(card=trained, data=data, out=tmp_path, cache=tmp_path)


def test_positives_are_those_above_the_lowest_grade() -> None:
    stated_and_measured = [(0, 0), (0, 1), (1, 0), (2, 1), (3, 4), (4, 3)]
    studies = [
        GradedStudy(name=str(number), stated=stated, measured=measured)
        for number, (stated, measured) in enumerate(stated_and_measured)
    ]
    rows = {row.name: row.value for row in figures(studies)}
    assert rows == {"precision": 0.75, "recall": 0.75, "F-score": 0.75}
    assert confusion(studies)[3, 4] == 1


def test_overlap_counts_voxels() -> None:
    one = np.array([True, True, False, False])
    assert overlap(one, np.array([True, False, True, False])) == (0.5, pytest.approx(1 / 3))
    assert overlap(~one & one, ~one & one) == (1.0, 1.0)


def test_what_is_wrong_with_a_folder_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder 'studies'"):
        read_mosmed(tmp_path)
    lost = tmp_path / "masks" / "study_0300_mask.nii.gz"
    save(tmp_path / "studies" / "CT-2" / "study_0001.nii.gz", np.zeros((2, 2, 2), np.int16))
    save(lost, np.zeros((2, 2, 2), np.int16))
    with pytest.raises(DatasetError, match="no study for this mask"):
        read_mosmed(tmp_path)
    lost.unlink()
    save(tmp_path / "studies" / "CT-3" / "study_0001.nii.gz", np.zeros((2, 2, 2), np.int16))
    with pytest.raises(DatasetError, match="in CT-2 as well"):
        read_mosmed(tmp_path)
    (study, _) = read_mosmed(data)
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"<html>")
    with pytest.raises(DatasetError, match="not a readable NIfTI"):
        load_volume(type(study)(name="x", grade=0, path=broken, mask_path=None))
