"""Grey values by rank: what exposure and gradation change is gone, what is denser stays denser."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_engine.inference.views import model_view
from ai_engine.kinds.classifier.validated import as_sample
from ai_engine.library.card import ModelCard
from ai_engine.prediction import Region
from ai_engine.preprocessing.harmonization import LEVELS, equalized
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.image_batches import plain_view

WHOLE = Region(left=0, top=0, right=120, bottom=160)


def chest(rows: int = 160, columns: int = 120) -> np.ndarray:
    """Something with structure: a slope with noise."""
    chance = np.random.default_rng(3)
    slope = np.linspace(0.1, 0.8, rows)[:, None] * np.linspace(0.6, 1, columns)
    return (slope + chance.normal(0, 0.03, (rows, columns))).clip(0.01, 0.99).astype(np.float32)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("level", [0.0, 0.3])
def test_exposure_and_gradation_change_nothing(gamma: float, level: float) -> None:
    """The same chest at another exposure gives the same picture."""
    image = chest()
    otherwise = (image**gamma * np.float32(0.6) + np.float32(level)).astype(np.float32)
    difference = np.abs(equalized(image, WHOLE) - equalized(otherwise, WHOLE))
    assert float(difference.max()) < 0.02


def test_what_is_denser_stays_denser_and_values_are_parts_of_the_image() -> None:
    """Ranks from 0 to 1, in the order of the grey values."""
    image = chest()
    made = equalized(image, WHOLE)
    order = np.argsort(image, axis=None)
    assert (np.diff(made.ravel()[order]) >= -1e-6).all()
    assert made.min() >= 0
    assert made.max() <= 1
    assert float(np.median(made)) == pytest.approx(0.5, abs=0.01)


def test_a_collimator_shadow_does_not_count() -> None:
    """The same chest with a black border around it gives the same values inside."""
    image = chest()
    framed = np.zeros((200, 160), dtype=np.float32)
    framed[20:180, 20:140] = image
    inside = Region(left=20, top=20, right=140, bottom=180)
    made = equalized(framed, inside)[20:180, 20:140]
    assert float(np.abs(made - equalized(image, WHOLE)).max()) < 0.01


def test_a_flat_image_stays_flat() -> None:
    """No contrast is invented where there is none."""
    made = equalized(
        np.full((40, 40), 0.3, dtype=np.float32), Region(left=0, top=0, right=40, bottom=40)
    )
    assert float(made.max() - made.min()) < 1e-6


def test_serving_and_training_and_fine_tuning_show_the_same(tmp_path: Path) -> None:
    """A card that says so is shown ranks, within what 8 bits leave of them."""
    shown = Radiograph(sop_instance_uid="1", pixels=chest(), content=WHOLE)
    card = ModelCard(
        folder=tmp_path, name="m", version="1", title="", manufacturer="", kind="classifier",
        architecture="efficientnet_lungs", weights_digest="0" * 64, research_only=True,
        intended_use="", limitations=(), refuses=(), licence="", attribution="", input_size=96,
        weights_file="w.safetensors", equalized=True,
    )  # fmt: skip
    served = model_view(card, shown).values
    tuned = plain_view(as_sample(shown, 160, by_rank=True), 96).values
    assert float(np.abs(served - tuned).max()) < 0.05
    as_it_is = model_view(replace(card, equalized=False), shown).values
    assert float(np.abs(served - as_it_is).max()) > 0.3


def test_ranks_are_quantiles_of_the_pixels_as_they_lie() -> None:
    """They are sorted first, for speed; what is found is the same to the bit."""
    image = np.round(chest(), 2)
    image[:20] = 0.5  # a saturated area: many equal values
    ranks = np.linspace(0, 1, LEVELS + 1)
    distinct, first, count = np.unique(
        np.quantile(image, ranks), return_index=True, return_counts=True
    )
    middle = ranks[first] + (count - 1) / (2 * LEVELS)
    expected = np.interp(image, distinct, middle).astype(np.float32)
    assert np.array_equal(equalized(image, WHOLE), expected)
