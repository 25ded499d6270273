"""Training of XNet on CT slices (paper 5, section 5.5). Importing this module loads TensorFlow."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.ct.dataset import MosMedStudy, read_mosmed, split_studies
from ai_engine.ct.slice_batches import MaskedSlices, load_slices, slice_batches
from ai_engine.ct.slice_measures import MeasuredStudy, dense_levels, measured, study_metrics
from ai_engine.datasets.cxr import Split
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.measures.overlap import dice
from ai_engine.models.catalogue import build
from ai_engine.models.xnet import HEAD_NORM
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.publishing import PublishedTrainer
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

MASK_THRESHOLD = 0.5

RARE = 1.5
"""What each class's score begins away from 0: one pixel in twenty is called inhomogeneous."""

SPREAD = 2.0
"""What the scores' deviation begins with: with 1, as it is usual, no pixel is ever quite certain,
and it takes a thousand steps to learn otherwise."""


class SliceTrainer(PublishedTrainer):
    """Learns from the slices of the training part's studies; the validation part chooses."""

    def __init__(
        self,
        recipe: Recipe,
        data: Sequence[MosMedStudy],
        *,
        folder: Path,
        models: RunModels = NO_MODELS,
    ) -> None:
        """Read the studies and build the network.

        Raises
        ------
        DatasetError
            If too few studies have masks, or a file can't be used.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        self._parts = split_studies(data)
        self._train, self._valid = (self._loaded(part) for part in (Split.TRAIN, Split.VALID))
        labels = len(recipe.labels)
        self.network = build(recipe.architecture, labels=labels, size=recipe.input_size)
        # Nothing in the network depends on the size: parts of slices cost less to learn from.
        self.model = (
            build(recipe.architecture, labels=labels, size=recipe.patch)
            if recipe.patch
            else self.network
        )
        expect_few(self.model)
        compile_model(self.model, recipe, "binary_crossentropy")

    @staticmethod
    def read(folder: Path, layout: str) -> Sequence[MosMedStudy]:
        """Read MosMedData."""
        del layout
        return read_mosmed(folder)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Slices and masks, moved alike."""
        del stage
        return slice_batches(self._train, self.recipe, epoch)

    def validate(self, stage: int, epoch: int) -> Entry:
        """Validation loss over all slices, and the mean Dice of the studies."""
        del stage, epoch
        self._serve()
        losses, overlaps = [], []
        for study in self._valid:
            made = self._probabilities(study)
            truth = study.masks.astype(np.float32)
            losses.append(np.mean(keras.losses.binary_crossentropy(truth, made), axis=(1,)))
            overlaps.append(dice(made >= MASK_THRESHOLD, study.masks.astype(np.bool_)))
        return {
            "valid_loss": float(np.concatenate(losses).mean()),
            "valid_dice": float(np.mean(overlaps)),
        }

    def finish(self) -> None:
        """Measure the chosen weights on the test part's studies."""
        super().finish()
        self._serve()
        levels = dense_levels(self._train)
        self.test = [self._measured(study, levels) for study in self._loaded(Split.TEST)]

    def drawn(self, out: Path) -> Sequence[Path]:
        """List the test part's figures."""
        rows = [f"{one.study},{one.slices},{one.dice:.4f},{one.iou:.4f}" for one in self.test]
        (out / "test.csv").write_text("\n".join(["study,slices,dice,iou", *rows]) + "\n", "utf-8")
        return ()

    def described(self) -> dict[str, Any]:
        """Whose masks they are, and the studies of each part."""
        counts = ", ".join(f"{len(part)} {split.value}" for split, part in self._parts.items())
        sources = sorted({study.source for part in self._parts.values() for study in part} - {""})
        of, by = (" and ".join(sources), "patient") if sources else ("MosMedData", "study")
        return {"data": f"{of}, split by {by}: {counts} studies with masks"}

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """Mean Dice and intersection over union of the test part's studies, with intervals."""
        del draft
        name = self.recipe.labels[0]
        metrics = study_metrics(self.test, label=name, split=Split.TEST.value)
        return (Label(name=name, title="Inhomogeneity", threshold=MASK_THRESHOLD),), metrics

    def _loaded(self, part: Split) -> list[MaskedSlices]:
        return [load_slices(study, self.recipe.input_size) for study in self._parts[part]]

    def _measured(self, study: MaskedSlices, levels: dict[str, float]) -> MeasuredStudy:
        return measured(study, self._probabilities(study) >= MASK_THRESHOLD, levels)

    def _serve(self) -> None:
        """Put what was learned from parts where whole slices are judged."""
        if self.model is not self.network:
            self.network.set_weights(self.model.get_weights())

    def _probabilities(self, study: MaskedSlices) -> npt.NDArray[np.float32]:
        """Of each pixel: float32 (slices, size, size)."""
        parts = []
        for start in range(0, len(study.images), self.recipe.batch_size):
            batch = study.images[start : start + self.recipe.batch_size].astype(np.float32)
            made = self.network.predict_on_batch(batch[..., np.newaxis])
            parts.append(np.asarray(made)[..., 0])
        return np.concatenate(parts).astype(np.float32)


def expect_few(network: Any) -> None:
    """Have a fresh XNet begin with few inhomogeneous pixels, as focal loss does (Lin et al., 2017).

    Nothing lies between the scores' normalisation and the soft-max, so what a pixel is before
    anything is known of it is that layer's alone.
    """
    norm = network.get_layer(HEAD_NORM)
    others = norm.beta.shape[0] - 1
    norm.beta.assign(np.array([RARE, *[-RARE] * others], np.float32))
    norm.gamma.assign(np.full(others + 1, SPREAD, np.float32))
