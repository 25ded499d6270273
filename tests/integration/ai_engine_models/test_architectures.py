"""The networks have the parameters that their authors and Keras publish, and answer as stated.

Keras' counts are those of its applications page, with ImageNet's 1000 classes and three channels.
Where a first convolution takes one channel here, two thirds of its kernel are subtracted.
"""

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

IMAGENET = 1000
DENSENET121 = (
    8_062_504  # Keras applications; 7,978,856 of them are learned (torchvision counts those)
)
RESNET50 = 25_636_712  # Keras applications, with the biases that its convolutions have
EFFICIENTNET_B4 = 19_466_823  # Keras applications
XCEPTION = 22_910_480  # Keras applications
VGG16_ENCODER = 14_714_688  # Keras applications, without the dense layers
ALEXNET = 60_965_224  # Krizhevsky et al. 2012 state 60 million; this is the count of their layers
ALEXNET_CONVOLUTIONS = 2_334_080


def image(size: int, channels: int = 1, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, size, size, channels), dtype=np.float32)


def outputs(model: Any, inputs: Any) -> list[np.ndarray]:
    made = model(inputs, training=False)
    return [np.asarray(one) for one in (made if isinstance(made, list | tuple) else [made])]


def learned(model: Any) -> int:
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def test_densenet121_counts_what_torchvision_counts() -> None:
    from ai_engine.models.densenet import build_densenet121  # noqa: PLC0415

    model = build_densenet121(labels=IMAGENET, size=32)
    stem = 2 * 7 * 7 * 64
    assert model.count_params() == DENSENET121 - stem
    assert learned(model) == 7_978_856 - stem


def test_alexnet_is_the_one_of_2012() -> None:
    from ai_engine.models.alexnet import PUBLISHED_SIZE, build_alexnet  # noqa: PLC0415

    stem = 2 * 11 * 11 * 96
    whole = build_alexnet(labels=IMAGENET, size=PUBLISHED_SIZE, dense_layers=True)
    assert whole.count_params() == ALEXNET - stem
    assert [tuple(one.shape) for one in whole.outputs] == [(None, 1000), (None, 6, 6, 256)]
    pooled = build_alexnet(labels=3)
    assert pooled.count_params() == ALEXNET_CONVOLUTIONS - stem + 256 * 3 + 3
    assert tuple(pooled.outputs[1].shape) == (None, 10, 10, 256)


def test_a_size_that_leaves_nothing_of_the_image_is_told() -> None:
    from ai_engine.errors import ModelFolderError  # noqa: PLC0415
    from ai_engine.models.catalogue import build  # noqa: PLC0415

    with pytest.raises(ModelFolderError, match=r"'alexnet' can't be built .* input_size 64"):
        build("alexnet", labels=2, size=64)


def test_alexnet_answers_with_probabilities_and_a_map() -> None:
    from ai_engine.models.alexnet import build_alexnet  # noqa: PLC0415

    for model, size in (
        (build_alexnet(labels=3, size=67), 67),
        (build_alexnet(labels=3, size=99, dense_layers=True), 99),
    ):
        probabilities, features = outputs(model, image(size))
        assert probabilities.shape == (2, 3)
        assert ((probabilities > 0) & (probabilities < 1)).all()
        assert features.shape[3] == 256


def test_response_normalisation_is_that_of_the_publication() -> None:
    from ai_engine.models.alexnet import LocalResponseNormalization  # noqa: PLC0415

    data = image(3, channels=8)
    expected = np.empty_like(data)
    for channel in range(8):
        near = data[..., max(channel - 2, 0) : channel + 3]
        expected[..., channel] = data[..., channel] / (2 + 1e-4 * (near**2).sum(-1)) ** 0.75
    np.testing.assert_allclose(LocalResponseNormalization()(data), expected, rtol=1e-5)


def test_resnet50_is_keras_own() -> None:
    from ai_engine.models.resnet import build_resnet50  # noqa: PLC0415

    model = build_resnet50(labels=IMAGENET, size=32)
    assert model.count_params() == RESNET50 - 2 * 7 * 7 * 64
    probabilities, features = outputs(model, image(32))
    assert probabilities.shape == (2, IMAGENET)
    assert features.shape == (2, 1, 1, 2048)


def test_efficientnet_b4_is_keras_own_without_its_scaling_of_photographs() -> None:
    from ai_engine.models.efficientnet import build_efficientnet_b4  # noqa: PLC0415

    model = build_efficientnet_b4(labels=IMAGENET, size=32)
    scaling = 3 + 3 + 1  # mean and variance of each channel, and a counter
    assert model.count_params() == EFFICIENTNET_B4 - scaling - 2 * 3 * 3 * 48
    assert [tuple(one.shape) for one in model.outputs] == [(None, IMAGENET), (None, 1, 1, 1792)]


def test_xception_is_keras_own_and_its_classes_exclude_each_other() -> None:
    from ai_engine.models.xception import build_xception  # noqa: PLC0415

    assert build_xception(labels=IMAGENET, size=71).count_params() == XCEPTION
    probabilities, features = outputs(model := build_xception(size=71), image(71))
    assert model.count_params() == XCEPTION - 2049 * IMAGENET + 2049 * 3
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert features.shape == (2, 3, 3, 2048)


def test_paper_4s_learning_rate_falls_every_second_epoch() -> None:
    from ai_engine.models.xception import OPACITY_TRAINING  # noqa: PLC0415

    rates = [OPACITY_TRAINING.rate(epoch) for epoch in range(4)]
    np.testing.assert_allclose(rates, [0.045, 0.045, 0.0423, 0.0423])


def test_unet_has_vgg16_as_its_encoder() -> None:
    from ai_engine.models.unet_vgg16 import DECODER_CHANNELS, build_unet_vgg16  # noqa: PLC0415

    model = build_unet_vgg16()
    encoder = sum(layer.count_params() for layer in model.layers if layer.name.startswith("block"))
    assert encoder == VGG16_ENCODER
    decoder, below = 0, 512
    for channels, skip in zip(DECODER_CHANNELS, (512, 512, 256, 128, 64), strict=True):
        up = 4 * below * channels + channels
        convolutions = 9 * (skip + channels) * channels + 9 * channels * channels
        decoder += up + convolutions + 2 * 4 * channels
        below = channels
    assert model.count_params() == VGG16_ENCODER + decoder + below + 1
    mask, deepest = outputs(build_unet_vgg16(size=None), image(64))
    assert deepest.shape == (2, 2, 2, 512)
    assert mask.shape == (2, 64, 64, 1)
    assert ((mask > 0) & (mask < 1)).all()


def test_triage_reduces_512_to_128_before_the_first_dense_block() -> None:
    from ai_engine.kinds.triage.network import build_triage  # noqa: PLC0415

    model = build_triage()
    assert tuple(model.get_layer("stem_pool").output.shape) == (None, 128, 128, 64)
    probabilities, features = model.outputs
    assert tuple(probabilities.shape) == (None, 1)
    assert tuple(features.shape) == (None, 16, 16, 1024)


def test_paper_2s_modules_are_densenet121_at_224() -> None:
    from ai_engine.models import end_to_end  # noqa: PLC0415

    trunk = DENSENET121 - 2 * 7 * 7 * 64 - 1025 * IMAGENET
    for build, labels, size in (
        (end_to_end.build_chest_abnormalities, 14, end_to_end.INPUT_SIZE),
        (end_to_end.build_xray_type, 14, 32),
    ):
        model = build(size=size)
        assert tuple(model.inputs[0].shape) == (None, size, size, 1)
        assert tuple(model.outputs[1].shape) == (None, size // 32, size // 32, 1024)
        assert model.count_params() == trunk + 1025 * labels
    probabilities, _ = outputs(model, image(32))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_opacity_head_joins_six_features() -> None:
    from ai_engine.kinds.with_header.head import (  # noqa: PLC0415
        PatientContext,
        build_opacity_head,
        opacity_features,
    )

    model = build_opacity_head()
    assert model.count_params() == (6 * 6 + 6) + (6 + 1)
    features = opacity_features(np.array([0.2, 0.7, 0.1], np.float32), PatientContext(age=50))
    (probability,) = outputs(model, features)
    assert probability.shape == (1, 1)
    assert 0 < float(probability[0, 0]) < 1
