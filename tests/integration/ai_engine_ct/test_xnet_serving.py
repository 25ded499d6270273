"""A trained XNet of a user's takes the classical method's place, on either back end."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ai_engine.ct.predictor import load_segmenter
from ai_engine.ct.results import Side
from ai_engine.ct.testing import Ellipsoid, ct_datasets, phantom
from ai_engine.ct.xnet_source import SIZE, OnNetwork
from ai_engine.errors import BackendError, ModelFolderError
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.network import Tensors
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.kinds.random_weights import write_random_weights
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.registry import ModelRegistry, read_active_versions, verify_weights

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ModelCard:
    folder = tmp_path_factory.mktemp("models") / "xnet-lung" / "1.0.0"
    folder.mkdir(parents=True)
    made = ModelCard(
        folder=folder,
        name="xnet-lung",
        version="1.0.0",
        title="XNet with random weights",
        manufacturer="test",
        kind="segmenter-ct",
        architecture="xnet",
        input_size=SIZE,
        weights_file="weights.safetensors",
        weights_digest="",
        research_only=True,
        intended_use="Tests.",
        limitations=("Its weights are random.",),
        refuses=(),
        licence="",
        attribution="",
        labels=(Label(name="inhomogeneity", title="Inhomogeneity", threshold=0.5),),
    )
    digest = write_random_weights(made, made.weights_path, seed=1)
    card = dataclasses.replace(made, weights_digest=digest)
    write_card(card)
    return card


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("converted")


def test_a_study_is_measured_by_the_network(card: ModelCard, cache: Path) -> None:
    predictor = load_segmenter(card, cache=cache)
    datasets = ct_datasets(phantom(shape=(20, 96, 128), spacing=(10.0, 2.6, 2.6)))
    by_uid = {each.SOPInstanceUID: each for each in datasets}
    prediction = predictor.predict(datasets, by_uid.__getitem__)
    assert prediction.analysis is not None
    assert prediction.model == prediction.analysis.method == card.identity
    assert prediction.limitations == ("Its weights are random.",)
    assert "threshold 0.5" in prediction.parameters


def test_openvino_gives_what_keras_gives(card: ModelCard, cache: Path) -> None:
    pytest.importorskip("tensorflow")
    from ai_engine.inference.tensorflow_network import TensorFlowNetwork  # noqa: PLC0415
    from ai_engine.library.weights_file import assign_weights, read_weights  # noqa: PLC0415
    from ai_engine.models.catalogue import build  # noqa: PLC0415

    model = build("xnet", labels=1, size=SIZE)
    assign_weights(model, read_weights(card.weights_path), source=card.weights_path)
    batch = np.random.default_rng(2).random((1, SIZE, SIZE, 1), np.float32)
    in_keras = OnNetwork(TensorFlowNetwork(model)).predict(batch)
    in_openvino = OnNetwork(OpenVinoNetwork(converted_model(card, cache))).predict(batch)
    assert in_keras.shape == in_openvino.shape == (1, SIZE, SIZE, 1)
    assert in_openvino == pytest.approx(in_keras, abs=1e-4)
    assert in_keras.std() > 0


def test_a_card_of_another_size_is_refused(card: ModelCard, cache: Path) -> None:
    other = dataclasses.replace(card, input_size=320)
    with pytest.raises(ModelFolderError, match="160 x 160 pixels"):
        load_segmenter(other, cache=cache)


class Pair:
    """A network with two inputs."""

    inputs = ("image", "age")
    outputs = ("mask",)

    def run(self, inputs: Tensors) -> Tensors:
        return inputs


def test_a_network_with_several_inputs_is_no_mask_network() -> None:
    with pytest.raises(BackendError, match="one input and one output"):
        OnNetwork(Pair())


@pytest.fixture(scope="module")
def shipped() -> ModelCard:
    return ModelRegistry().active(
        read_active_versions(ROOT / "config" / "models.toml"), "xnet-lung"
    )


def test_the_shipped_network_finds_ground_glass_where_it_is(
    shipped: ModelCard, cache: Path
) -> None:
    verify_weights(shipped)
    glass = Ellipsoid(centre=(0, 30, -85), radii=(60, 35, 35), hounsfield=-500)
    datasets = ct_datasets(phantom(glass, shape=(24, 160, 200), spacing=(10.0, 1.8, 1.8)))
    by_uid = {each.SOPInstanceUID: each for each in datasets}
    prediction = load_segmenter(shipped, cache=cache).predict(datasets, by_uid.__getitem__)
    assert prediction.analysis is not None
    found = prediction.analysis.findings
    assert {one.side for one in found} == {Side.RIGHT}
    assert sum(one.volume_ml for one in found) == pytest.approx(300, rel=0.35)


def test_the_shipped_figures_are_of_its_weights_and_beat_both_simple_ways(
    shipped: ModelCard,
) -> None:
    assert shipped.figures_of == shipped.weights_digest
    gains = {one.group: one for one in shipped.metrics if "above" in one.group}
    for name in ("dense within the lungs", "regression of grey values"):
        gain = gains[f"outlined lesions, above {name}"]
        assert gain.split == "cross-validation"
        assert gain.low > 0
