"""Bone subtraction: trained scale by scale on pairs, resumed, run in the node, sent by kind."""

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from ai_engine.commands.evaluate import evaluate
from ai_engine.commands.train import train
from ai_engine.errors import DatasetError
from ai_engine.importing.folder import install_model
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry
from sr_templates.evidence_kind import EvidenceKind
from tests.integration.models.conftest import CONVERTED, Started
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.unit.ai_engine.bone_layout import write_pairs

pytest.importorskip("tensorflow", reason="TensorFlow is absent: nothing can be trained")
pytestmark = pytest.mark.long

RECIPE = """
name = "tiny-bones"
paper = "3"
architecture = "bone_generator_small"
task = "bones"
labels = ["Bones"]
input_size = 64
batch_size = 6
epochs = 2
learning_rate = 0.0005
discriminator_rate = 0.002
distance_weight = 100.0
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bones")
    write_pairs(folder / "data")
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def card(run: Path) -> ModelCard:
    return train(recipe=str(run / "tiny.toml"), data=run / "data", out=run / "out")


def test_each_scale_is_trained_and_a_finished_run_is_kept(run: Path, card: ModelCard) -> None:
    assert card.kind == "bone-subtraction"
    history = json.loads((run / "out" / "history.json").read_text())
    assert [entry["size"] for entry in history] == [32, 32, 64, 64]
    assert history[1]["loss"] < history[0]["loss"]
    for name in ("curves.png", "samples.png"):
        assert (card.folder / name).is_file()
    again = train(
        recipe=str(run / "tiny.toml"), data=run / "data", out=run / "out", version="1.0.1"
    )
    assert len(json.loads((run / "out" / "history.json").read_text())) == 4
    assert again.weights_digest == card.weights_digest
    assert {metric.name for metric in card.metrics} == {
        "mean_absolute_error",
        "peak_signal_to_noise_db",
    }


def test_the_bones_are_measured_as_they_are_served(
    run: Path, card: ModelCard, tmp_path: Path
) -> None:
    given = {"card": card, "data": run / "data", "cache": CONVERTED}
    report = evaluate(out=tmp_path, split="valid", **given)
    assert 0 < report.value("mean_absolute_error") < 1
    with pytest.raises(DatasetError, match="no pair falls into the test part"):
        evaluate(out=tmp_path, split="test", **given)


def test_a_destination_gets_the_images_that_it_wants(
    card: ModelCard, started: Started, chest: Dataset
) -> None:
    trial = started(lambda folder: install_model(card.folder, folder))
    trial.wanting(EvidenceKind.SR, EvidenceKind.SOFT, EvidenceKind.BONE)
    trial.send(chest)
    made = trial.evidence(trial.analyse())
    assert set(made) == {EvidenceKind.SOFT, EvidenceKind.BONE}
    images = {kind: pydicom.dcmread(paths[0]) for kind, paths in made.items()}
    for kind, image in images.items():
        assert dciodvfy_errors(made[kind][0]) == []
        assert (image.Rows, image.Columns) == (chest.Rows, chest.Columns)
        assert image.StudyInstanceUID == chest.StudyInstanceUID
    soft, bone = (images[kind].pixel_array for kind in (EvidenceKind.SOFT, EvidenceKind.BONE))
    assert np.ptp(soft) > 2000
    assert bone.shape == soft.shape


def test_what_the_guard_refuses_is_reported(
    card: ModelCard, started: Started, chest: Dataset
) -> None:
    trial = started(lambda folder: install_model(card.folder, folder))
    trial.wanting(EvidenceKind.SR, EvidenceKind.BONE)
    turned = np.rot90(chest.pixel_array)
    chest.Rows, chest.Columns = turned.shape
    chest.PixelData = np.ascontiguousarray(turned).tobytes()
    trial.send(chest)
    job = trial.analyse()
    made = trial.evidence(job)
    assert set(made) == {EvidenceKind.SR}
    assert dciodvfy_errors(made[EvidenceKind.SR][0]) == []
    (refusal,) = trial.works.hotbase.refusals(job)
    assert refusal["reason"] == "not a frontal chest radiograph"


def test_the_shipped_model_takes_away_bands_as_wide_as_ribs(
    started: Started, chest: Dataset
) -> None:
    trial = started(lambda _: ModelRegistry().card("bone-suppression", "1.0.0"))
    trial.wanting(EvidenceKind.SR, EvidenceKind.SOFT, EvidenceKind.BONE)
    trial.send(chest)
    made = trial.evidence(trial.analyse())
    assert set(made) == {EvidenceKind.SOFT, EvidenceKind.BONE}
    bone = pydicom.dcmread(made[EvidenceKind.BONE][0]).pixel_array
    assert bone.max() > 100
    for paths in made.values():
        assert dciodvfy_errors(paths[0]) == []
