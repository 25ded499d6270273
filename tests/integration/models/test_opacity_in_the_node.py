"""Paper 4's classifier: trained in two stages on the RSNA layout, evaluated, run in the node."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from ai_engine.commands.train import train
from ai_engine.datasets.cxr import Split
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.datasets.rsna import read_rsna
from ai_engine.importing.folder import install_model
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.with_header.evaluation import evaluate_with_header
from ai_engine.kinds.with_header.loading import load_classifier
from ai_engine.library.card import ModelCard
from sr_templates.evidence_kind import EvidenceKind
from tests.integration.ai_engine.eagerly import eagerly
from tests.integration.models.conftest import CONVERTED, Started
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.unit.ai_engine.boxed_layout import write_sample

pytest.importorskip("tensorflow", reason="TensorFlow is absent: nothing can be trained")
pytestmark = pytest.mark.long

RECIPE = """
name = "tiny-opacity"
paper = "4"
architecture = "xception"
task = "classes-with-header"
labels = ["Normal", "Lung Opacity", "No Lung Opacity / Not Normal"]
input_size = 71
batch_size = 8
epochs = 1
optimizer = "sgd"
learning_rate = 0.01
half_precision = false
head_epochs = 3
head_learning_rate = 0.05
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("rsna") / "data", patients=48)


@pytest.fixture(scope="module")
def card(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.toml").write_text(RECIPE)
    with eagerly():
        return train(recipe=str(folder / "tiny.toml"), data=sample, out=folder / "out")


def test_both_stages_end_in_one_model_that_is_served_as_it_was_trained(
    card: ModelCard, sample: Path
) -> None:
    import keras  # noqa: PLC0415

    from ai_engine.library.weights_file import assign_weights, read_weights  # noqa: PLC0415
    from ai_engine.models.catalogue import build  # noqa: PLC0415

    assert card.kind == "classifier-with-header"
    out = card.folder.parents[1]
    assert (out / "curves.png").is_file()
    assert '"head"' in (out / "history.json").read_text()
    model = build(card.architecture, labels=1, size=card.input_size)
    assign_weights(model, read_weights(card.weights_path), source=card.weights_path)
    head = sum(model.get_layer(name).count_params() for name in ("joined", "opacity"))
    assert head == 49
    served = load_classifier(Loading(card=card, cache=CONVERTED, threads=1))
    dataset = read_rsna(sample)
    radiograph = as_radiograph(dataset, dataset.items[0])
    rng = np.random.default_rng(0)
    pair = rng.standard_normal((2, card.input_size, card.input_size, 1), np.float32)
    header = np.array([[0, 0.3, 1], [1, 0.5, 0.5]], np.float32)
    inputs = {"image": pair, "header": header}
    expected = model.predict_on_batch(inputs)
    made = served._network.run(inputs)
    for name, each in zip(served._network.outputs, expected, strict=True):
        np.testing.assert_allclose(made[name], each, atol=1e-3)
    assert 0 <= served.look(radiograph).probability <= 1
    keras.backend.clear_session()


def test_head_and_classes_are_evaluated_beside_each_other(
    card: ModelCard, sample: Path, tmp_path: Path
) -> None:
    classifier = load_classifier(Loading(card=card, cache=CONVERTED, threads=1))
    report = evaluate_with_header(
        classifier, read_rsna(sample), split=Split.TRAIN, out=tmp_path, rounds=20
    )
    labels = {metric.label for metric in report.metrics}
    assert {"Lung Opacity", "pixels alone: Lung Opacity"} <= labels
    assert (tmp_path / "roc.png").is_file()
    assert (tmp_path / "roc_classes.png").is_file()


def test_the_report_says_what_was_joined_and_what_the_header_lacks(
    card: ModelCard, started: Started, chest: Dataset
) -> None:
    trial = started(lambda folder: install_model(card.folder, folder))
    trial.wanting(EvidenceKind.SR, EvidenceKind.SC)
    chest.PatientAge = None
    chest.PatientBirthDate = None
    trial.send(chest)
    job = trial.analyse()
    made = trial.evidence(job)
    for path in (path for paths in made.values() for path in paths):
        assert dciodvfy_errors(path) == []
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    words = " ".join(str(item.value) for item in report.iterall() if item.keyword == "TextValue")
    assert "Pixels alone: normal" in words
    assert "age missing or not valid in the header: taken as unknown." in words.lower()
    kinds = [remark["kind"] for remark in trial.works.hotbase.remarks(job)]
    assert kinds.count("header joined with pixels") == 1
    (finding,) = trial.works.hotbase.findings(job)
    assert finding["label"] == "Abnormal"  # the card shows no finding that it tells apart
