"""The commands that look after devices, over a Warehouse that holds something."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from typer.testing import CliRunner, Result

from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.prediction import ABNORMAL
from dicom_node.cli.application import application
from dicom_node.configuration.settings import load_settings
from dicom_node.domain.device import Device
from dicom_node.errors import ConfigurationError, NodeError, NotFoundError
from dicom_node.models.cards import ModelCards
from dicom_node.node.repositories import Repositories
from tests.schema import give_schemas
from tests.unit.export.images import small_radiograph
from tests.unit.validated import Validated, cases_of

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[3] / "config"
DEVICE = Device(calling_ae="CR1", manufacturer="Acme", model_name="Shifted")


def dicom_node(*arguments: str) -> Result:
    """Run ``dicom-node``; an error is raised as it is."""
    result = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    if isinstance(result.exception, NodeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    """Ninety validated images of one device, all of them the same small picture."""
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "250")
    settings = load_settings(CONFIG)
    made = Repositories(settings)
    give_schemas(made)
    model = ModelCards(CONFIG, settings.models_dir).identity(CHEST_MODEL)
    validated = Validated()
    cases_of(DEVICE, validated, 90, shift=-3, seed=1)
    image = small_radiograph()
    for record in validated.warehouse.records():
        truths = tuple(
            replace(
                truth,
                label=ABNORMAL,
                model_version=model.version,
                weights_digest=model.weights_digest,
            )
            for truth in record.truths
        )
        made.warehouse.file(replace(record, model=model, truths=truths))
    first, *_ = made.warehouse.records()
    path = made.warehouse_files.path(first.images[0].path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)
    made.observations.observe(
        [
            replace(
                each,
                weights_digest=model.weights_digest,
                scores=dict.fromkeys((ABNORMAL,), *each.scores.values()),
            )
            for each in validated.observations
        ]
    )
    yield made
    made.close()


@pytest.mark.slow
def test_devices_are_calibrated_and_taken_back_by_command(repositories: Repositories) -> None:
    tried = dicom_node("calibrate", "--dry-run", "--objective", "sensitivity=0.9").output
    assert "dry run, not kept" in tried
    assert "No calibration" in dicom_node("calibrate", "history").output
    made = dicom_node("calibrate", "--by", "ann").output
    assert f"{DEVICE.device_id}: version 1" in made
    again = dicom_node("calibrate").output
    assert "as before" in again
    history = dicom_node("calibrate", "history", "--device", DEVICE.device_id).output
    assert "ann" in history
    back = dicom_node("calibrate", "rollback", "--device", DEVICE.device_id, "--why", "odd").output
    assert "uses no calibration of its own" in back
    with pytest.raises(NotFoundError, match="nothing to go back from"):
        dicom_node("calibrate", "rollback", "--device", DEVICE.device_id)
    with pytest.raises(NotFoundError, match="has no validated cases"):
        dicom_node("calibrate", "--device", "nowhere")
    with pytest.raises(ConfigurationError, match="objective 'best' cannot be used"):
        dicom_node("calibrate", "--objective", "best")


def test_the_warehouse_counts_by_device_and_label(repositories: Repositories) -> None:
    truths = list(repositories.warehouse.truths())
    found = sum(each.value is True for each in truths)
    counted = dicom_node("warehouse", "counts").output
    (row,) = [line for line in counted.splitlines() if line.strip().startswith(DEVICE.device_id)]
    assert row.split()[-3:] == [str(found), str(len(truths) - found), "0"]


def test_a_model_is_suspended_for_a_device_and_status_says_so(repositories: Repositories) -> None:
    assert DEVICE.device_id in dicom_node("drift").output
    (measured,) = json.loads(dicom_node("drift", "--json").output)
    assert measured["device_id"] == DEVICE.device_id
    named = (CHEST_MODEL, "--device", DEVICE.device_id)
    dicom_node("models", "suspend", *named, "--why", "new detector")
    assert "new detector" in dicom_node("models", "suspended").output
    assert "new detector" in dicom_node("status").output
    assert "suspended" in dicom_node("drift").output
    dicom_node("models", "resume", *named)
    assert "No model is suspended" in dicom_node("models", "suspended").output


def test_the_warehouse_is_exported_with_counts_and_reasons(
    repositories: Repositories, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = dicom_node("warehouse", "export", str(out)).output
    assert "1 image, 0 reports" in said
    assert "89: the file is gone" in said
    (file,) = out.rglob("*.dcm")
    assert dcmread(file).PatientIdentityRemoved == "YES"
    with pytest.raises(ConfigurationError, match="is not empty"):
        dicom_node("warehouse", "export", str(out))
    dicom_node("warehouse", "export", str(tmp_path / "nih"), "--format", "nih")
    assert (tmp_path / "nih" / "labels.csv").read_text().startswith("file,patient_id,age")
