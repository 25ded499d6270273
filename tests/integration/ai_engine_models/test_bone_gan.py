"""The bone GAN: shapes of its scales, attention, spectral norms, and a training step."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

SCALES = (16, 32)


def batch(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    radiographs = np.random.default_rng(5).uniform(-1, 1, (2, size, size, 1)).astype(np.float32)
    return radiographs, np.roll(radiographs, 2, axis=1) * np.float32(0.5)


def test_every_scale_has_its_bone_image() -> None:
    from ai_engine.kinds.bones.network import build_generator  # noqa: PLC0415

    made = build_generator(scales=SCALES, channels=4)(batch()[0])
    assert [tuple(one.shape) for one in made] == [(2, 16, 16, 1), (2, 32, 32, 1)]
    assert all(float(tf.reduce_max(tf.abs(one))) <= 1 for one in made)


@pytest.mark.parametrize("scales", [(), (12,), (16, 48)])
def test_scales_that_do_not_double_are_refused(scales: tuple[int, ...]) -> None:
    from ai_engine.kinds.bones.network import build_generator  # noqa: PLC0415

    with pytest.raises(ValueError, match="twice the one before"):
        build_generator(scales=scales)


def test_attention_begins_as_the_identity_and_then_looks_everywhere() -> None:
    from ai_engine.kinds.bones.network import SelfAttention  # noqa: PLC0415

    keras.utils.set_random_seed(1)
    layer = SelfAttention()
    data = np.random.default_rng(2).standard_normal((1, 4, 4, 16)).astype(np.float32)
    np.testing.assert_array_equal(layer(data), data)
    layer.weight.assign(1.0)
    changed = data.copy()
    changed[0, 0, 0] += 3
    far = np.abs(np.asarray(layer(changed)) - np.asarray(layer(data)))[0, 3, 3]
    assert far.max() > 1e-6


def test_a_step_updates_both_networks_and_keeps_spectral_norms_at_one() -> None:
    from ai_engine.kinds.bones.gan import BoneGan  # noqa: PLC0415

    keras.utils.set_random_seed(1)
    gan = BoneGan(scales=SCALES, channels=4)
    head = [np.asarray(one) for one in gan.generator.trainable_variables]
    losses = [gan.step(*batch()) for _ in range(3)]
    assert all(
        np.isfinite([one.discriminator, one.adversarial, one.distance]).all() for one in losses
    )
    assert losses[-1].distance < losses[0].distance
    moved = [
        not np.array_equal(before, np.asarray(after))
        for before, after in zip(head, gan.generator.trainable_variables, strict=True)
    ]
    assert np.mean(moved) > 0.9
    # The norm is estimated by power iteration, once a step, before the last update.
    kernel = gan.discriminators[0].get_layer("judge16_2").layer.kernel
    norm = np.linalg.svd(np.asarray(kernel).reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
    assert 0.8 < norm < 1.6


def test_the_discriminator_learns_four_times_as_fast() -> None:
    from ai_engine.kinds.bones.gan import GanSettings  # noqa: PLC0415

    settings = GanSettings()
    assert settings.discriminator_rate == 4 * settings.generator_rate
    assert settings.beta_1 == 0


def test_a_finer_pyramid_takes_over_what_a_coarser_one_has_learned() -> None:
    from ai_engine.kinds.bones.gan import BoneGan  # noqa: PLC0415

    coarse = BoneGan(scales=(16,), channels=4)
    coarse.step(*batch(16))
    fine = BoneGan(scales=SCALES, channels=4)
    fine.take_over(coarse)
    radiographs, _ = batch()
    shrunk = radiographs.reshape(2, 16, 2, 16, 2, 1).mean(axis=(2, 4))
    expected = coarse.generator(shrunk)
    np.testing.assert_allclose(fine.generator(radiographs)[0], expected, atol=1e-5)
