"""Training of the bone GAN, scale by scale. Importing this module loads TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import Split
from ai_engine.kinds.bones.batches import LoadedPair, bone_batches, load_pairs, plain_pairs
from ai_engine.kinds.bones.dataset import BonePair
from ai_engine.kinds.bones.gan import BoneGan, GanSettings
from ai_engine.kinds.bones.scales import CHANNELS, scales_of
from ai_engine.library.weights_file import model_tensors
from ai_engine.training.checkpoint import Checkpoint, load_checkpoint, numbered, save_checkpoint
from ai_engine.training.keras_run import Progress
from ai_engine.training.published_recipe import PublishedRecipe

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BoneTraining:
    """The generator's weights by path, each epoch's figures, and the validation part.

    ``radiographs``, ``bones`` and ``made`` are float32 (valid, size, size) from 0 to 1.
    """

    tensors: dict[str, FloatArray]
    history: tuple[dict[str, Any], ...]
    radiographs: FloatArray
    bones: FloatArray
    made: FloatArray


def train_bones(
    recipe: PublishedRecipe,
    pairs: Sequence[BonePair],
    *,
    folder: Path,
    resume: bool,
    progress: Progress,
) -> BoneTraining:
    """Train the coarsest scale, then each finer one together with those below it.

    Raises
    ------
    DatasetError
        If a pair can't be read.
    RecipeError
        If the folder's checkpoint was made by another recipe.
    """
    # The steps are made by hand, without loss scaling: half precision would lose small gradients.
    keras.mixed_precision.set_global_policy("float32")
    train, valid = (
        load_pairs([pair for pair in pairs if pair.split is split])
        for split in (Split.TRAIN, Split.VALID)
    )
    run = _Run(recipe, train, valid, folder)
    gan = run.run(resume=resume, progress=progress)
    radiographs, bones = plain_pairs(valid, recipe.input_size)
    return BoneTraining(
        tensors=model_tensors(gan.generator),
        history=tuple(run.history),
        radiographs=_positive(radiographs),
        bones=_positive(bones),
        made=_positive(drawn(gan.generator, radiographs)),
    )


def drawn(generator: Any, radiographs: FloatArray) -> FloatArray:
    """The finest bone images of radiographs, one by one, both from -1 to 1.

    As in serving each is the mean over the radiograph and its mirror image.
    """
    made = []
    for row in radiographs:
        outputs = generator.predict_on_batch(np.stack([row, row[:, ::-1]]))
        shown, mirrored = np.asarray(outputs[-1] if isinstance(outputs, list) else outputs)
        made.append((shown + mirrored[:, ::-1]) / 2)
    return np.stack(made).astype(np.float32)


class _Run:
    """Goes through scales and epochs; resumable at every epoch."""

    def __init__(
        self,
        recipe: PublishedRecipe,
        train: Sequence[LoadedPair],
        valid: Sequence[LoadedPair],
        folder: Path,
    ) -> None:
        self._recipe = recipe
        self._train = train
        self._valid = valid
        self._folder = folder
        self._scales = scales_of(recipe.architecture, recipe.input_size)
        self.history: list[dict[str, Any]] = []

    def run(self, *, resume: bool, progress: Progress) -> BoneGan:
        stage, epoch, gan = self._start(resume)
        while True:
            for number in range(epoch, self._recipe.epochs):
                self._epoch(gan, stage, number, progress)
                self._save(gan, stage, number + 1)
            if stage + 1 == len(self._scales):
                return gan
            stage, epoch = stage + 1, 0
            finer = self._gan(stage)
            finer.take_over(gan)
            gan = finer

    def _gan(self, stage: int) -> BoneGan:
        settings = GanSettings(
            generator_rate=self._recipe.learning_rate,
            discriminator_rate=self._recipe.discriminator_rate,
            distance_weight=self._recipe.distance_weight,
        )
        return BoneGan(
            scales=self._scales[: stage + 1],
            channels=CHANNELS[self._recipe.architecture],
            settings=settings,
        )

    def _start(self, resume: bool) -> tuple[int, int, BoneGan]:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = repr(self._recipe)
        checkpoint = load_checkpoint(self._folder, recipe_text=text) if resume else None
        if checkpoint is None:
            return 0, 0, self._gan(0)
        gan = self._gan(checkpoint.stage)
        for variable, value in zip(gan.variables, checkpoint.group("gan"), strict=True):
            variable.assign(value)
        self.history = list(checkpoint.history)
        return checkpoint.stage, checkpoint.epoch, gan

    def _epoch(self, gan: BoneGan, stage: int, number: int, progress: Progress) -> None:
        size = self._scales[stage]
        losses = []
        for radiographs, bones in bone_batches(self._train, self._recipe, size, number):
            losses.append(gan.step(radiographs, bones))
            progress({"step": len(losses)})
        radiographs, bones = plain_pairs(self._valid, size)
        entry = {
            "size": size,
            "loss": float(np.mean([one.distance for one in losses])) / (stage + 1),
            "adversarial": float(np.mean([one.adversarial for one in losses])),
            "discriminator": float(np.mean([one.discriminator for one in losses])),
            "valid_loss": float(np.abs(drawn(gan.generator, radiographs) - bones).mean()),
            "rate": self._recipe.learning_rate,
        }
        self.history.append(entry)
        progress({"epoch_done": entry})

    def _save(self, gan: BoneGan, stage: int, epoch: int) -> None:
        checkpoint = Checkpoint(
            stage=stage,
            epoch=epoch,
            history=tuple(self.history),
            tensors=numbered("gan", [np.asarray(one) for one in gan.variables]),
        )
        save_checkpoint(self._folder, checkpoint, recipe_text=repr(self._recipe))


def _positive(signed: FloatArray) -> FloatArray:
    """From (n, size, size, 1) and -1 to 1, to (n, size, size) and 0 to 1."""
    return np.asarray((signed[..., 0] + 1) / 2, dtype=np.float32)
