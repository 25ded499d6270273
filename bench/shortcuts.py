"""How far an image's exposure alone tells "abnormal": the baseline that a model must beat.

    .venv/bin/python -m bench.shortcuts [--data CXR] [--other FOLDER]…

Twenty statistics of the grey values (no shapes at all) and a logistic regression learn on the train
part of a data set in the layout of ``cxr``; the AUC of "abnormal" on its test part, and on all
images of the other folders (``images/``, ``labels.csv``), is printed with a 95 % interval by
patient. What they reach on the first and not on the others was learned from the data set, not from
disease.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.peers.data import data_root

Values = npt.NDArray[np.float64]
_BORDER = 20
_PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Images as statistics, (images, 20); whether each is abnormal, and whose it is."""

    statistics: Values
    abnormal: npt.NDArray[np.bool_]
    patients: npt.NDArray[np.str_]


def read(folder: Path, split: str = "") -> Sample:
    """Read a data set's images, all of them or those of one part."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if not split or row["split"] == split]
    return Sample(
        statistics=np.array([statistics(folder / "images" / row["file"]) for row in rows]),
        abnormal=np.array([row["No_Finding"] == "0" for row in rows]),
        patients=np.array([row["patient_id"] for row in rows]),
    )


def statistics(path: Path) -> list[float]:
    """Return twenty figures of an image's grey values: level, spread, border, centre, sharpness."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SystemExit(f"{path} is no image")
    grey = image.astype(np.float64)
    edges = (grey[:_BORDER], grey[-_BORDER:], grey[:, :_BORDER], grey[:, -_BORDER:])
    border = np.concatenate([each.ravel() for each in edges])
    rows, columns = (side // 4 for side in grey.shape)
    centre = grey[rows:-rows, columns:-columns]
    return [
        grey.mean(),
        grey.std(),
        *np.percentile(grey, _PERCENTILES),
        border.mean(),
        border.std(),
        centre.mean(),
        centre.std(),
        np.abs(np.diff(grey, axis=0)).mean(),
        np.abs(np.diff(grey, axis=1)).mean(),
        (grey < 10).mean(),
        (grey > 245).mean(),
        cv2.Laplacian(grey, cv2.CV_64F).std(),
    ]


def interval(scores: Values, sample: Sample) -> tuple[float, float]:
    """Return the 95 % interval of the AUC over draws of patients."""
    low, high = np.percentile(list(_draws(scores, sample)), (2.5, 97.5))
    return float(low), float(high)


def _draws(scores: Values, sample: Sample) -> Iterator[float]:
    chance = np.random.default_rng(0)
    patients = np.unique(sample.patients)
    images = {each: np.flatnonzero(sample.patients == each) for each in patients}
    for _ in range(_DRAWS):
        drawn = np.concatenate([images[each] for each in chance.choice(patients, len(patients))])
        truth = sample.abnormal[drawn]
        if truth.any() and not truth.all():
            yield float(roc_auc_score(truth, scores[drawn]))


def main() -> None:
    """Print what grey values alone tell."""
    parser = argparse.ArgumentParser(prog="python -m bench.shortcuts", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_root() / "cxr")
    default = data_root() / "more" / "nih-621"
    parser.add_argument("--other", type=Path, action="append", help=f"default: {default}")
    wanted = parser.parse_args()
    learned = read(wanted.data, "train")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    model.fit(learned.statistics, learned.abnormal)
    measured = [(f"{wanted.data.name}, test part", read(wanted.data, "test"))]
    measured += [(folder.name, read(folder)) for folder in wanted.other or [default]]
    for name, sample in measured:
        scores = model.predict_proba(sample.statistics)[:, 1]
        auc, (low, high) = roc_auc_score(sample.abnormal, scores), interval(scores, sample)
        print(f"{name}: {len(scores)} images, AUC {auc:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
