"""Training of XNet on few slices with outlined lesions, after drawn ones; its cross-validation.

Drawn lesions come first: one network learns from them alone. All others start from it and learn
from outlined slices: the one that is kept from all of them, and for each fold one that has seen no
patient of that fold. Figures are those of the folds' networks, each slice by one that has not seen
its patient. Nothing is chosen by what they say: the last epoch is kept, and the threshold is fixed.

Importing this module loads TensorFlow.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from sklearn.model_selection import GroupKFold

from ai_engine.ct.cross_measures import JudgedSlice, cross_metrics, judged_slice
from ai_engine.ct.dataset import MosMedStudy, read_mosmed
from ai_engine.ct.grey_baseline import fit_grey_baseline
from ai_engine.ct.lesion_sets import OUTLINED
from ai_engine.ct.slice_batches import FloatArray, MaskedSlices, load_slices
from ai_engine.ct.slice_measures import EVERY, MeasuredStudy, dense_levels, measured, study_metrics
from ai_engine.ct.slice_training import MASK_THRESHOLD, expect_few
from ai_engine.ct.varied_slices import mixed_batches
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.weights_file import model_tensors
from ai_engine.models.catalogue import build
from ai_engine.training.keras_optimizer import stage_optimizer
from ai_engine.training.publishing import PublishedTrainer
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, Progress, RunModels, Trainer

CROSS_VALIDATION = "cross-validation"

DRAWN_SHARE = 0.25
"""How often a slice with drawn lesions, or a healthy one, stands among the outlined ones."""

SMOOTH = 50.0
"""Pixels that are added to what is made and to what is true: a part without lesions has no Dice."""

FOCUS = 2.0
"""Exponent of focal loss (Lin et al., 2017)."""

Pools = Sequence[tuple[Sequence[MaskedSlices], float]]


class StageTrainer(Trainer):
    """Trains one network in one of the recipe's stages; nothing is validated."""

    keeps_best = False

    def __init__(
        self,
        recipe: Recipe,
        stage: int,
        pools: Pools,
        folder: Path,
        start: list[npt.NDArray[Any]] | None,
    ) -> None:
        """Build the network as if it were the session's first.

        ``start`` are weights to go on from.
        """
        super().__init__(recipe, folder)
        self._stage, self._settings, self._pools = stage, recipe.stages[stage], pools
        policy = keras.mixed_precision.dtype_policy()
        keras.backend.clear_session()
        keras.mixed_precision.set_global_policy(policy)
        keras.utils.set_random_seed(recipe.seed)
        labels = len(recipe.labels)
        self.model = build(recipe.architecture, labels=labels, size=self._settings.size)
        if start is None:
            expect_few(self.model)
        else:
            self.model.set_weights(start)
        self.model.compile(
            optimizer=stage_optimizer(
                self._settings, steps=recipe.steps_per_epoch, clip=recipe.gradient_norm
            ),
            loss=overlap_loss,
            jit_compile=False,
        )

    @property
    def stages(self) -> tuple[int, ...]:
        """The stage's epochs."""
        return (self._settings.epochs,)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Varied parts of slices."""
        del stage
        seed = (self.recipe.seed, self._stage, epoch)
        return mixed_batches(self._pools, self.recipe, size=self._settings.size, seed=seed)

    def set_rate(self, history: list[Entry]) -> Entry:
        """The optimiser's own schedule goes from step to step."""
        del history
        return {}


class OutlinedTrainer(PublishedTrainer):
    """Trains a network on all slices, then one for each fold to measure on what it hasn't seen.

    Outlined slices of the validation part are learned from and not judged: they are there to settle
    a recipe with. Drawn studies of the test part are measured with the network that is kept.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Sequence[MosMedStudy],
        *,
        folder: Path,
        models: RunModels = NO_MODELS,
    ) -> None:
        """Read the studies.

        Raises
        ------
        DatasetError
            If there are no outlined slices, too few patients for the folds, or no lungs beside.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        drawn_on = [study for study in data if study.mask_path is not None]
        outlined = [one for one in drawn_on if one.source == OUTLINED]
        rest = [one for one in drawn_on if one.source != OUTLINED]
        self.judged_studies = self._first_slices(outlined, Split.TRAIN, Split.TEST)
        self.kept_out = self._first_slices(outlined, Split.VALID)
        if len({one.patient for one in self.judged_studies}) < max(recipe.folds, 2):
            raise DatasetError(
                f"too few patients with outlined slices for {recipe.folds} folds; make the set "
                "with --slices"
            )
        size = recipe.input_size
        self._drawn = [load_slices(one, size) for one in rest if one.part is not Split.TEST]
        self._drawn_test = [load_slices(one, size) for one in rest if one.part is Split.TEST]
        self.slices: list[JudgedSlice] = []
        self.drawn_measured: list[MeasuredStudy] = []

    @staticmethod
    def read(folder: Path, layout: str) -> Sequence[MosMedStudy]:
        """Read a set in MosMedData's layout."""
        del layout
        return read_mosmed(folder)

    @property
    def epochs(self) -> int:
        """Those on drawn lesions, of the network on all slices, and of each fold's."""
        first, then = (stage.epochs for stage in self.recipe.stages)
        return first + then * (self.recipe.folds + 1)

    def run(self, *, resume: bool, progress: Progress) -> tuple[Entry, ...]:
        """Train all networks, each from its checkpoint on if asked to."""
        first = StageTrainer(self.recipe, 0, [(self._drawn, 1.0)], self.folder / "drawn", None)
        self.history = list(first.run(resume=resume, progress=progress))
        start = first.model.get_weights()
        patients = [one.patient for one in self.judged_studies]
        folds = GroupKFold(self.recipe.folds).split(self.judged_studies, groups=patients)
        for fold, (rows, unseen) in enumerate(folds, start=1):
            known = [*(self.judged_studies[row] for row in rows), *self.kept_out]
            one = self._outlined(known, start, f"fold-{fold}")
            one.run(resume=resume, progress=progress)
            self._judge(self._whole_slices(one.model.get_weights()), known, unseen)
        whole = self._outlined([*self.judged_studies, *self.kept_out], start, "all")
        self.history += whole.run(resume=resume, progress=progress)
        self.network = self._whole_slices(whole.model.get_weights())
        self._tensors = model_tensors(self.network)
        levels = dense_levels(self._drawn)
        for study in self._drawn_test:
            made = probabilities(self.network, study) >= MASK_THRESHOLD
            self.drawn_measured.append(measured(study, made, levels))
        return tuple(self.history)

    def _outlined(
        self, slices: Sequence[MaskedSlices], start: list[npt.NDArray[Any]], name: str
    ) -> StageTrainer:
        pools = [(slices, 1 - DRAWN_SHARE), (self._drawn, DRAWN_SHARE)]
        return StageTrainer(self.recipe, 1, pools, self.folder / name, start)

    def _judge(
        self, network: Any, known: Sequence[MaskedSlices], unseen: npt.NDArray[np.intp]
    ) -> None:
        """Measure slices that a network has not seen, beside what the same others say of grey."""
        level, fitted = dense_levels(known)[OUTLINED], fit_grey_baseline(known)
        for row in unseen:
            study = self.judged_studies[row]
            made = probabilities(network, study) >= MASK_THRESHOLD
            self.slices.append(judged_slice(study, made, level=level, fitted=fitted))

    def _whole_slices(self, weights: list[npt.NDArray[Any]]) -> Any:
        """What was learned from parts, for whole slices, and in full precision as it is served."""
        policy, labels = keras.mixed_precision.dtype_policy(), len(self.recipe.labels)
        keras.mixed_precision.set_global_policy("float32")
        network = build(self.recipe.architecture, labels=labels, size=self.recipe.input_size)
        keras.mixed_precision.set_global_policy(policy)
        network.set_weights(weights)
        return network

    def _first_slices(self, studies: Sequence[MosMedStudy], *parts: Split) -> list[MaskedSlices]:
        """Outlined slices of some parts as they are: each is varied anew whenever it is shown."""
        return [
            first_slice(load_slices(one, self.recipe.input_size))
            for one in studies
            if one.part in parts
        ]

    def tensors(self) -> dict[str, Any]:
        """The weights of the network that learned from all slices."""
        return self._tensors

    def made(self) -> str:
        """The recipe, its length and its cross-validation."""
        recipe = self.recipe
        drawn, outlined = (f"{one.epochs} epochs at {one.size} px" for one in recipe.stages)
        return (
            f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}, "
            f"{recipe.steps_per_epoch} batches an epoch: {drawn} on drawn lesions, then {outlined} "
            f"on outlined ones, cross-validated in {recipe.folds} folds"
        )

    def drawn(self, out: Path) -> Sequence[Path]:
        """List the judged slices."""
        rows = [one.as_row() for one in self.slices]
        (out / "slices.csv").write_text("\n".join([JudgedSlice.HEAD, *rows]) + "\n", "utf-8")
        return ()

    def described(self) -> dict[str, Any]:
        """Of how many slices and patients it was learned, and what its figures are of."""
        slices = [*self.judged_studies, *self.kept_out]
        patients = len({one.patient for one in slices})
        scans = len({one.patient for one in self._drawn})
        return {
            "data": f"{len(slices)} slices with outlined lesions, of {patients} patients as far as "
            f"the set tells them apart, and {scans} CTs with drawn ones or none, "
            f"{len(self._drawn)} volumes in all; figures are of {len(self.judged_studies)} slices, "
            "each by a network that has not seen its patient"
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """Dice beside both simple ways, in pairs, with intervals over patients."""
        del draft
        name = self.recipe.labels[0]
        metrics = cross_metrics(self.slices, label=name, split=CROSS_VALIDATION)
        drawn = study_metrics(self.drawn_measured, label=name, split=Split.TEST.value)
        found = (*metrics, *(one for one in drawn if not one.group.startswith(EVERY)))
        return (Label(name=name, title="Inhomogeneity", threshold=MASK_THRESHOLD),), found


def first_slice(study: MaskedSlices) -> MaskedSlices:
    """A study's first slice alone.

    Raises
    ------
    DatasetError
        If no lungs lie beside it.
    """
    if study.lungs is None:
        raise DatasetError(f"{study.study}: no lungs lie beside this slice; make the set again")
    return MaskedSlices(
        study=study.study,
        images=study.images[:1],
        masks=study.masks[:1],
        lungs=study.lungs[:1],
        source=study.source,
        patient=study.patient,
    )


def probabilities(network: Any, study: MaskedSlices, *, batch: int = 12) -> FloatArray:
    """Of each pixel of a study's slices: float32 (slices, size, size)."""
    parts = []
    for start in range(0, len(study.images), batch):
        images = study.images[start : start + batch].astype(np.float32)[..., np.newaxis]
        parts.append(np.asarray(network.predict_on_batch(images))[..., 0].astype(np.float32))
    return np.concatenate(parts)


def overlap_loss(truth: Any, said: Any) -> Any:
    """One less each part's soft Dice, and focal loss, where pixels count.

    ``truth`` is (n, size, size, 2): where lesions are, and what each pixel counts.
    """
    truth, said = ops.cast(truth, "float32"), ops.cast(said, "float32")
    mask, counts = truth[..., 0], truth[..., 1]
    made = ops.clip(said[..., 0], 1e-5, 1 - 1e-5)
    common = ops.sum(mask * made * counts, axis=(1, 2))
    both = ops.sum((mask + made) * counts, axis=(1, 2))
    overlap = 1 - ops.mean((2 * common + SMOOTH) / (both + SMOOTH))
    right = mask * made + (1 - mask) * (1 - made)
    focal = -ops.power(1 - right, FOCUS) * ops.log(right)
    return overlap + ops.sum(focal * counts) / ops.sum(counts)
