"""Published ImageNet weights reach every variable below the head, and fit its layers."""

import numpy as np
import pytest

from ai_engine.errors import RecipeError
from ai_engine.training.pretrained import (
    INPUT_SCALE,
    convert_efficientnet_lite,
    imagenet_weights,
)


def test_names_axes_and_channels_become_the_engines() -> None:
    rng = np.random.default_rng(1)
    stem = rng.standard_normal((32, 3, 3, 3)).astype(np.float32)
    depthwise = rng.standard_normal((8, 1, 5, 5)).astype(np.float32)
    found = convert_efficientnet_lite(
        {
            "_conv_stem.weight": stem,
            "_bn0.running_var": np.ones(32, np.float32),
            "_blocks.3._depthwise_conv.weight": depthwise,
            "_blocks.3._bn1.weight": np.ones(8, np.float32),
            "_blocks.3._bn2.bias": np.zeros(8, np.float32),
            "_fc.weight": np.ones((1000, 1280), np.float32),
        }
    )
    assert set(found) == {
        "stem_conv/kernel",
        "stem_bn/moving_variance",
        "block3_depthwise_conv/kernel",
        "block3_depthwise_bn/gamma",
        "block3_project_bn/beta",
    }
    kernel = found["stem_conv/kernel"]
    assert kernel.shape == (3, 3, 1, 32)
    assert kernel[1, 2, 0, 7] == pytest.approx(stem[7, :, 1, 2].sum() * INPUT_SCALE, rel=1e-5)
    assert found["block3_depthwise_conv/kernel"][4, 1, 6, 0] == depthwise[6, 0, 4, 1]


def test_what_belongs_nowhere_is_said() -> None:
    with pytest.raises(RecipeError, match=r"'_blocks.0._se_reduce.weight' of the ImageNet weights"):
        convert_efficientnet_lite({"_blocks.0._se_reduce.weight": np.ones(1, np.float32)})
    with pytest.raises(RecipeError, match=r"no ImageNet weights for 'densenet121'"):
        imagenet_weights("densenet121")
