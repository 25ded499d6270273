"""Two versions of the chest model on the same images, paired.

    python -m bench.chest_versions chest-radiograph/2.1.0 chest-radiograph/2.0.0 \\
        --data ../shared/data/cxr --part test

For all images, each view, and thirds by median grey: the AUC of either version with its interval
over patients, their difference on the same draws, and sensitivity and specificity at each card's
threshold. With boxes: whether the peak of the map lies in one, on images that trained neither.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.calibration.cases import LabelCases
from ai_engine.calibration.resampling import auc_of, estimate, patient_draws
from ai_engine.datasets.cxr import ABNORMAL, CxrDataset, CxrItem, Split
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.evaluation import evaluation_predictor
from ai_engine.kinds.classifier.pointing import play_pointing_game
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.classifier.scoring import score_split
from ai_engine.library.registry import ModelRegistry

CACHE = Path("data/cache")
THIRDS = ("darkest third", "middle third", "brightest third")
EVERYTHING = "everything"

Rows = npt.NDArray[np.bool_]


def groups(dataset: CxrDataset, items: tuple[CxrItem, ...]) -> Iterator[tuple[str, Rows]]:
    """All images, those of each view, and thirds by the median of what was exposed."""
    yield "all", np.ones(len(items), dtype=np.bool_)
    views = np.array([item.view.value for item in items])
    for view in np.unique(views):
        yield str(view), views == view
    grey = np.array([np.median(as_radiograph(dataset, item).pixels) for item in items])
    order = np.argsort(np.argsort(grey))
    for number, words in enumerate(THIRDS):
        yield words, order * len(THIRDS) // len(items) == number


def figures(predictor: ChestRadiographPredictor, cases: LabelCases) -> str:
    """AUC, and sensitivity and specificity at the card's threshold."""
    (label,) = (one for one in predictor.card.labels if one.name == ABNORMAL)
    auc = estimate(auc_of(weights_of(cases), cases.truth, cases.scores))
    called = cases.scores >= label.threshold
    sensitivity, specificity = called[cases.truth].mean(), (~called)[~cases.truth].mean()
    return f"{auc}, sensitivity {sensitivity:.2f}, specificity {specificity:.2f}"


def weights_of(cases: LabelCases) -> npt.NDArray[np.float64]:
    """All cases once, then draws of patients."""
    return np.vstack([np.ones(len(cases)), patient_draws(cases)])


def predictor_of(name: str) -> ChestRadiographPredictor:
    """An installed version, without a guard."""
    card = ModelRegistry().card(*name.split("/"))
    return evaluation_predictor(card, OpenVinoBackend.load(card, cache=CACHE, threads=1))


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("versions", nargs=2)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--part", choices=[*Split, EVERYTHING], default=Split.TEST.value)
    chosen = asked.parse_args()
    cv2.setNumThreads(1)
    dataset = read_dataset(chosen.data, AUTO)
    is_all = chosen.part == EVERYTHING
    items = tuple(dataset.items) if is_all else dataset.part(Split(chosen.part))
    predictors = [predictor_of(name) for name in chosen.versions]
    scored = [score_split(each, dataset, items) for each in predictors]
    truth = scored[0].truth(ABNORMAL)
    patients = np.array(scored[0].patients)
    for words, rows in groups(dataset, items):
        cases = [
            LabelCases(
                label=ABNORMAL,
                scores=each.scores(ABNORMAL)[rows],
                truth=truth[rows],
                patients=tuple(patients[rows]),
            )
            for each in scored
        ]
        print(f"{words}: {int(rows.sum())} images, {int((~truth[rows]).sum())} without finding")
        for predictor, one in zip(predictors, cases, strict=True):
            print(f"  {predictor.card.version}: {figures(predictor, one)}")
        drawn = weights_of(cases[0])
        aucs = [auc_of(drawn, one.truth, one.scores) for one in cases]
        print(f"  difference {estimate(aucs[0] - aucs[1])}")
    if dataset.boxes:
        unseen = frozenset(one.file for one in dataset.items if one.split is not Split.TRAIN)
        for predictor in predictors:
            print(predictor.card.version, play_pointing_game(predictor, dataset, unseen))


if __name__ == "__main__":
    main()
