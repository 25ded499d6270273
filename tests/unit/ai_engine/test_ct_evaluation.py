"""MosMedData's layout is read as distributed, and the paper's table comes of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from ai_engine.ct.testing import Ellipsoid, phantom
from ai_engine.datasets.mosmed import load_mask, load_volume, read_mosmed
from ai_engine.errors import DatasetError
from ai_engine.evaluation.ct_command import evaluate_ct
from ai_engine.evaluation.ct_grades import GradedStudy, confusion, figures, overlap
from ai_engine.registry import ModelRegistry

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


def test_the_paper_s_table_comes_of_the_data(data: Path, tmp_path: Path) -> None:
    card = ModelRegistry().card("ct-high-attenuation", "1.0.0")
    rows = {
        row.name: row for row in evaluate_ct(card=card, data=data, out=tmp_path, cache=tmp_path)
    }
    assert rows["Dice"].value > 0.9
    assert (rows["Dice"].studies, rows["Dice"].paper) == (1, 0.91)
    assert [rows[name].value for name in ("precision", "recall", "F-score")] == [1.0, 1.0, 1.0]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["confusion"][0][0] == report["confusion"][1][1] == 1


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
