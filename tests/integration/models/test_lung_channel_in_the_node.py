"""The lungs as a channel: trained with, said by the card, made by the node, and listened to."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import Dataset, dcmread

from ai_engine.commands.train import train
from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.errors import ModelNotFoundError
from ai_engine.importing.folder import install_model
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.inference.views import model_image, model_view
from ai_engine.kinds.guard.guard import ChestGuard
from ai_engine.kinds.installed import InstalledModels
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.testing import FakeGuardBackend, guard_card
from ai_engine.kinds.triage.triage import TriageModel
from ai_engine.library.card import ChannelKind, ModelCard, write_card
from ai_engine.library.registry import ModelRegistry, read_active_versions, shipped_weights
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.radiograph import Radiograph, read_radiograph
from ai_engine.training.channel_planes import ChannelPlanes
from ai_engine.training.image_batches import plain_input
from ai_engine.training.recipe_file import load_recipe
from dicom_node.configuration.settings import NodeSettings
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.models.host import ModelHost
from sr_templates.evidence_kind import EvidenceKind
from tests.integration.ai_engine.eagerly import eagerly
from tests.integration.models.conftest import CONVERTED, Started
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.peers.data import dicom_folder
from tests.unit.builders import an_instance

pytest.importorskip("tensorflow", reason="TensorFlow is absent: nothing can be trained")

CONFIG = Path(__file__).parents[3] / "config"
RECIPE = """
extends = "paper3-triage-lungs"
input_size = 64
batch_size = 4
epochs = 1
steps_per_epoch = 1
half_precision = false
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny set around one real frontal radiograph, with some images that were made of it."""
    source = dicom_folder("received") / "siim-cxr-pa-jpeg-baseline.dcm"
    folder = tmp_path_factory.mktemp("lung-channel")
    images = folder / "data" / "images"
    images.mkdir(parents=True)
    shutil.copyfile(source, images / "real.dcm")
    pixels = cv2.resize(read_radiograph(dcmread(source)).pixels, (300, 300))
    rng = np.random.default_rng(1)
    rows = [["real.dcm", "0", "50", "F", "PA", "valid", "1"]]
    for number in range(1, 8):
        noisy = np.clip(pixels + rng.normal(0, 0.05, pixels.shape), 0, 1)
        cv2.imwrite(str(images / f"{number}.png"), (noisy * 255).astype(np.uint8))
        part = "train" if number % 2 else "valid"
        rows.append([f"{number}.png", str(number), "50", "F", "PA", part, str(number // 2 % 2)])
    with (folder / "data" / "labels.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "patient_id", "age", "sex", "view", "split", "No_Finding"])
        writer.writerows(rows)
    (folder / "tiny.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def card(run: Path) -> ModelCard:
    CONVERTED.mkdir(exist_ok=True)
    installed = InstalledModels(
        registry=ModelRegistry(),
        versions=read_active_versions(CONFIG / "models.toml"),
        cache=CONVERTED,
    )
    with eagerly():
        return train(
            recipe=str(run / "tiny.toml"), data=run / "data", out=run / "out", installed=installed
        )


def test_the_card_says_which_lungs_it_was_trained_with(card: ModelCard, run: Path) -> None:
    lungs = ModelRegistry().card("lung-segmentation", "1.1.0")
    (channel,) = card.channels
    assert (channel.kind, channel.model) == (ChannelKind.LUNGS, "lung-segmentation")
    assert (channel.version, channel.weights_digest) == ("1.1.0", lungs.weights_digest)
    kept = list((run / "out" / "channels").rglob("*.png"))
    assert len(kept) == 8  # every image's lungs, each outlined once


def test_training_and_serving_see_the_same_of_a_real_radiograph(card: ModelCard, run: Path) -> None:
    channels = Loading(card=card, cache=CONVERTED, threads=1).channels()
    recipe, dataset = load_recipe(str(run / "tiny.toml")), read_cxr(run / "data")
    real = dataset.part(Split.VALID)[0]
    trained = plain_input(dataset, real, recipe, ChannelPlanes(channels, run / "out" / "channels"))
    radiograph = read_radiograph(dcmread(run / "data" / "images" / real.file))
    served = model_image(card, radiograph, model_view(card, radiograph), channels)
    assert trained.shape == served.shape == (64, 64, 2)
    # Data sets have eight bits, which may move an outline by a pixel of the source.
    np.testing.assert_allclose(trained[..., 0], served[..., 0], atol=0.03)
    apart = np.abs(trained[..., 1] - served[..., 1])
    assert apart.max() < 0.2
    assert (apart > 0.03).mean() < 0.01
    lungs = served[..., 1] != 0
    assert 0.15 < lungs.mean() < 0.6
    assert served[..., 0][lungs].mean() < served[..., 0][~lungs].mean()  # air is dark


class _Flat:
    """Lungs all over the image, or nowhere, by the name of those that the card wants."""

    kind = ChannelKind.LUNGS

    def __init__(self, card: ModelCard, value: float) -> None:
        self.card = card
        self._value = value

    def plane(self, radiograph: Radiograph) -> FloatImage:
        """The same everywhere."""
        return np.full_like(radiograph.pixels, self._value)


class _Files:
    """The archive as far as the host needs it."""

    @staticmethod
    def source_path(path: str) -> Path:
        """The file itself."""
        return Path(path)


def test_the_node_outlines_the_lungs_and_the_answer_depends_on_them(
    card: ModelCard, run: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    install_model(card.folder, data / "models")
    (data / "cache").symlink_to(CONVERTED)
    lines = (CONFIG / "models.toml").read_text() + f'{card.name} = "{card.version}"\n'
    (tmp_path / "models.toml").write_text(lines)
    settings = NodeSettings.model_validate({"data_dir": data, "inference": {"threads": 1}})
    host = ModelHost(settings, tmp_path, _Files())  # type: ignore[arg-type]
    real = run / "data" / "images" / "real.dcm"
    instance = an_instance(path=str(real))
    found = host.triage(host.identity("chest-radiograph"), [instance])
    assert found is not None
    assert found.model == card.identity

    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend())
    backend = OpenVinoBackend.load(card, cache=CONVERTED, threads=1)
    lungs = Loading(card=card, cache=CONVERTED, threads=1).channels()
    said = []
    for channels in (lungs, [_Flat(lungs[0].card, 1)], [_Flat(lungs[0].card, 0)]):
        model = TriageModel(card, backend, guard=guard, channels=channels)
        triage = model.assess([read_radiograph(dcmread(real))])
        assert triage is not None
        said.append(triage.probability)
    assert said[0] == pytest.approx(found.probability, abs=1e-6)
    # A network of one training step says little of anything; but the same is said to a millionth.
    assert min(abs(other - said[0]) for other in said[1:]) > 2e-5, said


@pytest.mark.parametrize("name", ["paper3-lungs-classifier", "chest-radiograph"])
def test_a_classifier_with_lungs_goes_through_the_corridor_under_any_name(
    name: str, card: ModelCard, started: Started, chest: Dataset
) -> None:
    def write(folder: Path) -> ModelCard:
        place = folder / name / card.version
        classifier = replace(card, name=name, kind="classifier", folder=place)
        place.mkdir(parents=True)
        shutil.copyfile(card.weights_path, classifier.weights_path)
        write_card(classifier)
        return classifier

    trial = started(write)
    trial.wanting(EvidenceKind.SR)
    trial.send(chest)
    job = trial.analyse()
    (report,) = trial.evidence(job)[EvidenceKind.SR]
    said = dcmread(report).to_json()
    for words in (name, "R-CHANNELS", "the lungs by lung-segmentation/1.1.0"):
        assert words in said
    assert dciodvfy_errors(report) == []
    assert [finding["label"] for finding in trial.works.hotbase.findings(job)] == ["No_Finding"]


def test_without_the_lung_model_it_is_not_promoted_and_it_is_said_what_to_do(
    card: ModelCard, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    install_model(card.folder, models)
    alone = ModelRegistry(models)
    with pytest.raises(ModelNotFoundError, match=r"lung-segmentation/1\.1\.0 is not installed"):
        Loading(card=card, registry=alone, cache=CONVERTED).channels()
    # A folder of the node's own hides the shipped version of that number.
    lungs = shipped_weights() / "lung-segmentation" / "1.1.0"
    other = models / "lung-segmentation" / "1.1.0"
    shutil.copytree(lungs, other)
    text = (other / "card.toml").read_text()
    (other / "card.toml").write_text(text.replace(card.channels[0].weights_digest, "0" * 64))
    with pytest.raises(ModelUnavailableError, match="install that version as it was"):
        ModelCards(CONFIG, models).verified_version(card.name, card.version)
