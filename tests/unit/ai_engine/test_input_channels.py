"""Further channels: stacked alike in training and in use, and made by the same models."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.commands.finetune import Tuning, tuning_recipe
from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.errors import ModelFolderError, ModelNotFoundError, RecipeError
from ai_engine.inference.backend import Activation
from ai_engine.inference.input_channels import described, stacked
from ai_engine.inference.views import model_batch, model_image, model_view
from ai_engine.kinds.channels import (
    active_channel_card,
    channel_card,
    require_channels,
)
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.guard.guard import ChestGuard
from ai_engine.kinds.installed import InstalledModels, models_of
from ai_engine.kinds.testing import FakeGuardBackend, chest_card, guard_card
from ai_engine.library.card import (
    ChannelKind,
    InputChannel,
    ModelCard,
    read_card,
    write_card,
)
from ai_engine.library.registry import ModelRegistry
from ai_engine.library.weights_file import write_weights
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.augmentation import augmented_image, augmented_view
from ai_engine.training.channel_planes import ChannelPlanes
from ai_engine.training.image_batches import plain_input, sample_of
from ai_engine.training.recipe_file import load_recipe, parse_recipe
from tests.unit.ai_engine.test_chest_predictor import radiograph

SIZE = 64
LUNGS = InputChannel(
    kind=ChannelKind.LUNGS, model="lung-segmentation", version="1.0.0", weights_digest="a" * 64
)


class Left:
    """Takes the left half of every image for lungs, and counts how often it was asked."""

    kind = ChannelKind.LUNGS

    def __init__(self) -> None:
        self.asked = 0
        self.card = dataclasses.replace(
            chest_card(Path()), name=LUNGS.model, version=LUNGS.version, weights_digest="a" * 64
        )

    def plane(self, radiograph: Radiograph) -> FloatImage:
        self.asked += 1
        made = np.zeros((radiograph.rows, radiograph.columns), np.float32)
        made[:, : radiograph.columns // 2] = 1
        return made


class Shades(Left):
    """Bones in as many shades as a float has."""

    kind = ChannelKind.BONES

    def plane(self, radiograph: Radiograph) -> FloatImage:
        return radiograph.pixels**2


class LungsMean:
    """A network whose answer is the mean of its second channel, squashed."""

    def predict(self, batch: np.ndarray) -> Activation:
        assert batch.shape[-1] == 2
        means = 1 / (1 + np.exp(-8 * batch[..., 1].mean(axis=(1, 2))))
        return Activation(
            probabilities=means[:, np.newaxis].astype(np.float32),
            features=np.zeros((len(batch), 1, 1, 1), np.float32),
        )


def with_lungs(folder: Path = Path()) -> ModelCard:
    return dataclasses.replace(
        chest_card(folder), input_size=SIZE, channels=(LUNGS,), flip_averaging=True
    )


@pytest.fixture
def dataset(tmp_path: Path) -> CxrDataset:
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(1)
    coarse = rng.integers(20, 230, (9, 7), dtype=np.uint8)
    image = cv2.resize(coarse, (280, 360), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "images" / "1.png"), image)
    item = CxrItem(
        file="1.png", patient_id="1", age=50, sex="F", view=View.PA, split=Split.TRAIN,
        labels=frozenset({"No_Finding"}),
    )  # fmt: skip
    return CxrDataset(folder=tmp_path, labels=("No_Finding",), items=(item,), boxes=())


def test_lungs_show_the_radiograph_within_them_and_bones_their_own_image() -> None:
    values = np.linspace(-2, 2, 16, dtype=np.float32).reshape(4, 4)
    lungs = np.eye(4, dtype=np.float32)
    bones = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    mask = np.ones((4, 4), np.bool_)
    made = stacked(values, mask, {ChannelKind.LUNGS: lungs, ChannelKind.BONES: bones})
    assert made.shape == (4, 4, 3)
    np.testing.assert_array_equal(made[..., 0], values)
    np.testing.assert_array_equal(made[..., 1], values * lungs)
    assert made[..., 2].mean() == pytest.approx(0, abs=1e-6)
    assert made[..., 2].std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("crop", [1.0, 0.8])
def test_training_and_serving_give_the_network_the_same(
    dataset: CxrDataset, tmp_path: Path, crop: float
) -> None:
    sources = (Left(), Shades())
    (item,) = dataset.items
    text = f'extends = "paper3-triage"\nchannels = ["lungs", "bones"]\ninput_size = {SIZE}\n'
    recipe = parse_recipe(f"{text}center_crop = {crop}\n", where="test")
    planes = ChannelPlanes(sources, tmp_path / "channels")
    trained = plain_input(dataset, item, recipe, planes)
    card = dataclasses.replace(with_lungs(), center_crop=crop)
    shown = as_radiograph(dataset, item)
    served = model_image(card, shown, model_view(card, shown), sources)
    assert trained.shape == (SIZE, SIZE, 3)
    np.testing.assert_allclose(trained, served, atol=1e-3)
    assert served[..., 1].any()


def test_planes_are_made_once_and_kept(dataset: CxrDataset, tmp_path: Path) -> None:
    (item,), source = dataset.items, Left()
    image = dataset.image(item)
    for _ in range(2):  # a second run in the same folder
        planes = ChannelPlanes([source], tmp_path / "channels")
        made = planes.of(dataset, item, image)[ChannelKind.LUNGS]
        assert (made.shape, made.dtype, made.max()) == (image.shape, np.uint16, 65535)
    assert source.asked == 1
    ChannelPlanes([source], tmp_path / "channels").of(dataset, item, image[::-1].copy())
    assert source.asked == 2


def test_channels_are_moved_with_the_image_but_keep_their_values(
    dataset: CxrDataset, tmp_path: Path
) -> None:
    recipe = load_recipe("paper3-triage-lungs")
    planes = ChannelPlanes([Left()], tmp_path)
    sample = sample_of(dataset, dataset.items[0], recipe, planes)
    for seed in range(6):
        made, alone = (
            vary(sample, size=SIZE, settings=recipe.augmentation, rng=np.random.default_rng(seed))
            for vary in (augmented_image, augmented_view)
        )
        np.testing.assert_array_equal(made[..., 0], alone)  # the radiograph is as without channels
        inside = made[..., 1] != 0
        # Half of the image is lungs, whichever way it was turned and however bright it was made.
        covered = inside.sum() / (alone != alone.min()).sum()
        assert covered == pytest.approx(0.5, abs=0.08)
        within = inside & (np.abs(made[..., 1] - alone) < 1e-6)
        assert within.sum() > 0.9 * inside.sum()


def test_the_answer_follows_the_channel_also_in_the_mirror_image() -> None:
    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend())
    head = np.ones((1, 1), np.float32)

    class Nothing(Left):
        def plane(self, radiograph: Radiograph) -> FloatImage:
            return np.zeros_like(radiograph.pixels)

    said = []
    for source in (Left(), Nothing()):
        predictor = ChestRadiographPredictor(
            with_lungs(), LungsMean(), head=head, guard=guard, channels=[source]
        )
        said.append(float(predictor.probabilities(radiograph())[0]))
        assert said[-1] == pytest.approx(
            float(Scorer(with_lungs(), LungsMean(), [source]).probabilities(radiograph())[0])
        )
    assert said[1] == pytest.approx(0.5)
    assert abs(said[0] - said[1]) > 1e-4
    batch = model_batch(with_lungs(), np.arange(12, dtype=np.float32).reshape(2, 2, 3))
    np.testing.assert_array_equal(batch[1], batch[0][:, ::-1])


def test_a_model_is_not_run_without_its_channels_or_with_others() -> None:
    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend())
    other = Left()
    other.card = dataclasses.replace(other.card, version="2.0.0")
    head = np.ones((1, 1), np.float32)
    for sources in ((), (other,), (Left(), Shades())):
        with pytest.raises(ModelFolderError, match=r"lungs of lung-segmentation/1\.0\.0"):
            ChestRadiographPredictor(
                with_lungs(), LungsMean(), head=head, guard=guard, channels=sources
            )


def test_a_card_keeps_its_channels_its_crop_and_its_layout(tmp_path: Path) -> None:
    card = dataclasses.replace(
        with_lungs(tmp_path),
        channels=(described(Left()),),
        center_crop=0.9,
        layout="rsna-pneumonia",
    )
    write_card(card)
    assert read_card(tmp_path) == card
    text = (tmp_path / "card.toml").read_text().replace('kind = "lungs"', 'kind = "heart"')
    (tmp_path / "card.toml").write_text(text)
    with pytest.raises(ModelFolderError, match="heart"):
        read_card(tmp_path)


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., ModelRegistry]:
    """A registry with a lung model of one version."""

    def install(digest: str = "") -> ModelRegistry:
        folder = tmp_path / "models"
        place = folder / LUNGS.model / LUNGS.version
        card = dataclasses.replace(
            chest_card(place), name=LUNGS.model, version=LUNGS.version, kind="segmenter"
        )
        written = write_weights(card.weights_path, {"none": np.zeros(1, np.float32)})
        write_card(dataclasses.replace(card, weights_digest=digest or written))
        return ModelRegistry(folder)

    return install


def test_a_missing_lung_model_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="models import") as missing:
        require_channels(with_lungs(), ModelRegistry(tmp_path))
    for words in ("lungs of lung-segmentation/1.0.0", "is not installed", "train the model again"):
        assert words in str(missing.value)


def test_the_lung_model_must_be_the_one_of_the_training(
    installed: Callable[..., ModelRegistry],
) -> None:
    registry = installed("a" * 64)
    assert channel_card(with_lungs(), LUNGS, registry).name == LUNGS.model
    with pytest.raises(ModelFolderError, match="install that version as it was"):
        channel_card(with_lungs(), LUNGS, installed("b" * 64))


def test_a_training_takes_the_active_maker_and_says_which_is_missing(
    installed: Callable[..., ModelRegistry], tmp_path: Path
) -> None:
    registry, versions = installed(), {LUNGS.model: LUNGS.version}
    assert active_channel_card(ChannelKind.LUNGS, registry, versions).version == "1.0.0"
    for kind, of_kind in (("bones", "bone-subtraction"), ("lungs", "segmenter")):
        with pytest.raises(ModelNotFoundError, match=f"no model of kind {of_kind} is active"):
            active_channel_card(ChannelKind(kind), registry, {})
    recipe = load_recipe("paper3-dual-branch-lungs-bones")
    with pytest.raises(RecipeError, match="dicom-node models train"):
        models_of(recipe, None)
    known = InstalledModels(registry=registry, versions=versions, cache=tmp_path)
    with pytest.raises(ModelNotFoundError, match="channel of the bones"):
        models_of(recipe, known)


def test_models_with_channels_are_not_fine_tuned() -> None:
    with pytest.raises(RecipeError, match="given channels beside"):
        tuning_recipe(with_lungs(), Tuning())
