"""Training of the small detector on few boxes. Importing this module loads TensorFlow.

The trunk stays as ImageNet left it, so each view of an image goes through it once; the head learns
from what came out. Figures are of cross-validation by patient: each image is boxed by a network
that has not seen it, beside the boxes that are usual in its lungs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops
from sklearn.model_selection import GroupKFold

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.errors import DatasetError, RecipeError
from ai_engine.kinds.detector.batches import moved_region, varied
from ai_engine.kinds.detector.cell_network import COLUMNS, NORMALIZED, SAID
from ai_engine.kinds.detector.cells import FloatArray, cell_targets, found_boxes, region_of
from ai_engine.kinds.detector.dataset import BoxedItem, every_boxed_item
from ai_engine.kinds.detector.evaluation import box_metrics
from ai_engine.kinds.detector.lung_boxes import lung_regions, usual_boxes
from ai_engine.kinds.detector.metrics import (
    BoxedImage,
    best_box_threshold,
    clear_images,
    clear_share,
    precision_gain,
)
from ai_engine.kinds.detector.predictor import LOWEST_SCORE
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.library.trunks import trunk_tensors
from ai_engine.library.weights_file import model_tensors
from ai_engine.models.catalogue import build
from ai_engine.prediction import Region
from ai_engine.training.keras_optimizer import compile_model
from ai_engine.training.publishing import (
    DEFAULT_THRESHOLD,
    FRONTAL_ONLY,
    IMAGENET_SOURCE,
    PublishedTrainer,
)
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, Entry, Progress, RunModels, Trainer

VIEWS = 4
"""Views of each image with boxes that are learned from, the one that is served first; of images
without, every other one."""

EDGES_WEIGHT = 2.0
"""What edges count beside whether there is a box."""

CROSS_VALIDATION = "cross-validation"
USUAL = "usual boxes of the lungs"
TRUNK = "efficientnet_lite2_classes"
"""Whose trunk it is."""

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Seen:
    """Views as the trunk sees them: whose they are, float16 columns and float32 targets."""

    owners: npt.NDArray[np.intp]
    is_served: npt.NDArray[np.bool_]
    columns: npt.NDArray[np.float16]
    targets: FloatArray


class HeadTrainer(Trainer):
    """Trains one head on some images' views; nothing is validated."""

    keeps_best = False

    def __init__(self, recipe: Recipe, seen: Seen, rows: npt.NDArray[np.bool_], folder: Path):
        """Build the network as if it were the session's first.

        ``rows`` are the views to learn from.
        """
        super().__init__(recipe, folder)
        self._seen, self._rows = seen, np.flatnonzero(rows)
        keras.backend.clear_session()
        keras.utils.set_random_seed(recipe.seed)
        self.network = built(recipe)
        served = seen.columns[rows & seen.is_served].astype(np.float32)
        usual = self.network.get_layer(NORMALIZED)
        usual.moving_mean.assign(served.mean(axis=(0, 1, 2)))
        usual.moving_variance.assign(served.var(axis=(0, 1, 2)))
        self.model = keras.Model(
            self.network.get_layer(COLUMNS).output, self.network.get_layer(SAID).output
        )
        self._boxing = keras.Model(self.network.get_layer(COLUMNS).output, self.network.output)
        compile_model(self.model, recipe, cell_loss)

    def batches(self, stage: int, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Views in random order."""
        del stage
        rng = np.random.default_rng((self.recipe.seed, epoch))
        order, size = rng.permutation(self._rows), min(self.recipe.batch_size, len(self._rows))
        for start in range(0, len(order) - size + 1, size):
            part = order[start : start + size]
            yield self._seen.columns[part].astype(np.float32), self._seen.targets[part]

    def boxes_of(self, owner: int) -> tuple[FloatArray, FloatArray]:
        """What the network finds on an image's view: boxes (m, 4) and scores (m,)."""
        (row,) = np.flatnonzero((self._seen.owners == owner) & self._seen.is_served)
        made = self._boxing.predict_on_batch(self._seen.columns[[row]].astype(np.float32))
        return np.asarray(made["boxes"])[0], np.asarray(made["scores"])[0, :, 0]


class CellTrainer(PublishedTrainer):
    """Trains a head on all images, then one for each fold to measure on what it hasn't seen."""

    def __init__(
        self, recipe: Recipe, data: CxrDataset, *, folder: Path, models: RunModels = NO_MODELS
    ) -> None:
        """Choose the images.

        Raises
        ------
        DatasetError
            If the data set has no boxes, or too few patients for the folds.
        RecipeError
            If there is no lung model to say what is usual in lungs.
        """
        super().__init__(recipe, data, folder=folder, models=models)
        if models.teacher is None:
            raise RecipeError(f"{recipe.name}: needs an active lung model, whose lungs it measures")
        self._lungs = models.teacher
        self.items = _chosen(every_boxed_item(data), recipe.seed)
        if len({one.item.patient_id for one in self.items}) < max(recipe.folds, 2):
            raise DatasetError(f"{data.folder}: too few patients for {recipe.folds} folds")
        self.held_out: list[BoxedImage] = []
        self.usual: list[BoxedImage] = []

    @property
    def epochs(self) -> int:
        """Those of the head on all images, and of each fold's."""
        return self.recipe.epochs * (self.recipe.folds + 1)

    def run(self, *, resume: bool, progress: Progress) -> tuple[Entry, ...]:
        """Look at all images once, and train all heads, each from its checkpoint on if asked to."""
        seen = self._looked_at()
        groups = [one.item.patient_id for one in self.items]
        whole = HeadTrainer(self.recipe, seen, np.ones(len(seen.owners), bool), self.folder / "all")
        whole.run(resume=resume, progress=progress)
        self.history, self.network = whole.history, whole.network
        self._tensors = model_tensors(whole.network)
        lungs = [self._lung_regions(one) for one in self.items]
        boxes = [self._true_boxes(one) for one in self.items]
        folds = GroupKFold(self.recipe.folds).split(self.items, groups=groups)
        for fold, (rows, unseen) in enumerate(folds, start=1):
            head = HeadTrainer(
                self.recipe, seen, np.isin(seen.owners, rows), self.folder / f"fold-{fold}"
            )
            head.run(resume=resume, progress=progress)
            usual = usual_boxes([(lungs[row], boxes[row]) for row in rows])
            for row in unseen:
                self._measure(head, int(row), usual.of(lungs[row]), boxes[row])
        return tuple(self.history)

    def _measure(
        self, head: HeadTrainer, row: int, usual: Sequence[Any], truth: tuple[Region, ...]
    ) -> None:
        item = self.items[row].item
        found = found_boxes(*head.boxes_of(row), lowest=LOWEST_SCORE)
        for images, boxes in ((self.held_out, found), (self.usual, tuple(usual))):
            images.append(
                BoxedImage(patient=item.patient_id, found=boxes, truth=truth, source=item.device)
            )

    def _looked_at(self) -> Seen:
        """Every image's views through the trunk: the one that is served, and varied ones."""
        network = built(self.recipe)
        look = keras.Model(network.input, network.get_layer(COLUMNS).output)
        rng = np.random.default_rng(self.recipe.seed)
        owners, served, views, targets = [], [], [], []
        columns: list[npt.NDArray[np.float16]] = []
        for owner, one in enumerate(self.items):
            for at in range(VIEWS if one.boxes else VIEWS // 2):
                view, boxes = varied(self.data, one, self.recipe, rng, still=at == 0)
                owners.append(owner)
                served.append(at == 0)
                views.append(view)
                targets.append(cell_targets(boxes, self.recipe.input_size))
            if len(views) >= _AT_ONCE or owner == len(self.items) - 1:
                made = look.predict_on_batch(np.stack(views)[..., np.newaxis])
                columns.append(np.asarray(made).astype(np.float16))
                views = []
        return Seen(
            owners=np.array(owners),
            is_served=np.array(served),
            columns=np.concatenate(columns),
            targets=np.stack(targets),
        )

    def _true_boxes(self, one: BoxedItem) -> tuple[Region, ...]:
        rng = np.random.default_rng(0)
        _, boxes = varied(self.data, one, self.recipe, rng, still=True)
        return tuple(region_of(box) for box in boxes.tolist())

    def _lung_regions(self, one: BoxedItem) -> tuple[Region, ...]:
        """The lungs' boxes on the view that is served, from the left."""
        radiograph = as_radiograph(self.data, one.item)
        lungs = lung_regions(self._lungs.plane(radiograph) > 0)
        size = self.recipe.input_size
        return tuple(moved_region(lung, radiograph.content, size) for lung in lungs)

    def tensors(self) -> dict[str, Any]:
        """The weights of the network whose head learned from all images."""
        return self._tensors

    def made(self) -> str:
        """The recipe, its length and its cross-validation."""
        recipe = self.recipe
        return (
            f"{recipe.name}, seed {recipe.seed}, batch {recipe.batch_size}, on ImageNet's trunk: "
            f"{recipe.epochs} epochs at {recipe.input_size} px, cross-validated in {recipe.folds} "
            f"folds; lungs after {self._lungs.card.identity.key}"
        )

    def described(self) -> dict[str, Any]:
        """What is found, and of how many boxes it was learned."""
        boxes = sum(len(one.boxes) for one in self.items)
        patients = len({one.item.patient_id for one in self.items})
        return {
            "refuses": FRONTAL_ONLY,
            "attribution": IMAGENET_SOURCE,
            "data": f"{len(self.items)} radiographs of {patients} patients with {boxes} boxes; the "
            "figures are of networks that did not see them",
        }

    def judged(self, draft: ModelCard) -> tuple[tuple[Label, ...], tuple[Metric, ...]]:
        """The threshold with the best F1 over boxes of held-out images, and their figures."""
        del draft
        name = self.recipe.labels[0]
        try:
            threshold = round(best_box_threshold(self.held_out), 4)
        except ValueError:
            threshold = DEFAULT_THRESHOLD
        metrics = list[Metric]()
        for group, own, usual in self._groups():
            metrics += box_metrics(own, name, threshold, split=CROSS_VALIDATION, group=group)
            metrics += box_metrics(
                usual, name, 0.0, split=CROSS_VALIDATION, group=f"{group}, {USUAL}"
            )
            gain, clear = precision_gain(own, usual), clear_share(own, threshold)
            for measure, interval, where, images in (
                ("average_precision_50", gain, f"{group}, above {USUAL}", own),
                ("clear_without_box", clear, group, clear_images(own)),
            ):
                if interval is not None:
                    metrics.append(
                        interval.as_metric(
                            *(measure,),
                            label=name,
                            split=CROSS_VALIDATION,
                            images=len(images),
                            group=where,
                        )
                    )
        return (reported_label(name, threshold=threshold),), tuple(metrics)

    def _groups(self) -> Iterator[tuple[str, list[BoxedImage], list[BoxedImage]]]:
        yield "all", self.held_out, self.usual
        for source in sorted({one.source for one in self.held_out if one.source}):
            rows = [at for at, one in enumerate(self.held_out) if one.source == source]
            own, usual = ([images[at] for at in rows] for images in (self.held_out, self.usual))
            yield f"from {source}", own, usual


def built(recipe: Recipe) -> Any:
    """The network with ImageNet's trunk and a fresh head.

    Raises
    ------
    ModelFolderError
        If the input's size is none that it can have.
    """
    network = build(recipe.architecture, labels=len(recipe.labels), size=recipe.input_size)
    trunk = trunk_tensors(TRUNK)
    for variable in network.variables:
        if variable.path in trunk:
            variable.assign(trunk[variable.path])
    return network


def cell_loss(truth: Any, said: Any) -> Any:
    """Whether a box is around, and how well its edges agree (IoU).

    The first is weighed as quality focal loss is (X. Li et al., Generalized Focal Loss, 2020): by
    the square of how far what is said is from what is to be said.
    """
    around, learned, true = truth[..., 0], truth[..., 1], truth[..., 2:]
    sure, made = ops.sigmoid(said[..., 0]), said[..., 1:]
    sure = ops.clip(sure, 1e-5, 1 - 1e-5)
    crossed = -(around * ops.log(sure) + (1 - around) * ops.log(1 - sure))
    weighed = ops.sum(crossed * ops.square(ops.abs(around - sure)))
    middles = ops.sum(ops.cast(around > 0.99, "float32")) + 1.0
    low = ops.minimum(made, true)
    common = (low[..., 0] + low[..., 2]) * (low[..., 1] + low[..., 3])
    joint = _area(made) + _area(true) - common
    apart = ops.sum((1 - common / (joint + 1e-6)) * learned) / (ops.sum(learned) + 1.0)
    return weighed / middles + EDGES_WEIGHT * apart


def _area(edges: Any) -> Any:
    return (edges[..., 0] + edges[..., 2]) * (edges[..., 1] + edges[..., 3])


def _chosen(items: Sequence[BoxedItem], seed: int) -> tuple[BoxedItem, ...]:
    """All images with boxes, and about as many without: as many of each source as it has."""
    rng = np.random.default_rng(seed)
    with_boxes = [one for one in items if one.boxes]
    by_source: dict[str, list[BoxedItem]] = {}
    for one in items:
        if not one.boxes:
            by_source.setdefault(one.item.device, []).append(one)
    many = -(-len(with_boxes) // max(len(by_source), 1))
    without = [
        own[row] for own in by_source.values() for row in rng.permutation(len(own))[:many].tolist()
    ]
    return (*with_boxes, *without)
