"""What experts judged becomes a training set; what they did not judge counts nothing."""

from pathlib import Path

import numpy as np
import pytest

from ai_engine.commands.finetune import Tuning, finetune, tuning_recipe
from ai_engine.errors import RecipeError
from ai_engine.kinds.classifier.findings_batches import epoch_batches
from ai_engine.kinds.classifier.validated import ValidatedCase, as_sample, load_validated
from ai_engine.kinds.testing import chest_card, guard_card
from ai_engine.library.card import ModelCard
from ai_engine.prediction import Region
from ai_engine.preprocessing.radiograph import Radiograph

LABELS = ("Pneumonia", "Abnormal")


def case(name: str, device: str, truths: dict[str, bool], weight: float = 1.0) -> ValidatedCase:
    return ValidatedCase(
        name=name, device=device, patient=name, truths=truths, weights=dict.fromkeys(truths, weight)
    )


def read(_case: ValidatedCase) -> Radiograph:
    return radiograph(64, 48)


def radiograph(rows: int, columns: int, aspect_ratio: float = 1.0) -> Radiograph:
    pixels = np.linspace(0, 1, rows * columns, dtype=np.float32).reshape(rows, columns)
    return Radiograph(
        sop_instance_uid="1.2",
        pixels=pixels,
        content=Region(left=0, top=0, right=columns, bottom=rows),
        aspect_ratio=aspect_ratio,
    )


def test_labels_that_nobody_judged_count_nothing() -> None:
    data = load_validated(
        [case("a", "CR1", {"Pneumonia": True}), case("b", "CR1", {"Abnormal": False})],
        labels=LABELS,
        size=64,
        read=read,
    )
    assert data.weights is not None
    np.testing.assert_array_equal(data.targets[:, 0], [1, 0])
    np.testing.assert_array_equal(data.weights[:, :2] > 0, [[True, False], [False, True]])
    assert not data.weights[:, 2:].any()


def test_sources_weigh_as_they_are_worth_and_devices_alike() -> None:
    cases = [
        case("a", "CR1", {"Pneumonia": True}, weight=1.2),
        case("b", "CR1", {"Pneumonia": True}, weight=0.8),
        case("c", "CR2", {"Pneumonia": False}),
    ]
    weights = load_validated(cases, labels=LABELS[:1], size=64, read=read).weights
    assert weights is not None
    assert weights[0, 0] / weights[1, 0] == pytest.approx(1.5)
    assert weights[:2, 0].sum() == pytest.approx(weights[2, 0])
    assert weights[:, 0].mean() == pytest.approx(1)


def test_batches_carry_the_weights_of_their_images() -> None:
    cases = [case(str(n), "CR1", {"Pneumonia": n % 2 == 0}, weight=1 + n) for n in range(8)]
    data = load_validated(cases, labels=LABELS[:1], size=64, read=read)
    recipe = tuning_recipe(chest_card(Path()), Tuning(batch_size=4))
    assert data.weights is not None
    known = {
        (round(float(weight), 5), round(float(target), 2))
        for weight, target in zip(data.weights[:, 0], data.targets[:, 0] * 0.9 + 0.05, strict=True)
    }
    seen = {
        (round(float(weight), 5), round(float(target), 2))
        for _, targets, weights in epoch_batches(data, recipe, size=32, seed=(1,))
        for weight, target in zip(weights[:, 0], targets[:, 0], strict=True)
    }
    assert seen == known


def test_samples_have_square_pixels_and_no_more_than_needed() -> None:
    assert as_sample(radiograph(100, 100, aspect_ratio=2.0), 200).image.shape == (200, 100)
    assert max(as_sample(radiograph(1000, 800), 100).image.shape) == 130
    assert as_sample(radiograph(90, 80), 100).image.dtype == np.uint8
    whole, part = (as_sample(radiograph(90, 80), 100, crop).content for crop in (1.0, 0.5))
    assert part.right - part.left == (whole.right - whole.left) / 2


def test_a_recipe_goes_on_from_the_models_card() -> None:
    card = chest_card(Path())
    recipe = tuning_recipe(card, Tuning(epochs=2, seed=9))
    assert recipe.labels == ("Pneumonia",)
    assert recipe.stages[0].size == card.input_size
    assert recipe.fixed_moments
    assert recipe.seed == 9


def test_models_without_trainable_weights_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"cannot be fine-tuned: it is a guard"):
        tuning_recipe(guard_card(Path()), Tuning())


def test_less_than_a_batch_is_not_learned_from(tmp_path: Path) -> None:
    card: ModelCard = chest_card(tmp_path)
    with pytest.raises(RecipeError, match="1 cases to learn from do not fill one batch of 8"):
        finetune(
            card,
            tuning_recipe(card, Tuning()),
            cases=[case("a", "CR1", {"Pneumonia": True})],
            read=read,
            folder=tmp_path,
        )
