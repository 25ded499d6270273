"""Training of XNet on CT slices (paper 5, section 5.5). Importing this module loads TensorFlow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.ct.dataset import MosMedStudy, read_mosmed, split_studies
from ai_engine.ct.slice_batches import MaskedSlices, load_slices, slice_batches
from ai_engine.datasets.cxr import Split
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.measures.overlap import dice, intersection_over_union, mean_interval
from ai_engine.models.catalogue import build
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.publishing import PublishedTrainer
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, RunModels

MASK_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStudy:
    """How the masks of one unseen study agree with those that were drawn, over all its slices."""

    study: str
    slices: int
    dice: float
    iou: float


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
        self.model = self.network
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
        self.test = [self._measured(study) for study in self._loaded(Split.TEST)]

    def drawn(self, out: Path) -> Sequence[Path]:
        """List the test part's figures."""
        rows = [f"{one.study},{one.slices},{one.dice:.4f},{one.iou:.4f}" for one in self.test]
        (out / "test.csv").write_text("\n".join(["study,slices,dice,iou", *rows]) + "\n", "utf-8")
        return ()

    def described(self) -> dict[str, Any]:
        """The studies of each part."""
        counts = ", ".join(f"{len(part)} {split.value}" for split, part in self._parts.items())
        return {"data": f"MosMedData, split by study: {counts} studies with masks"}

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """Mean Dice and intersection over union of the test part's studies, with intervals."""
        del draft
        name = self.recipe.labels[0]
        measured = {
            "dice": mean_interval([one.dice for one in self.test]),
            "iou": mean_interval([one.iou for one in self.test]),
        }
        metrics = tuple(
            interval.as_metric(
                measure,
                label=name,
                split=Split.TEST.value,
                images=sum(one.slices for one in self.test),
            )
            for measure, interval in measured.items()
        )
        return (Label(name=name, title="Inhomogeneity", threshold=MASK_THRESHOLD),), metrics

    def _loaded(self, part: Split) -> list[MaskedSlices]:
        return [load_slices(study, self.recipe.input_size) for study in self._parts[part]]

    def _measured(self, study: MaskedSlices) -> MeasuredStudy:
        made = self._probabilities(study) >= MASK_THRESHOLD
        truth = study.masks.astype(np.bool_)
        return MeasuredStudy(
            study=study.study,
            slices=len(truth),
            dice=dice(made, truth),
            iou=intersection_over_union(made, truth),
        )

    def _probabilities(self, study: MaskedSlices) -> npt.NDArray[np.float32]:
        """Of each pixel: float32 (slices, size, size)."""
        parts = []
        for start in range(0, len(study.images), self.recipe.batch_size):
            batch = study.images[start : start + self.recipe.batch_size].astype(np.float32)
            parts.append(np.asarray(self.model.predict_on_batch(batch[..., np.newaxis]))[..., 0])
        return np.concatenate(parts).astype(np.float32)
