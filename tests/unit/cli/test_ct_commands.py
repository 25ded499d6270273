"""What the command line says of CT studies and of the model that measures them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dicom_node.cli.application import application
from tests.unit.sr_templates_ct.builders import a_study

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[3] / "config"


def dicom_node(*arguments: str) -> str:
    result = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    assert result.exit_code == 0, result.output
    return str(result.output)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")


def test_the_series_that_would_be_measured_is_explained(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.dcm" for number in range(24)]
    for path, dataset in zip(paths, a_study(slices=24).datasets, strict=True):
        dataset.save_as(path, enforce_file_format=True)
    said = dicom_node("route", "explain", *map(str, paths))
    assert said.count("wanted by chest-ct (model ct-high-attenuation)") == 24
    assert "not for chest-radiograph" in said
    assert "image type: not excluded" in said
    assert "Series for ct-high-attenuation, best first" in said
    assert "1. 24 axial slices 4 mm apart, kernel not known" in said


def test_the_card_says_that_nothing_was_trained() -> None:
    said = dicom_node("models", "show", "ct-high-attenuation")
    assert 'kind = "classical-ct"' in said
    assert "It is not the trained XNet" in said
    assert "weights_file" not in said
    assert "ct-high-attenuation" in dicom_node("models", "list")
    assert "not installed" not in dicom_node("models", "list")


def test_an_active_version_that_is_no_longer_installed_is_listed(tmp_path: Path) -> None:
    """A version may go with an upgrade that a promotion, or models.toml, still names."""
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    said = (config / "models.toml").read_text("utf-8")
    (config / "models.toml").write_text(
        re.sub(r"(?m)^chest-radiograph = .*$", 'chest-radiograph = "0.9.0"', said), "utf-8"
    )
    listed = CliRunner().invoke(application, ["--config", str(config), "models", "list"])
    assert re.search(r"✗\s+chest-radiograph\s+0\.9\.0.*promote another", listed.output)
    as_json = CliRunner().invoke(application, ["--config", str(config), "models", "list", "--json"])
    rows = json.loads(as_json.output)
    (lost,) = [row for row in rows if not row["installed"]]
    known = {"name": "chest-radiograph", "version": "0.9.0", "active": True, "installed": False}
    assert {field: value for field, value in lost.items() if value is not None} == known
    assert {frozenset(row) for row in rows} == {frozenset(lost)}
    shown = CliRunner().invoke(
        application, ["--config", str(config), "models", "show", "chest-radiograph"]
    )
    assert "promote an installed version" in str(shown.exception)


@pytest.mark.slow
def test_a_ct_model_is_evaluated_on_mosmed(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    volume = a_study(diseased=False)
    values = [each.pixel_array.astype("i2") - 1024 for each in volume.datasets]
    place = tmp_path / "mosmed" / "studies" / "CT-0" / "study_0001.nii.gz"
    place.parent.mkdir(parents=True)
    affine = np.diag([-2.6, -2.6, -4.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.stack(values).transpose(2, 1, 0), affine), place)
    said = dicom_node(
        "models", "evaluate", "ct-high-attenuation",
        "--data", str(tmp_path / "mosmed"), "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert "Measured on all 1 studies, 0 of them with masks" in said
    assert "grades: stated by row, measured by column" in said
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["studies"][0]["measured"] == 0
