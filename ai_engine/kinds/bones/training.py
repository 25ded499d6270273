"""Training of the bone GAN, scale by scale. Importing this module loads TensorFlow."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from ai_engine.datasets.cxr import Split
from ai_engine.kinds.bones.batches import bone_batches, load_pairs, plain_pairs
from ai_engine.kinds.bones.dataset import BonePair, read_bone_pairs
from ai_engine.kinds.bones.evaluation import bone_metrics
from ai_engine.kinds.bones.gan import BoneGan, GanSettings, StepLosses
from ai_engine.kinds.bones.scales import CHANNELS, scales_of
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.training.publishing import DEFAULT_THRESHOLD, FRONTAL_ONLY, PublishedTrainer
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

FloatArray = npt.NDArray[np.float32]

SHOWN_SAMPLES = 4
COLUMNS = ("radiograph", "bones", "bones, drawn", "bones suppressed")

LIMITATIONS = (
    "It draws what bones usually look like: a fracture, a nodule or a foreign body may be drawn "
    "away, or drawn where there is none.",
    "Nothing may be concluded from its images that the radiograph does not show.",
    "Its figures are those of the validation part.",
)


class BonePairTrainer(PublishedTrainer):
    """What is alike in all networks that learn bones from pairs."""

    def __init__(
        self,
        recipe: Recipe,
        data: Sequence[BonePair],
        *,
        folder: Path,
        models: RunModels = NO_MODELS,
    ) -> None:
        """Read the pairs.

        Raises
        ------
        DatasetError
            If a pair can't be read.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        self._train, self._valid = (
            load_pairs([pair for pair in data if pair.split is split])
            for split in (Split.TRAIN, Split.VALID)
        )

    @staticmethod
    def read(folder: Path, layout: str) -> Sequence[BonePair]:
        """Read pairs of radiographs and bones."""
        del layout
        return read_bone_pairs(folder)

    @property
    def measured_on(self) -> Split:
        """The part that the card's figures are of: the test part, where there is one."""
        tested = any(pair.split is Split.TEST for pair in self.data)
        return Split.TEST if tested else Split.VALID

    def serve(self) -> None:
        """Put the chosen weights into the network that is served, if it is another."""

    def finish(self) -> None:
        """Draw the bones of the measured part: float32 (pairs, size, size) from 0 to 1."""
        super().finish()
        self.serve()
        chosen = [pair for pair in self.data if pair.split is self.measured_on]
        pairs = self._valid if self.measured_on is Split.VALID else load_pairs(chosen)
        radiographs, bones = plain_pairs(pairs, self.recipe.input_size)
        shown = (radiographs, bones, drawn(self.network, radiographs))
        self.radiographs, self.bones, self.made_bones = (_positive(one) for one in shown)

    def drawn(self, out: Path) -> Sequence[Path]:
        """Some radiographs with their bones and those that were drawn."""
        path = out / "samples.png"
        _draw_samples(self.radiographs, self.bones, self.made_bones, path)
        return (path,)

    def described(self) -> dict[str, Any]:
        """What may be believed of drawn bones."""
        counts = ", ".join(
            f"{sum(pair.split is split for pair in self.data)} {split.value}"
            for split in Split
            if any(pair.split is split for pair in self.data)
        )
        return {
            "title": "Bone subtraction",
            "flip_averaging": True,
            "limitations": LIMITATIONS,
            "refuses": FRONTAL_ONLY,
            "data": f"pairs of radiographs and bones, split by patient: {counts}",
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """How far drawn bones are from real ones."""
        del draft
        name = self.recipe.labels[0]
        label = Label(name=name, title=name, threshold=DEFAULT_THRESHOLD)
        errors = list(self.made_bones - self.bones)
        return (label,), tuple(bone_metrics(errors, list(self.bones), self.measured_on))


class BoneTrainer(BonePairTrainer):
    """Trains the coarsest scale, then each finer one together with those below it."""

    keeps_best = False

    def __init__(
        self,
        recipe: Recipe,
        data: Sequence[BonePair],
        *,
        folder: Path,
        models: RunModels = NO_MODELS,
    ) -> None:
        """Read the pairs.

        Raises
        ------
        DatasetError
            If a pair can't be read.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        # Steps made by hand, without loss scaling: half precision would lose small gradients.
        keras.mixed_precision.set_global_policy("float32")
        self._scales = scales_of(recipe.architecture, recipe.input_size)
        self._gan = self._built(0)

    @property
    def stages(self) -> tuple[int, ...]:
        """As many epochs at each scale."""
        return (self.recipe.epochs,) * len(self._scales)

    def enter(self, stage: int) -> None:
        """Go on to the networks of a finer scale, with the weights of the coarser ones."""
        if stage:
            finer = self._built(stage)
            finer.take_over(self._gan)
            self._gan = finer
        self.network = self._gan.generator

    def _built(self, stage: int) -> BoneGan:
        settings = GanSettings(
            generator_rate=self.recipe.learning_rate,
            discriminator_rate=self.recipe.discriminator_rate,
            distance_weight=self.recipe.distance_weight,
        )
        channels = CHANNELS[self.recipe.architecture]
        return BoneGan(scales=self._scales[: stage + 1], channels=channels, settings=settings)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Radiographs and bones, moved alike."""
        return bone_batches(self._train, self.recipe, self._scales[stage], epoch)

    def set_rate(self, history: list[Entry]) -> Entry:
        """The rate that the generator keeps."""
        del history
        return {"rate": self.recipe.learning_rate}

    def step(self, *batch: Any) -> StepLosses:
        """Update discriminators and generator."""
        return self._gan.step(*batch)

    def summary(self, stage: int, losses: Sequence[StepLosses]) -> Entry:
        """The mean distance of a scale's bones, and what the networks hold against each other."""
        return {
            "size": self._scales[stage],
            "loss": float(np.mean([one.distance for one in losses])) / (stage + 1),
            "adversarial": float(np.mean([one.adversarial for one in losses])),
            "discriminator": float(np.mean([one.discriminator for one in losses])),
        }

    def validate(self, stage: int, epoch: int) -> Entry:
        """The mean distance on the validation part."""
        del epoch
        radiographs, bones = plain_pairs(self._valid, self._scales[stage])
        return {"valid_loss": float(np.abs(drawn(self.network, radiographs) - bones).mean())}

    def variables(self) -> Mapping[str, list[Any]]:
        """Those of all networks and optimisers."""
        return {"gan": self._gan.variables}


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


def _positive(signed: FloatArray) -> FloatArray:
    """From (n, size, size, 1) and -1 to 1, to (n, size, size) and 0 to 1."""
    return np.asarray((signed[..., 0] + 1) / 2, dtype=np.float32)


def _draw_samples(radiographs: FloatArray, bones: FloatArray, made: FloatArray, path: Path) -> None:
    """Images as they are, their bones, what was drawn, what is left."""
    count = min(SHOWN_SAMPLES, len(made))
    figure = Figure(figsize=(11, 2.8 * count), layout="constrained")
    panels = figure.subplots(count, len(COLUMNS), squeeze=False)
    for row in range(count):
        left = np.clip(radiographs[row] - made[row], 0, 1)
        shown = (radiographs[row], bones[row], made[row], left)
        for axes, image, title in zip(panels[row], shown, COLUMNS, strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
            if row == 0:
                axes.set_title(title)
    figure.savefig(path, dpi=110)
