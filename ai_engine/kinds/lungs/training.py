"""Training of a segmentation network on all images, and its cross-validation.

Importing this module loads TensorFlow.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import GroupKFold

from ai_engine.errors import DatasetError
from ai_engine.kinds.lungs.batches import MaskedSample, load_masked, mask_batches
from ai_engine.kinds.lungs.dataset import LungItem, read_lungs
from ai_engine.kinds.lungs.outlines import (
    MeasuredMask,
    draw_outlines,
    mask_metrics,
    measure_mask,
    write_table,
)
from ai_engine.kinds.lungs.segmenter import MASK_THRESHOLD, separate
from ai_engine.kinds.start_weights import build_network
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.labels import BOTH_LUNGS
from ai_engine.library.weights_file import model_tensors
from ai_engine.preprocessing.geometry import letterbox
from ai_engine.preprocessing.planes import map_on_source
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.normalization import FusedBatchNormalization
from ai_engine.training.publishing import PublishedTrainer
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, Progress, RunModels, Trainer

CROSS_VALIDATION = "cross-validation"


class OutlineTrainer(Trainer):
    """Trains one network on some images with masks; nothing is validated."""

    def __init__(
        self, recipe: Recipe, samples: Sequence[MaskedSample], folder: Path, models: RunModels
    ) -> None:
        """Build the network as if it were the session's first.

        Raises
        ------
        RecipeError
            If the model to start from doesn't fit.
        """
        super().__init__(recipe, folder, models)
        self._samples = samples
        # The fresh session would compute in full precision; only names are to begin anew.
        policy = keras.mixed_precision.dtype_policy()
        keras.backend.clear_session()
        keras.mixed_precision.set_global_policy(policy)
        keras.utils.set_random_seed(recipe.seed)
        network = build_network(recipe, models, normalization=FusedBatchNormalization)
        self.model = keras.Model(network.input, network.output[0], name=network.name)
        compile_model(self.model, recipe, dice_loss)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Varied images and masks."""
        del stage
        return mask_batches(self._samples, self.recipe, epoch)


class MaskTrainer(PublishedTrainer):
    """Trains one network on all images, then one for each fold to measure on what it hasn't seen.

    Images whose masks are doubtful are measured, but no network learns from them. Images of one
    source stay in one fold. Each network has a folder with a checkpoint of its own.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Sequence[LungItem],
        *,
        folder: Path,
        models: RunModels = NO_MODELS,
    ) -> None:
        """Read images and masks."""
        super().__init__(recipe, data, folder=folder, models=models)
        self._samples = load_masked(data)
        self.held_out: list[MeasuredMask] = []

    @staticmethod
    def read(folder: Path, layout: str) -> Sequence[LungItem]:
        """Read images with masks."""
        del layout
        return read_lungs(folder)

    @property
    def epochs(self) -> int:
        """Those of the network on all images, and of each fold's."""
        return self.recipe.epochs * (self.recipe.folds + 1)

    def run(self, *, resume: bool, progress: Progress) -> tuple[Entry, ...]:
        """Train all networks, each from its checkpoint on if asked to.

        Raises
        ------
        DatasetError
            If there are fewer sources than folds.
        RecipeError
            If the model to start from doesn't fit, or a checkpoint is of another recipe.
        """

        def trained(rows: Sequence[int], name: str) -> OutlineTrainer:
            certain = [
                self._samples[row]
                for row in rows
                if self.data[row].image.name not in self.recipe.doubtful
            ]
            one = OutlineTrainer(self.recipe, certain, self.folder / name, self.models)
            one.run(resume=resume, progress=progress)
            return one

        whole = trained(range(len(self.data)), "all")
        self.history, self._tensors = whole.history, model_tensors(whole.model)
        for fold, (rows, unseen) in enumerate(_folds(self.recipe, self.data), start=1):
            model = trained(rows, f"fold-{fold}").model
            self.held_out += [self._measured(model, row, fold) for row in unseen]
        return tuple(self.history)

    def _measured(self, model: Any, row: int, fold: int) -> MeasuredMask:
        """On the image's own grid, averaged with its mirror image and cleaned, as it is served."""
        masked = self._samples[row]
        pixels = masked.sample.image.astype(np.float32) / np.float32(255)
        view = letterbox(pixels, size=self.recipe.input_size, content=masked.sample.content)
        pair = np.stack([view.values, view.values[:, ::-1]])[..., np.newaxis]
        shown, mirrored = np.asarray(model.predict_on_batch(pair), dtype=np.float32)[..., 0]
        mean = (shown + mirrored[:, ::-1]) / 2
        on_source = map_on_source(mean, view.region, masked.mask.shape)
        left, right = separate(on_source >= MASK_THRESHOLD)
        return measure_mask(
            self.data[row].image.name,
            masked.sample.image,
            truth=masked.mask.astype(np.bool_),
            made=left | right,
            fold=fold,
        )

    def tensors(self) -> dict[str, Any]:
        """The weights of the network that learned from all images."""
        return self._tensors

    def drawn(self, out: Path) -> Sequence[Path]:
        """Draw and list the held-out images, where there are some."""
        if self.held_out:
            draw_outlines(self.held_out, out / "held-out.png")
            write_table(self.held_out, out / "held-out.csv")
        return ()

    def made(self) -> str:
        """The recipe, its length and its cross-validation."""
        recipe = self.recipe
        return (
            f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}{self.started()}: "
            f"{recipe.epochs} epochs at {recipe.input_size} px, cross-validated in {recipe.folds} "
            "folds"
        )

    def described(self) -> dict[str, Any]:
        """How many images there were."""
        count = len(self.data)
        return {
            "flip_averaging": True,
            "data": f"{count} radiographs with masks; the figures are of networks that did not "
            "see them",
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """How the outlines of held-out images agree with their masks."""
        del draft
        name = self.recipe.labels[0]
        label = Label(name=name, title=name, threshold=MASK_THRESHOLD, code=BOTH_LUNGS)
        groups = in_groups(self.held_out, self.recipe.doubtful)
        return (label,), mask_metrics(groups, label=name, split=CROSS_VALIDATION)


def dice_loss(truth: Any, made: Any) -> Any:
    """Cross entropy plus one minus the soft Dice of each image.

    ``truth`` (n, h, w, labels) may be a multiple finer than ``made``: its cells' means count then.
    """
    axes = (1, 2, 3)
    finer = truth.shape[1] // made.shape[1]
    if finer > 1:
        truth = keras.ops.average_pool(truth, finer)
    common = keras.ops.sum(truth * made, axis=axes)
    both = keras.ops.sum(truth, axis=axes) + keras.ops.sum(made, axis=axes)
    overlap = 1 - (2 * common + 1) / (both + 1)
    crossed = keras.ops.mean(keras.losses.binary_crossentropy(truth, made), axis=(1, 2))
    return overlap + crossed


def in_groups(
    held_out: Sequence[MeasuredMask], doubtful: Collection[str] = ()
) -> dict[str, list[MeasuredMask]]:
    """All held-out images, those whose masks nobody doubts, and those of each fold."""
    folds = sorted({one.fold for one in held_out})
    groups = {"all": list(held_out)}
    if doubtful:
        groups["undoubted masks"] = [one for one in held_out if one.image not in doubtful]
    return groups | {
        f"fold {fold}": [one for one in held_out if one.fold == fold] for fold in folds
    }


def _folds(recipe: Recipe, items: Sequence[LungItem]) -> list[tuple[Any, Any]]:
    if not recipe.folds:
        return []
    sources = [item.source for item in items]
    if len(set(sources)) < recipe.folds:
        raise DatasetError(
            f"{items[0].image.parent}: {len(set(sources))} sources can't make {recipe.folds} "
            "folds; add images, or set folds to 0"
        )
    # Unshuffled, the folds are as even as the sources allow, so every network learns from as many.
    return list(GroupKFold(recipe.folds).split(items, groups=sources))
