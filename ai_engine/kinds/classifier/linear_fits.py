"""Logistic regressions that become layers: a kernel and a bias each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from ai_engine.errors import DatasetError

FloatArray = npt.NDArray[np.float32]
Truth = npt.NDArray[np.bool_]

STRENGTHS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
"""Inverse regularisations, for weights that sum to the number of images, that are tried."""

FOLDS = 5

SMALLEST_SPREAD = 1e-3
"""Channels that vary less than this count for less."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fit:
    """``kernel`` (features, 1) and ``bias`` (1,) of a logistic regression, and its log loss."""

    kernel: FloatArray
    bias: FloatArray
    loss: float


def balance(truth: Truth, sources: Sequence[str]) -> npt.NDArray[np.float64]:
    """Weights by which each source counts alike, and in it either answer; their mean is 1."""
    cells = [f"{source}/{answer}" for source, answer in zip(sources, truth, strict=True)]
    names, place, count = np.unique(cells, return_inverse=True, return_counts=True)
    return np.asarray(len(cells) / (len(names) * count[place]), dtype=np.float64)


def best_fit(
    features: FloatArray,
    truth: Truth,
    weights: npt.NDArray[np.float64],
    patients: Sequence[str],
    sources: Sequence[str],
) -> Fit:
    """Fit with the regularisation that ranks unseen patients best, the mean over the sources."""
    names = np.array(sources)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    parts = list(folds.split(features, truth, groups=np.array(patients)))
    quality = []
    for strength in STRENGTHS:
        scores = np.zeros(len(truth))
        for learned, held_out in parts:
            model = _regression(strength, len(learned))
            model.fit(features[learned], truth[learned], sample_weight=weights[learned])
            scores[held_out] = model.decision_function(features[held_out])
        quality.append(_mean_auc(truth, scores, names))
    model = _regression(STRENGTHS[int(np.argmax(quality))], len(truth))
    return _fit(model.fit(features, truth, sample_weight=weights), features, truth, weights)


def lungs_fit(places: FloatArray, lungs: FloatArray) -> Fit:
    """Where lungs are, cell by cell: ``lungs`` is the part of each cell that they cover.

    Raises
    ------
    DatasetError
        If there are no lungs, or nothing else.
    """
    inside = lungs > 0.5
    if inside.all() or not inside.any():
        raise DatasetError(
            "the lung model outlines no lungs, or nothing but lungs, on the images to learn from; "
            "look at them, or make another lung model active"
        )
    # A channel that hardly varies would get a weight that half precision cannot hold.
    mean, spread = places.mean(axis=0), np.maximum(places.std(axis=0), SMALLEST_SPREAD)
    shown = (places - mean) / spread
    model = LogisticRegression(C=1e-2, max_iter=200).fit(shown, inside)
    kernel = model.coef_[0] / spread
    bias = model.intercept_[0] - float(kernel @ mean)
    return Fit(
        kernel=np.asarray(kernel[:, None], dtype=np.float32),
        bias=np.array([bias], dtype=np.float32),
        loss=float(log_loss(inside, model.predict_proba(shown)[:, 1])),
    )


def drawn_fit(
    features: FloatArray, truth: Truth, *, start: tuple[FloatArray, float], strength: float
) -> Fit:
    """Fit on from a kernel (features,) and a bias, drawn to that kernel.

    ``strength`` weighs the squared distance from it, in deviations of each feature, against the
    mean log loss.
    """
    kernel, bias = start
    spread = np.maximum(features.std(axis=0), SMALLEST_SPREAD).astype(np.float64)
    signs = np.where(truth, 1.0, -1.0)

    def scores(moved: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(features @ (kernel + moved[:-1] / spread) + bias + moved[-1])

    def cost(moved: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        made = scores(moved)
        slopes = (expit(made) - truth) / len(truth)
        value = np.logaddexp(0, -signs * made).mean() + strength * (moved[:-1] ** 2).sum()
        gradient = features.T @ slopes / spread + 2 * strength * moved[:-1]
        return float(value), np.append(gradient, slopes.sum())

    nothing = np.zeros(len(kernel) + 1)
    moved = minimize(cost, nothing, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return Fit(
        kernel=np.asarray((kernel + moved[:-1] / spread)[:, None], dtype=np.float32),
        bias=np.array([bias + moved[-1]], dtype=np.float32),
        loss=float(np.logaddexp(0, -signs * scores(moved)).mean()),
    )


def _regression(strength: float, count: int) -> LogisticRegression:
    """scikit-learn sums the loss over the images; the strength is meant for their mean."""
    return LogisticRegression(C=strength * 1000 / count, max_iter=500)


def _mean_auc(truth: Truth, scores: npt.NDArray[np.float64], names: npt.NDArray[np.str_]) -> float:
    found = [
        roc_auc_score(truth[rows], scores[rows])
        for name in np.unique(names)
        if 0 < truth[rows := names == name].sum() < rows.sum()
    ]
    return float(np.mean(found)) if found else 0.5


def _fit(
    model: LogisticRegression,
    features: FloatArray,
    truth: Truth,
    weights: npt.NDArray[np.float64],
) -> Fit:
    made = model.predict_proba(features)[:, 1]
    return Fit(
        kernel=np.asarray(model.coef_.T, dtype=np.float32),
        bias=np.asarray(model.intercept_, dtype=np.float32),
        loss=float(log_loss(truth, made, sample_weight=weights, labels=[False, True])),
    )
