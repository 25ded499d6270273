"""What models are measured cheaper on: all that they see of an image, ranks too."""

import numpy as np
import pytest

from ai_engine.kinds.shipped import CHEST_MODEL, LUNG_MODEL
from ai_engine.library.registry import ModelRegistry
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph
from bench.cheaper import both_images


@pytest.mark.parametrize(
    ("model", "version", "channels"),
    [(CHEST_MODEL, "4.0.0", 2), (CHEST_MODEL, "2.1.0", 1), (LUNG_MODEL, "1.1.0", 1)],
)
def test_a_pair_has_all_channels_that_the_model_sees(
    model: str, version: str, channels: int
) -> None:
    pixels = np.random.default_rng(3).random((60, 50)).astype(np.float32)
    shown = Radiograph(sop_instance_uid="1.2", pixels=pixels, content=content_region(pixels))
    card = ModelRegistry().card(model, version)

    pair = both_images(card, shown)

    assert pair.shape == (2, card.input_size, card.input_size, channels)
    np.testing.assert_array_equal(pair[1], pair[0][:, ::-1])
