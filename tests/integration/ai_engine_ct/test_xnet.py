"""XNet is the published network, and its masks take the place of the classical ones."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.results import Side
from ai_engine.ct.testing import Ellipsoid, phantom
from ai_engine.ct.xnet_source import XNetSource
from ai_engine.prediction import ModelIdentity

pytest.importorskip("keras")

# Blocks of paper 5's Fig. 3: channels in, channels out, rows and columns of the output.
BLOCKS = {
    "conv1": (1, 64, 160),
    "conv2": (64, 128, 80),
    "conv3": (128, 256, 40),
    "conv4": (256, 512, 20),
    "conv5": (512, 512, 20),
    "conv6": (512, 256, 40),
    "conv7": (512, 128, 80),
    "conv8": (256, 128, 80),
    "conv9": (128, 256, 40),
    "conv10": (256, 512, 20),
    "conv11": (512, 512, 20),
    "conv12": (512, 256, 40),
    "conv13": (512, 128, 80),
    "conv14": (256, 64, 160),
}
POOLS = {"pool1": (80, 64), "pool2": (40, 128), "pool3": (20, 256)} | {
    "pool4": (40, 128),
    "pool5": (20, 256),
}
UPS = {"up6": (40, 512), "up7": (80, 512), "up12": (40, 512)} | {
    "up13": (80, 512),
    "up14": (160, 256),
}
PARAMETERS = 11_742_026

IDENTITY = ModelIdentity(
    name="xnet",
    version="0",
    weights_digest="0" * 64,
    title="XNet",
    manufacturer="test",
    research_only=True,
)


@pytest.fixture(scope="module")
def network() -> Any:
    from ai_engine.models.xnet import build_xnet  # noqa: PLC0415

    return build_xnet()


def test_blocks_have_the_published_shapes(network: Any) -> None:
    for name, (taken, given, side) in BLOCKS.items():
        layer = network.get_layer(name)
        assert layer.kernel.shape == (3, 3, taken, given), name
        assert network.get_layer(f"{name}_relu").output.shape == (None, side, side, given), name


def test_poolings_and_up_samplings_have_the_published_shapes(network: Any) -> None:
    for name, (side, channels) in (POOLS | UPS).items():
        assert network.get_layer(name).output.shape == (None, side, side, channels), name


def test_layers_are_as_many_as_published(network: Any) -> None:
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("ReLU") == 14
    assert kinds.count("Conv2D") == kinds.count("BatchNormalization") == 15
    assert kinds.count("MaxPooling2D") == kinds.count("UpSampling2D") == 5
    assert kinds.count("Dropout") == 2


def test_parameters_are_those_of_the_blocks(network: Any) -> None:
    """Kernel, bias and four values of batch normalisation per channel; the head has two classes."""
    blocks = sum(9 * taken * given + 5 * given for taken, given, _ in BLOCKS.values())
    head = 64 * 2 + 5 * 2
    assert network.count_params() == blocks + head == PARAMETERS


def test_the_mask_is_a_probability_at_the_input_s_size(network: Any) -> None:
    batch = np.random.default_rng(1).random((1, 160, 160, 1), np.float32)
    mask = np.asarray(network(batch))
    assert mask.shape == (1, 160, 160, 1)
    assert 0.0 <= mask.min() < mask.max() <= 1.0


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    from ai_engine.models.xnet import build_xnet  # noqa: PLC0415

    with pytest.raises(ValueError, match="no multiple of 8"):
        build_xnet(size=100)


def test_the_published_training_is_recorded() -> None:
    from ai_engine.models.xnet import PublishedTraining  # noqa: PLC0415

    recipe = PublishedTraining()
    assert (recipe.optimizer, recipe.learning_rate) == ("adam", 1e-4)
    assert (recipe.loss, recipe.epochs) == ("binary_crossentropy", 200)
    assert recipe.split == (0.8, 0.1, 0.1)


class Bright:
    """A network that calls everything above -600 HU inhomogeneous."""

    def predict(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        assert batch.shape[1:] == (160, 160, 1)
        assert len(batch) <= 8
        return (batch > 0.29).astype(np.float32)


def test_masks_of_a_network_are_measured_like_the_classical_ones() -> None:
    glass = Ellipsoid(centre=(10, 0, -75), radii=(30, 30, 30), hounsfield=-450)
    analysis = analyse_volume(
        phantom(glass), source=XNetSource(identity=IDENTITY, network=Bright())
    )
    assert analysis.method is IDENTITY
    largest = analysis.findings[0]
    assert largest.side is Side.RIGHT
    assert largest.volume_ml == pytest.approx(113, rel=0.15)


class AtTheBack(Bright):
    """A network that knows the back of a patient by its place: it has seen the front up alone."""

    def predict(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        made = super().predict(batch)
        made[:, :80] = 0
        return made


@pytest.mark.parametrize("mirrored", [False, True], ids=["face up", "face down"])
def test_a_network_sees_the_front_up_however_the_patient_lay(mirrored: bool) -> None:
    glass = Ellipsoid(centre=(10, 35, -75), radii=(30, 25, 30), hounsfield=-450)
    analysis = analyse_volume(
        phantom(glass, mirrored=mirrored),
        source=XNetSource(identity=IDENTITY, network=AtTheBack()),
    )
    assert analysis.findings[0].volume_ml == pytest.approx(94, rel=0.15)
