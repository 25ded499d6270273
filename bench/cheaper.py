"""What a model says less well where it computes less: in bf16, and without the mirror image.

    .venv/bin/python -m bench.cheaper lungs FOLDER [--step N]
    .venv/bin/python -m bench.cheaper chests FOLDER

Each way is compared with float32 and both images, on the same cases: Dice of the lungs on a folder
of images with masks, AUC and decisions of the chest model on the validation and test part of a
folder of radiographs. Intervals are of 2,000 draws of images, or of 1,000 of patients.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import ABNORMAL, NO_FINDING, Split
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.datasets.radiographs import as_radiograph, frontal_items
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.openvino_backend import OpenVinoBackend, Precision
from ai_engine.inference.views import model_image, model_view
from ai_engine.kinds.lungs.dataset import read_lungs
from ai_engine.kinds.lungs.segmenter import LungOutline
from ai_engine.kinds.shipped import CHEST_MODEL, LUNG_MODEL
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.measures.metrics import auc
from ai_engine.measures.overlap import dice
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph

_CONFIG = Path(__file__).parents[1] / "config"
Values = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
WAYS = tuple(product((Precision.F32, Precision.BF16), ("both images", "one image")))
"""The first is what the others are compared with."""


def _model(name: str) -> tuple[ModelCard, Mapping[Precision, OpenVinoBackend]]:
    card = ModelRegistry().active(read_active_versions(_CONFIG / "models.toml"), name)
    ir = converted_model(card, Path("data/cache"))
    backends = {
        each: OpenVinoBackend(ir, precision=each, threads=1)
        for each in (Precision.F32, Precision.BF16)
    }
    return card, backends


def both_images(card: ModelCard, shown: Radiograph) -> FloatArray:
    """What the model sees of an image and its mirror image: float32 (2, size, size, channels)."""
    image = model_image(card, shown, model_view(card, shown))
    return np.stack([image, image[:, ::-1]])


def lungs(folder: Path, step: int) -> None:
    """Print the change of Dice."""
    card, backends = _model(LUNG_MODEL)
    rows = []
    for item in read_lungs(folder)[::step]:
        image, truth = item.read()
        pixels = image.astype(np.float32) / np.float32(255)
        shown = Radiograph(sop_instance_uid="1", pixels=pixels, content=content_region(pixels))
        view = model_view(card, shown)
        pair = both_images(card, shown)
        row = []
        for precision, seen in WAYS:
            plain, mirrored = backends[precision].predict(pair).probabilities[..., 0]
            both = np.asarray((plain + mirrored[:, ::-1]) / 2, dtype=np.float32)
            outline = LungOutline(
                model=card.identity,
                probabilities=both if seen == "both images" else plain,
                region=view.region,
                shape=(shown.rows, shown.columns),
                threshold=card.labels[0].threshold,
            )
            row.append(dice(outline.fields().both, truth))
        rows.append(row)
    values = np.array(rows)
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    print(f"{card.identity.key}, {len(values)} images, Dice {values[:, 0].mean():.4f}")
    for (precision, seen), change in zip(WAYS[1:], (values[:, 1:] - values[:, :1]).T, strict=True):
        low, high = np.percentile(change[draws].mean(axis=1), (2.5, 97.5))
        print(f"{precision}, {seen}: {change.mean():+.4f} ({low:+.4f} to {high:+.4f})")


def chests(folder: Path) -> None:
    """Print the change of the AUC for what is abnormal, and how many decisions differ."""
    card, backends = _model(CHEST_MODEL)
    dataset = read_dataset(folder, AUTO)
    label = next(at for at, each in enumerate(card.labels) if each.name == ABNORMAL)
    items = [*frontal_items(dataset, Split.TEST), *frontal_items(dataset, Split.VALID)]
    rows = []
    for item in items:
        shown = as_radiograph(dataset, item)
        pair = both_images(card, shown)
        said = {each: backends[each].predict(pair).probabilities[:, label] for each in backends}
        rows.append(
            [
                said[precision].mean() if seen == "both images" else said[precision][0]
                for precision, seen in WAYS
            ]
        )
    values = np.array(rows, dtype=np.float64)
    truth = np.array([NO_FINDING not in item.labels for item in items])
    patients = np.array([item.patient_id for item in items])
    for words, chosen in (
        ("test part", np.array([item.split is Split.TEST for item in items])),
        ("validation and test part", np.ones(len(items), dtype=np.bool_)),
    ):
        print(f"{card.identity.key}, {words}, {chosen.sum()} images")
        _compare(values[chosen], truth[chosen], patients[chosen], card.labels[label].threshold)


def _compare(
    values: Values, truth: npt.NDArray[np.bool_], patients: npt.NDArray[np.str_], threshold: float
) -> None:
    of_patient = [np.flatnonzero(patients == name) for name in np.unique(patients)]
    for (precision, seen), one in zip(WAYS[1:], values[:, 1:].T, strict=True):
        low, high = np.percentile(_changes(values[:, 0], one, truth, of_patient), (2.5, 97.5))
        change = auc(truth, one) - auc(truth, values[:, 0])
        differ = int(((one >= threshold) != (values[:, 0] >= threshold)).sum())
        apart = np.abs(one - values[:, 0]).max()
        print(
            f"{precision}, {seen}: AUC {change:+.4f} ({low:+.4f} to {high:+.4f}), probability "
            f"{apart:.3f} apart at most, {differ} of {len(one)} decisions differ"
        )


def _changes(
    before: Values,
    after: Values,
    truth: npt.NDArray[np.bool_],
    of_patient: Sequence[npt.NDArray[np.int_]],
) -> Values:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(1000):
        drawn = np.concatenate(
            [of_patient[at] for at in rng.integers(len(of_patient), size=len(of_patient))]
        )
        found.append(auc(truth[drawn], after[drawn]) - auc(truth[drawn], before[drawn]))
    return np.array(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("lungs", "chests"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--step", type=int, default=1, help="take every Nth image")
    asked = parser.parse_args()
    if asked.what == "lungs":
        lungs(asked.folder, asked.step)
    else:
        chests(asked.folder)


if __name__ == "__main__":
    main()
