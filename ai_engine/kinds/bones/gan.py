"""One training step of the bone GAN, on TensorFlow.

Hinge losses, Adam with the two time-scale update rule (the discriminator learns four times as fast
as the generator) and no first moment: Zhang et al. (2018), section 4 and "implementation details".
To the adversarial loss the generator adds the L1 distance to the real bone image at every scale,
as conditional GANs for images do (Isola et al., 2017). Nothing here is from paper 3's text, which
names the methods without figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ai_engine.kinds.bones.network import (
    build_discriminator,
    build_generator,
    shrunk,
)
from ai_engine.kinds.bones.scales import BASE_CHANNELS


@dataclass(frozen=True, slots=True, kw_only=True)
class GanSettings:
    """The figures of the training step."""

    generator_rate: float = 1e-4
    discriminator_rate: float = 4e-4
    beta_1: float = 0.0
    beta_2: float = 0.9
    distance_weight: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLosses:
    """What one step measured, before its update; sums over the scales.

    ``distance`` is the mean absolute difference of the bone images.
    """

    discriminator: float
    adversarial: float
    distance: float


class BoneGan:
    """A generator, its discriminators and their optimisers."""

    def __init__(
        self,
        *,
        scales: tuple[int, ...],
        channels: int = BASE_CHANNELS,
        settings: GanSettings | None = None,
    ) -> None:
        import keras  # noqa: PLC0415 - only training loads it

        self.scales = scales
        self.settings = settings or GanSettings()
        self.generator = build_generator(scales=scales, channels=channels)
        self.discriminators = tuple(
            build_discriminator(scale=scale, channels=channels) for scale in scales
        )
        betas = {"beta_1": self.settings.beta_1, "beta_2": self.settings.beta_2}
        self._generator_optimizer = keras.optimizers.Adam(self.settings.generator_rate, **betas)
        self._discriminator_optimizer = keras.optimizers.Adam(
            self.settings.discriminator_rate, **betas
        )

    def take_over(self, coarser: "BoneGan") -> None:
        """Start the scales that ``coarser`` has from its weights: the progressive step."""
        known = {
            variable.path: variable
            for model in (coarser.generator, *coarser.discriminators)
            for variable in model.weights
        }
        for model in (self.generator, *self.discriminators):
            for variable in model.weights:
                if variable.path in known:
                    variable.assign(known[variable.path])

    @property
    def variables(self) -> list[Any]:
        """All that a run needs to go on: weights of every network, then the optimisers' state."""
        networks = (self.generator, *self.discriminators)
        judged = [one for model in self.discriminators for one in model.trainable_variables]
        self._generator_optimizer.build(self.generator.trainable_variables)
        self._discriminator_optimizer.build(judged)
        weights = [one for model in networks for one in model.weights if "seed" not in one.path]
        optimizers = (self._generator_optimizer, self._discriminator_optimizer)
        return weights + [one for optimizer in optimizers for one in optimizer.variables]

    def step(self, radiographs: Any, bones: Any) -> StepLosses:
        """Update the discriminators, then the generator.

        Parameters
        ----------
        radiographs, bones
            Float32 (n, size, size, 1) from -1 to 1, at the finest scale's size.
        """
        import tensorflow as tf  # noqa: PLC0415 - only training loads it

        pair = [tf.convert_to_tensor(one, tf.float32) for one in (radiographs, bones)]
        judged = self._update_discriminators(*pair)
        adversarial, distance = self._update_generator(*pair)
        return StepLosses(
            discriminator=float(judged), adversarial=float(adversarial), distance=float(distance)
        )

    def _update_discriminators(self, radiographs: Any, bones: Any) -> Any:
        import tensorflow as tf  # noqa: PLC0415 - only training loads it

        made = self.generator(radiographs, training=True)
        weights = [one for model in self.discriminators for one in model.trainable_variables]
        with tf.GradientTape() as tape:
            loss = tf.add_n(
                [
                    tf.reduce_mean(tf.nn.relu(1.0 - model([seen, real], training=True)))
                    + tf.reduce_mean(tf.nn.relu(1.0 + model([seen, fake], training=True)))
                    for model, seen, real, fake in zip(
                        self.discriminators,
                        self._pyramid(radiographs),
                        self._pyramid(bones),
                        _listed(made),
                        strict=True,
                    )
                ]
            )
        self._discriminator_optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    def _update_generator(self, radiographs: Any, bones: Any) -> tuple[Any, Any]:
        import tensorflow as tf  # noqa: PLC0415 - only training loads it

        weights = self.generator.trainable_variables
        seen, real = self._pyramid(radiographs), self._pyramid(bones)
        with tf.GradientTape() as tape:
            made = _listed(self.generator(radiographs, training=True))
            adversarial = tf.add_n(
                [
                    -tf.reduce_mean(model([view, fake], training=False))
                    for model, view, fake in zip(self.discriminators, seen, made, strict=True)
                ]
            )
            distance = tf.add_n(
                [tf.reduce_mean(tf.abs(a - b)) for a, b in zip(made, real, strict=True)]
            )
            loss = adversarial + self.settings.distance_weight * distance
        self._generator_optimizer.apply(tape.gradient(loss, weights), weights)
        return adversarial, distance

    def _pyramid(self, images: Any) -> list[Any]:
        """The images at every scale, coarse to fine."""
        return [shrunk(images, self.scales[-1] // scale) for scale in self.scales]


def _listed(outputs: Any) -> Sequence[Any]:
    """A model's outputs as a sequence; Keras hands a single one bare."""
    return outputs if isinstance(outputs, list | tuple) else [outputs]
